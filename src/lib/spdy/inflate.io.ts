// The receiving side of SPDY's compressed headers: one zlib stream for the whole connection.
import { createInflate } from 'node:zlib';
import type { Inflate } from 'node:zlib';
import { SpdyError } from './frame.ts';
import { headerDictionary } from './headers.ts';

/** A block that grows beyond this is an attack or a fault, not headers. */
const MAX_BLOCK_BYTES = 256 * 1024;

export class HeaderInflater {
  readonly #inflate: Inflate = createInflate({ dictionary: headerDictionary });
  #failed: ((e: Error) => void) | undefined;

  constructor() {
    this.#inflate.on('error', (e) => this.#failed?.(new SpdyError(`header block: ${e.message}`)));
  }

  /** Call for every block of the connection, one after another: each needs the state that the last one left. */
  async decompress(block: Uint8Array): Promise<Uint8Array> {
    const parts: Buffer[] = [];
    let length = 0;
    return new Promise((resolve, reject) => {
      this.#failed = reject;
      const take = (part: Buffer): void => {
        length += part.length;
        if (length > MAX_BLOCK_BYTES) {
          this.#inflate.destroy();
          reject(new SpdyError(`header block of more than ${MAX_BLOCK_BYTES} bytes`));
        } else parts.push(part);
      };
      this.#inflate.on('data', take);
      this.#inflate.write(block, () => {
        // zlib called back: what this block holds has been pushed; 'data' events follow in the same tick
        setImmediate(() => {
          this.#inflate.off('data', take);
          resolve(Buffer.concat(parts));
        });
      });
    });
  }

  close(): void {
    this.#inflate.destroy();
  }
}

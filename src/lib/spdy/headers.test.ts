import { createDeflate, createInflate, constants } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { SpdyError } from './frame.ts';
import { StoredCompressor, decodeHeaders, encodeHeaders, headerDictionary } from './headers.ts';
import { HeaderInflater } from './inflate.io.ts';

/** What Go's client writes: one deflate stream with the dictionary, flushed after every block. */
function goCompressor(): (block: Uint8Array) => Promise<Uint8Array> {
  const deflate = createDeflate({ dictionary: headerDictionary });
  return (block) =>
    new Promise((resolve) => {
      deflate.write(block);
      deflate.flush(constants.Z_SYNC_FLUSH, () => resolve(deflate.read() as Buffer));
    });
}

describe('header blocks', () => {
  it('know the dictionary of the draft', () => {
    let [a, b] = [1, 0]; // adler32: the id that stands in every SPDY/3 stream
    for (const byte of headerDictionary) {
      a = (a + byte) % 65_521;
      b = (b + a) % 65_521;
    }
    expect([headerDictionary.length, b * 65_536 + a]).toEqual([1_423, 0xe3c6a7c2]);
  });

  it('come out as they went in, names in lower case', () => {
    const block = encodeHeaders({ streamType: 'data', port: '80', empty: '', ä: 'ö' });
    expect(decodeHeaders(block)).toEqual({ streamtype: 'data', port: '80', empty: '', ä: 'ö' });
  });

  it.each([0, 3, 4, 7, 12])('refuse a block cut to %i bytes', (length) => {
    expect(() => decodeHeaders(encodeHeaders({ name: 'value' }).subarray(0, length))).toThrow(SpdyError);
  });

  it('are read from a stream as Go writes it, block after block', async () => {
    const compress = goCompressor();
    const inflater = new HeaderInflater();
    for (let i = 0; i < 50; i++) {
      const fields = { streamtype: i % 2 ? 'data' : 'error', port: '8080', requestid: String(i) };
      const block = await compress(encodeHeaders(fields));
      expect(decodeHeaders(await inflater.decompress(block))).toEqual(fields);
    }
    inflater.close();
  });

  it('are written so that every block is complete by itself', async () => {
    const compressor = new StoredCompressor();
    const inflate = createInflate({ dictionary: headerDictionary });
    for (const fields of [{}, { a: 'x'.repeat(70_000) }, {}] as Record<string, string>[]) {
      const wire = compressor.compress(encodeHeaders(fields));
      expect([...wire.subarray(-5)]).toEqual([0, 0, 0, 255, 255]); // sync flush
      const plain = await new Promise<Buffer>((resolve) => {
        const parts: Buffer[] = [];
        inflate.removeAllListeners('data').on('data', (part: Buffer) => parts.push(part));
        inflate.write(wire, () => setImmediate(() => resolve(Buffer.concat(parts))));
      });
      expect(decodeHeaders(plain)).toEqual(fields);
    }
  });

  it('refuse what is no zlib stream, and what grows beyond reason', async () => {
    const broken = new HeaderInflater();
    await expect(broken.decompress(Uint8Array.of(1, 2, 3, 4))).rejects.toThrow(SpdyError);
    const bomb = await goCompressor()(new Uint8Array(10_000_000));
    await expect(new HeaderInflater().decompress(bomb)).rejects.toThrow(/more than/);
  });
});

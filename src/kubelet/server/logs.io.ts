// Reads and follows a container's log file.
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { LogFormatter, TailScan } from './logs.ts';
import type { LogOptions } from './request.ts';

const BLOCK_BYTES = 64 * 1024;
/** A watch may be refused (inotify limits) or miss a network file system's change; then this is the delay. */
const POLL_MS = 250;

export interface LogSource {
  readonly path: string;
  readonly options: LogOptions;
  readonly nowMs: number;
  /** The container with this log has ended and all is written. */
  readonly ended: Promise<void>;
  /** The client is gone. */
  readonly signal: AbortSignal;
}

/** Throws ENOENT before its first piece when there is no file. */
export async function* readLog(source: LogSource): AsyncGenerator<Uint8Array, void, undefined> {
  const { options } = source;
  const sinceMs =
    options.sinceSeconds === undefined ? options.sinceTimeMs : source.nowMs - options.sinceSeconds * 1_000;
  const formatter = new LogFormatter({
    timestamps: options.timestamps,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(options.limitBytes === undefined ? {} : { limitBytes: options.limitBytes }),
  });
  const file = await open(source.path, 'r');
  const changes = options.follow ? new Changes(source) : undefined;
  try {
    let position = options.tailLines === undefined ? 0 : await tailStart(file, options.tailLines);
    const block = new Uint8Array(BLOCK_BYTES);
    while (!source.signal.aborted && !formatter.full) {
      changes?.arm(); // before the read, so that a change during it is not lost
      const final = changes?.ended ?? true;
      const { bytesRead } = await file.read(block, 0, block.length, position);
      position += bytesRead;
      if (bytesRead > 0) {
        const shown = formatter.push(block.subarray(0, bytesRead));
        if (shown.length > 0) yield shown;
      } else if (final) return;
      else await changes?.next();
    }
  } finally {
    changes?.close();
    await file.close();
  }
}

async function tailStart(file: FileHandle, lines: number): Promise<number> {
  const scan = new TailScan(lines);
  let end = (await file.stat()).size;
  while (end > 0) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const block = new Uint8Array(end - start);
    await file.read(block, 0, block.length, start);
    const found = scan.scan(block);
    if (found !== undefined) return start + found;
    end = start;
  }
  return 0;
}

/** Wakes a reader when the file grows, the container ends or the client goes. */
class Changes {
  ended = false;
  #wake: () => void = () => {};
  #woken: Promise<void> = Promise.resolve();
  readonly #watcher: FSWatcher | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(source: LogSource) {
    this.arm();
    const wake = (): void => this.#wake();
    void this.#awaitEnd(source.ended);
    source.signal.addEventListener('abort', wake, { once: true });
    this.#watcher = watchFile(source.path, wake);
    this.#timer = setInterval(wake, POLL_MS);
  }

  async #awaitEnd(ended: Promise<void>): Promise<void> {
    await ended;
    this.ended = true;
    this.#wake();
  }

  arm(): void {
    this.#woken = new Promise((resolve) => (this.#wake = resolve));
  }

  next(): Promise<void> {
    return this.#woken;
  }

  close(): void {
    this.#watcher?.close();
    clearInterval(this.#timer);
  }
}

function watchFile(path: string, wake: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, wake);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

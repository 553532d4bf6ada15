// One exec or attach as its client sees it, whatever carries it: WebSocket channels or SPDY streams.
import type { Readable, Writable } from 'node:stream';
import type { Ending } from './channels.ts';

export interface RemoteSession {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  onResize(listener: (columns: number, rows: number) => void): void;
  /** The connection is gone, by whichever side. */
  readonly closed: Promise<void>;
  /** Flushes the streams, says how it ended, closes. */
  finish(ending: Ending): Promise<void>;
}

/** All that `from` gives, in order and under backpressure; resolves at its end even when the target went away. */
export async function copyAll(from: Readable, to: Writable | undefined): Promise<void> {
  from.on('error', () => from.destroy());
  if (to === undefined) {
    from.resume();
    await new Promise<void>((resolve) => from.on('close', () => resolve()).on('end', () => resolve()));
    return;
  }
  try {
    for await (const chunk of from) {
      await copyChunk(chunk as Buffer, to); // also when it is gone: a command blocked on a full pipe never ends
    }
  } catch {
    // the source was destroyed with its command
  }
}

/** Resolves when the target takes more; to a target that is gone: at once, and the chunk is lost. */
export async function copyChunk(chunk: Uint8Array, to: Writable): Promise<void> {
  if (to.destroyed || to.writableEnded) return;
  if (!to.write(chunk)) await drained(to);
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
    if (stream.destroyed) done();
  });
}

/** Ends the stream and waits until everything written to it is handed on. */
export function endAndFlush(stream: Writable | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.on('close', () => resolve());
    stream.end(() => resolve());
  });
}

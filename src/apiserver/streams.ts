// Open watches: a queue of bytes each, and what ends it. A watcher that does not read is cut, so that it costs a bounded
// amount of memory; its client lists again, as after any end of a watch.
import { joinBytes } from '../lib/bytes.ts';
import type { Env } from '../client/types.ts';

/** Bytes that wait for one watcher. Many watchers' queues hold the same buffers, so little of it is really theirs. */
const queueLimitBytes = 8 << 20;
const bookmarkEveryMs = 60_000;

export interface WatchStream {
  readonly body: AsyncIterable<Uint8Array>;
  push(frame: Uint8Array): void;
  /** After what is queued. */
  end(): void;
  readonly ended: boolean;
}

export interface StreamOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Called each minute, and shortly before the timeout ends the watch. */
  readonly onBookmark: (() => void) | undefined;
  readonly onEnd: () => void;
}

export interface WatchStreams {
  open(options: StreamOptions): WatchStream;
  readonly count: number;
  closeAll(): void;
}

export function createWatchStreams(env: Env): WatchStreams {
  const streams = new Set<Queue>();
  let stopTick: (() => void) | undefined;
  const tick = (): void => {
    for (const s of streams) s.bookmark();
    stopTick = streams.size > 0 ? env.after(bookmarkEveryMs, tick) : undefined;
  };
  return {
    open(options) {
      const stream = new Queue(env, options, () => streams.delete(stream));
      streams.add(stream);
      // One timer for all watches, and none when there are none.
      stopTick ??= env.after(bookmarkEveryMs, tick);
      return stream;
    },
    get count() {
      return streams.size;
    },
    closeAll() {
      for (const s of streams) s.end();
      stopTick?.();
      stopTick = undefined;
    },
  };
}

class Queue implements WatchStream {
  ended = false;
  private frames: Uint8Array[] = [];
  private waitingBytes = 0;
  private wake: (() => void) | undefined;
  private readonly options: StreamOptions;
  private readonly env: Env;
  private readonly stopTimer: () => void;
  private readonly gone: () => void;

  constructor(env: Env, options: StreamOptions, gone: () => void) {
    this.env = env;
    this.options = options;
    this.gone = gone;
    this.stopTimer = env.after(options.timeoutMs, () => {
      this.bookmark();
      this.end();
    });
    if (options.signal?.aborted) this.end();
    else options.signal?.addEventListener('abort', this.cut);
  }

  private readonly cut = (): void => {
    this.frames = [];
    this.end();
  };

  push(frame: Uint8Array): void {
    if (this.ended) return;
    this.waitingBytes += frame.length;
    if (this.waitingBytes > queueLimitBytes) {
      this.env.log('warn', 'a watch is cut: its client does not read', { waitingBytes: this.waitingBytes });
      this.cut();
      return;
    }
    this.frames.push(frame);
    this.wakeUp();
  }

  bookmark(): void {
    if (!this.ended) this.options.onBookmark?.();
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.stopTimer();
    this.options.signal?.removeEventListener('abort', this.cut);
    this.gone();
    this.options.onEnd();
    this.wakeUp();
  }

  private wakeUp(): void {
    const { wake } = this;
    this.wake = undefined;
    wake?.();
  }

  get body(): AsyncIterable<Uint8Array> {
    return this.drain();
  }

  private async *drain(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const { frames } = this;
        this.frames = [];
        this.waitingBytes = 0;
        // One frame goes out as it is, the same buffer to every watcher; several are joined, for a write costs more.
        if (frames.length > 0) yield frames.length === 1 ? (frames[0] as Uint8Array) : joinBytes(frames);
        else if (this.ended) return;
        else await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      // The reader went away (its connection closed).
      this.cut();
    }
  }
}

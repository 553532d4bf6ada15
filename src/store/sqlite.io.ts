// The store on disk, as the main thread sees it: requests go to the worker that owns the database, events of committed
// writes go to the watchers before the writes' promises resolve.
import { Worker } from 'node:worker_threads';
import { workerUrl } from '../lib/worker.io.ts';
import type { StoreOpened, StoreReply, StoreRequest, StoreWorkerData, WriteRequest } from './messages.ts';
import {
  compactedError,
  type Entry,
  type RangeResult,
  type Store,
  StoreError,
  type StoreEvent,
  type WriteResult,
} from './types.ts';

interface Pending {
  readonly request: StoreRequest;
  readonly resolve: (result: unknown) => void;
  readonly reject: (e: Error) => void;
}

interface Watcher {
  readonly prefix: string;
  readonly listener: (events: readonly StoreEvent[]) => void;
  /** Events up to this revision were told. */
  told: number;
}

/** Fails with Locked when another process has it open, and with Failed when it is no store. */
export async function openSqliteStore(path: string, o: { maxBytes?: number } = {}): Promise<Store> {
  const worker = new Worker(workerUrl('store'), { workerData: { path, ...o } satisfies StoreWorkerData });
  const opened = await new Promise<StoreOpened>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  if ('error' in opened) {
    await worker.terminate();
    throw new StoreError(opened.error.code, opened.error.message);
  }
  return new SqliteStore(worker, opened.revision, opened.compacted);
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

class SqliteStore implements Store {
  private readonly worker: Worker;
  private newest: number;
  private compacted: number;
  private lastId = 0;
  private readonly pending = new Map<number, Pending>();
  private readonly watchers = new Set<Watcher>();
  /** Why nothing more can be asked. */
  private ended: StoreError | undefined;

  constructor(worker: Worker, revision: number, compacted: number) {
    this.worker = worker;
    this.newest = revision;
    this.compacted = compacted;
    worker.on('message', (replies: StoreReply[]) => this.take(replies));
    worker.on('error', (e) => this.fail(new StoreError('Failed', `the store's thread ended: ${e.message}`)));
    worker.on('exit', () => this.fail(new StoreError('Closed', 'the store is closed')));
    // What keeps the process alive is the server, not its store.
    worker.unref();
  }

  private fail(why: StoreError): void {
    this.ended ??= why;
    for (const p of this.pending.values()) p.reject(this.ended);
    this.pending.clear();
    this.watchers.clear();
    this.worker.unref();
  }

  private ask<T>(request: WithoutId<StoreRequest>): Promise<T> {
    if (this.ended) return Promise.reject(this.ended);
    this.lastId += 1;
    const withId = { ...request, id: this.lastId } as StoreRequest;
    return new Promise<T>((resolve, reject) => {
      this.pending.set(withId.id, { request: withId, resolve: resolve as (r: unknown) => void, reject });
      // A call under way keeps the process alive until it is answered.
      if (this.pending.size === 1) this.worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      this.worker.postMessage(withId);
    });
  }

  /** Events first and for the whole commit, then the promises: who awaited a write finds it in what watchers keep. */
  private take(replies: readonly StoreReply[]): void {
    const events = replies.flatMap((r) => this.eventOf(r));
    if (events.length > 0) {
      this.newest = (events.at(-1) as StoreEvent).revision;
      for (const w of this.watchers) tell(w, events);
    }
    for (const { id, result, error } of replies) {
      const p = this.pending.get(id);
      this.pending.delete(id);
      if (error) p?.reject(new StoreError(error.code, error.message));
      else p?.resolve(result);
    }
    if (this.pending.size === 0) this.worker.unref();
  }

  private eventOf({ id, result }: StoreReply): StoreEvent[] {
    const request = this.pending.get(id)?.request;
    const written = result as WriteResult | undefined;
    if (request?.op !== 'write' || !written?.ok) return [];
    return [{ revision: written.revision, key: request.key, value: request.value }];
  }

  revision(): number {
    return this.newest;
  }
  get(key: string): Promise<Entry | undefined> {
    return this.ask({ op: 'get', key });
  }
  put(key: string, value: string, expect: WriteRequest['expect']): Promise<WriteResult> {
    return this.ask({ op: 'write', key, value, expect });
  }
  delete(key: string, expect: WriteRequest['expect']): Promise<WriteResult> {
    return this.ask({ op: 'write', key, value: undefined, expect });
  }
  range(prefix: string, options = {}): Promise<RangeResult> {
    return this.ask({ op: 'range', prefix, options });
  }

  async watch(prefix: string, after: number, listener: (events: readonly StoreEvent[]) => void): Promise<() => void> {
    if (!this.ended && after < this.compacted) throw compactedError(after, this.compacted);
    // Joined before the log is read: commits that come meanwhile wait here until the log has been told.
    const early: StoreEvent[] = [];
    const joining: Watcher = { prefix: '', listener: (events) => void early.push(...events), told: after };
    this.watchers.add(joining);
    try {
      const missed = await this.ask<readonly StoreEvent[]>({ op: 'log', prefix, after });
      const watcher: Watcher = { prefix, listener, told: after };
      tell(watcher, missed);
      tell(watcher, early);
      this.watchers.add(watcher);
      return () => void this.watchers.delete(watcher);
    } finally {
      this.watchers.delete(joining);
    }
  }

  async compact(revision: number): Promise<void> {
    await this.ask({ op: 'compact', revision });
    this.compacted = Math.max(this.compacted, revision);
  }

  async close(): Promise<void> {
    if (this.ended) return;
    const done = this.ask({ op: 'close' });
    this.ended = new StoreError('Closed', 'the store is closed');
    this.watchers.clear();
    await done;
    await this.worker.terminate();
  }
}

function tell(w: Watcher, events: readonly StoreEvent[]): void {
  const news = events.filter((e) => e.revision > w.told && e.key.startsWith(w.prefix));
  if (news.length === 0) return;
  w.told = (news.at(-1) as StoreEvent).revision;
  w.listener(news);
}

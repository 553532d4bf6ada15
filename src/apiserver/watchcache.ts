// All objects in memory, as parsed JSON and as the very bytes that are served, with the recent events of each resource.
// Fed by one watch of the whole store, so that all resources share one order of revisions.
//
//   store event -> Cached (text, bytes, object) -> CacheEvent -> history of its resource -> watchers of the resource
//
// Memory is what limits the history: an event holds the bytes of one version of an object.
import { type KindRow, KINDS } from '../api/kinds.ts';
import type { KubeObject } from '../api/types.ts';
import { firstWhere } from '../store/sorted.ts';
import type { Store, StoreEvent } from '../store/types.ts';
import { keyPrefix, rowOfKey, servedText } from './objects.ts';

// Of a resource. Reached in events or in bytes, the older half is forgotten: one slice in thousands of events.
const historyEvents = 8192;
const historyBytes = 32 << 20;
const encoder = new TextEncoder();

/** One version of an object. The parsed object is shared by all readers: never change it. */
export interface Cached {
  readonly key: string;
  readonly revision: number;
  readonly object: KubeObject;
  readonly bytes: Uint8Array;
  /** As stored, i.e. without the resourceVersion. */
  readonly stored: string;
}

export interface CacheEvent {
  readonly revision: number;
  /** undefined: it did not exist. */
  readonly before: Cached | undefined;
  /** undefined: deleted. */
  readonly after: Cached | undefined;
  /** Frames made of this event so far, shared by all watchers that are told of it: 'ADDED', 'protobuf DELETED'. */
  readonly frames: Map<string, Uint8Array>;
}

export interface ResourceCache {
  readonly row: KindRow;
  get(key: string): Cached | undefined;
  /** Of a namespace, or all; in the order of their keys. */
  list(namespace?: string): readonly Cached[];
  /** Events after that revision, oldest first; undefined: too long ago. */
  since(revision: number): readonly CacheEvent[] | undefined;
  onEvent(listener: (event: CacheEvent) => void): () => void;
  /** Of the newest event of this resource; lists at any revision from here on are equal. */
  changedAt(): number;
  readonly size: number;
}

export interface WatchCache {
  revision(): number;
  resource(row: KindRow): ResourceCache;
  close(): void;
}

export function cached(key: string, stored: string, revision: number): Cached {
  const text = servedText(stored, revision);
  return { key, revision, stored, bytes: encoder.encode(text), object: JSON.parse(text) as KubeObject };
}

interface MutableResource extends ResourceCache {
  apply(event: StoreEvent): void;
  load(entry: Cached): void;
}

function resourceCache(row: KindRow, start: number): MutableResource {
  const objects = new Map<string, Cached>();
  /** Kept sorted: a list is a slice, not a sort. */
  const keys: string[] = [];
  let history: CacheEvent[] = [];
  /** Events after this revision are all in the history. */
  let completeAfter = start;
  let changedAt = start;
  let keptBytes = 0;
  const listeners = new Set<(event: CacheEvent) => void>();

  const sizeOf = (event: CacheEvent): number => (event.after ?? event.before)?.bytes.length ?? 0;
  const remember = (event: CacheEvent): void => {
    history.push(event);
    keptBytes += sizeOf(event);
    if (history.length < historyEvents && keptBytes < historyBytes) return;
    const half = history.length >> 1;
    completeAfter = (history[half - 1] ?? event).revision;
    history = history.slice(half);
    keptBytes = history.reduce((sum, e) => sum + sizeOf(e), 0);
  };

  const setObject = (key: string, value: Cached | undefined): void => {
    const known = objects.has(key);
    if (value) objects.set(key, value);
    else objects.delete(key);
    if (known === (value !== undefined)) return;
    const at = firstWhere(keys, (k) => k >= key);
    if (value) keys.splice(at, 0, key);
    else keys.splice(at, 1);
  };

  return {
    row,
    get: (key) => objects.get(key),
    list(namespace) {
      const prefix = keyPrefix(row, namespace);
      const found: Cached[] = [];
      for (let i = firstWhere(keys, (k) => k >= prefix); i < keys.length; i += 1) {
        const key = keys[i] as string;
        if (!key.startsWith(prefix)) break;
        found.push(objects.get(key) as Cached);
      }
      return found;
    },
    since(revision) {
      if (revision < completeAfter) return undefined;
      return history.slice(firstWhere(history, (e) => e.revision > revision));
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    changedAt: () => changedAt,
    get size() {
      return objects.size;
    },
    load: (entry) => setObject(entry.key, entry),
    apply(e) {
      const before = objects.get(e.key);
      const after = e.value === undefined ? undefined : cached(e.key, e.value, e.revision);
      setObject(e.key, after);
      changedAt = e.revision;
      const event: CacheEvent = { revision: e.revision, before, after, frames: new Map() };
      remember(event);
      // A Set may change while it is walked; who joins meanwhile has this event from the history and knows its revision.
      for (const listener of listeners) listener(event);
      // Whoever comes later is rare, and makes them again.
      event.frames.clear();
    },
  };
}

export async function createWatchCache(store: Store): Promise<WatchCache> {
  const all = await store.range('');
  let revision = all.revision;
  const resources = new Map(KINDS.map((row) => [row.kind, resourceCache(row, all.revision)]));
  const of = (key: string): MutableResource | undefined => {
    const row = rowOfKey(key);
    return row && resources.get(row.kind);
  };
  for (const e of all.entries) of(e.key)?.load(cached(e.key, e.value, e.revision));
  const stop = await store.watch('', all.revision, (events) => {
    for (const e of events) {
      // Set first: a watcher told of this event may ask for the revision.
      revision = e.revision;
      of(e.key)?.apply(e);
    }
  });
  return {
    revision: () => revision,
    resource: (row) => resources.get(row.kind) as ResourceCache,
    close: stop,
  };
}

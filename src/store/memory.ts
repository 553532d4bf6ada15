// The store in memory: the fake of the contract, and the real thing for simulations and tests. Nothing outlives it.
import { firstWhere } from './sorted.ts';
import {
  compactedError,
  type Entry,
  type Expect,
  FIRST_REVISION,
  futureError,
  type RangeOptions,
  type RangeResult,
  type Store,
  StoreError,
  type StoreEvent,
  type WriteResult,
} from './types.ts';

interface Version {
  readonly revision: number;
  readonly value: string | undefined;
}

export interface MemoryFaults {
  /** Asked before each write; what it returns is thrown instead of writing (e.g. a full disk). */
  write?: (key: string) => StoreError | undefined;
}

interface Watcher {
  readonly prefix: string;
  readonly listener: (events: readonly StoreEvent[]) => void;
}

const valueAt = (versions: readonly Version[], revision: number): Version | undefined => {
  const found = versions[firstWhere(versions, (v) => v.revision > revision) - 1];
  return found?.value === undefined ? undefined : found;
};

export function memoryStore(faults: MemoryFaults = {}): Store {
  /** Every key with a version still kept, sorted; and its versions, oldest first. */
  const keys: string[] = [];
  const history = new Map<string, Version[]>();
  let log: StoreEvent[] = [];
  let revision = FIRST_REVISION;
  let compacted = FIRST_REVISION;
  let closed = false;
  const watchers = new Set<Watcher>();

  const checkOpen = (): void => {
    if (closed) throw new StoreError('Closed', 'the store is closed');
  };
  const current = (key: string): Entry | undefined => {
    const last = history.get(key)?.at(-1);
    return last?.value === undefined ? undefined : { key, value: last.value, revision: last.revision };
  };
  const versionsOf = (key: string): Version[] => {
    const known = history.get(key);
    if (known) return known;
    const fresh: Version[] = [];
    history.set(key, fresh);
    keys.splice(
      firstWhere(keys, (k) => k > key),
      0,
      key,
    );
    return fresh;
  };

  const write = async (key: string, value: string | undefined, expect: Expect): Promise<WriteResult> => {
    checkOpen();
    const found = current(key);
    const mismatch = expect !== undefined && (found?.revision ?? 0) !== expect;
    if (mismatch || (value === undefined && !found)) return { ok: false, current: found };
    const fault = faults.write?.(key);
    if (fault) throw fault;
    revision += 1;
    const event: StoreEvent = { revision, key, value };
    versionsOf(key).push({ revision, value });
    log.push(event);
    for (const w of watchers) if (key.startsWith(w.prefix)) w.listener([event]);
    return { ok: true, revision: event.revision };
  };

  const range = (prefix: string, options: RangeOptions): RangeResult => {
    const at = options.revision ?? revision;
    if (at > revision) throw futureError(at, revision);
    if (at < compacted) throw compactedError(at, compacted);
    const from = firstWhere(keys, (k) => k >= prefix && (options.after === undefined || k > options.after));
    const entries: Entry[] = [];
    let remaining = 0;
    for (let i = from; i < keys.length && (keys[i] as string).startsWith(prefix); i += 1) {
      const key = keys[i] as string;
      const version = valueAt(history.get(key) ?? [], at);
      if (version?.value === undefined) continue;
      if (options.limit !== undefined && entries.length >= options.limit) remaining += 1;
      else entries.push({ key, value: version.value, revision: version.revision });
    }
    return { entries, revision: at, remaining };
  };

  const forget = (until: number): void => {
    if (until > revision) throw futureError(until, revision);
    if (until <= compacted) return;
    compacted = until;
    log = log.slice(firstWhere(log, (e) => e.revision > until));
    for (let i = keys.length - 1; i >= 0; i -= 1) {
      const key = keys[i] as string;
      const versions = history.get(key) ?? [];
      // The state at `until` stays readable, so its newest version there is kept, unless that is a deletion.
      const keptFrom = Math.max(0, firstWhere(versions, (v) => v.revision > until) - 1);
      const first = versions[keptFrom];
      const gone = first !== undefined && first.revision <= until && first.value === undefined;
      versions.splice(0, gone ? keptFrom + 1 : keptFrom);
      if (versions.length > 0) continue;
      history.delete(key);
      keys.splice(i, 1);
    }
  };

  return {
    revision: () => revision,
    get: async (key) => {
      checkOpen();
      return current(key);
    },
    put: (key, value, expect) => write(key, value, expect),
    delete: (key, expect) => write(key, undefined, expect),
    range: async (prefix, options = {}) => {
      checkOpen();
      return range(prefix, options);
    },
    watch: async (prefix, after, listener) => {
      checkOpen();
      if (after < compacted) throw compactedError(after, compacted);
      const missed = log.slice(firstWhere(log, (e) => e.revision > after)).filter((e) => e.key.startsWith(prefix));
      // Told before the watcher is registered: no write can come between, for nothing here is awaited.
      if (missed.length > 0) listener(missed);
      // A watch of the future sees nothing until then.
      const watcher: Watcher = {
        prefix,
        listener:
          after <= revision ? listener : (events) => events[0] && events[0].revision > after && listener(events),
      };
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    compact: async (until) => {
      checkOpen();
      forget(until);
    },
    close: async () => {
      closed = true;
      watchers.clear();
    },
  };
}

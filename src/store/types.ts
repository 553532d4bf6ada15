// The store: one growing revision, compare-and-set writes, ranges at a revision, and one ordered log of events that can
// be watched from any revision not yet compacted away. Values are opaque text. Modelled on what Kubernetes needs of etcd.
//
//   put/delete --> revision n+1 --> event {revision, key, value | undefined} --> watchers, in order, each event once
//
// What every implementation promises (contract.ts holds them to it):
// - a write's promise resolves only when the write outlives a crash, and after every watcher has seen its event;
// - a write that failed left nothing: neither an event nor a value, and its revision is given to the next write.

/** Of a fresh store. Never 0: in the Kubernetes API resourceVersion "0" means "any". */
export const FIRST_REVISION = 1;

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Of the write that made this value. */
  readonly revision: number;
}

export interface StoreEvent {
  readonly revision: number;
  readonly key: string;
  /** undefined: deleted. */
  readonly value: string | undefined;
}

/**
 * What the key must look like for a write to happen: 0 it must not exist, n it must have been written at n,
 * undefined it does not matter.
 */
export type Expect = number | undefined;

/** Losing a race is an expected answer, not an error: `current` is what was found instead. */
export type WriteResult =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly current: Entry | undefined };

export interface RangeOptions {
  /** Only keys after this one: where the page before ended. */
  readonly after?: string;
  readonly limit?: number;
  /** State as it was at this revision; without: now. */
  readonly revision?: number;
}

export interface RangeResult {
  /** In the order of their keys. */
  readonly entries: readonly Entry[];
  /** The revision that this is the state of. */
  readonly revision: number;
  /** Keys of the range that come after the last entry. */
  readonly remaining: number;
}

export interface Store {
  /** Of the newest write that watchers have seen. */
  revision(): number;
  get(key: string): Promise<Entry | undefined>;
  put(key: string, value: string, expect: Expect): Promise<WriteResult>;
  /** Deleting what is not there is { ok: false, current: undefined }. */
  delete(key: string, expect: Expect): Promise<WriteResult>;
  range(prefix: string, options?: RangeOptions): Promise<RangeResult>;
  /** Every event of the prefix after that revision, in order and in batches. Returns how to stop. */
  watch(prefix: string, after: number, listener: (events: readonly StoreEvent[]) => void): Promise<() => void>;
  /** Forgets what was before this revision: older ranges and watches fail with Compacted from then on. */
  compact(revision: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Compacted: that revision is forgotten. Future: it is not reached yet. Full: no space, nothing was written.
 * Locked: another process has the store open. Failed: the backend broke; nothing more can be written. Closed: by us.
 */
export type StoreErrorCode = 'Compacted' | 'Future' | 'Full' | 'Locked' | 'Failed' | 'Closed';

export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string) {
    super(message);
    this.name = 'StoreError';
    this.code = code;
  }
}

const codeOf = (e: unknown): StoreErrorCode | undefined => (e instanceof StoreError ? e.code : undefined);
export const isCompacted = (e: unknown): boolean => codeOf(e) === 'Compacted';
export const isFuture = (e: unknown): boolean => codeOf(e) === 'Future';

export const compactedError = (revision: number, compacted: number): StoreError =>
  new StoreError('Compacted', `revision ${revision} was asked for, everything before ${compacted} is compacted`);
export const futureError = (revision: number, current: number): StoreError =>
  new StoreError('Future', `revision ${revision} was asked for, the newest is ${current}`);

/** First key after all keys that start with the prefix; undefined: there is none (empty prefix). */
export function prefixEnd(prefix: string): string | undefined {
  if (prefix === '') return undefined;
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

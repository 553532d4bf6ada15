// What a component needs of the API: typed calls, a cache to read, and changes to write, all as values.
import type { Draft, Kind, KindMap, KubeObject, Pod } from '../api/types.ts';

export interface Key {
  readonly namespace?: string;
  readonly name: string;
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface DeleteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export type PatchType = 'merge' | 'strategic' | 'json' | 'apply';

/** Calls throw ApiError (api/status.ts); `get` answers undefined for 404. */
export interface Client {
  get<K extends Kind>(kind: K, key: Key): Promise<KindMap[K] | undefined>;
  list<K extends Kind>(kind: K, options?: ListOptions): Promise<{ items: KindMap[K][]; resourceVersion: string }>;
  watch<K extends Kind>(
    kind: K,
    options: ListOptions & { resourceVersion: string; signal: AbortSignal },
  ): AsyncIterable<WatchEvent<KindMap[K]>>;
  create<K extends Kind>(kind: K, object: Draft<KindMap[K]>): Promise<KindMap[K]>;
  update<K extends Kind>(kind: K, object: KindMap[K], subresource?: 'status' | 'finalize'): Promise<KindMap[K]>;
  patch<K extends Kind>(
    kind: K,
    key: Key,
    type: PatchType,
    body: unknown,
    subresource?: 'status' | 'scale',
  ): Promise<KindMap[K]>;
  /** The object as it is after the call: terminating, or as it last was. */
  delete<K extends Kind>(kind: K, key: Key, options?: DeleteOptions): Promise<KindMap[K] | undefined>;
  bind(key: Key, uid: string, node: string): Promise<void>;
}

/** A consistent read of the process's cache. Objects are shared: never change one. */
export interface View {
  get<K extends Kind>(kind: K, namespace: string | undefined, name: string): KindMap[K] | undefined;
  list<K extends Kind>(kind: K, namespace?: string): readonly KindMap[K][];
  /** Objects whose ownerReferences name this uid (controller or not). */
  owned<K extends Kind>(kind: K, ownerUid: string): readonly KindMap[K][];
  /** Pods bound to this node; '' gives those bound to none. The array stays the same one until a pod of it changes. */
  podsOn(node: string): readonly Pod[];
}

/** One write, as a value. `why` is for people: it stands in logs and in the simulation's trace. */
export type Change = { readonly why: string } & (
  | { readonly op: 'create'; readonly kind: Kind; readonly object: Draft<KubeObject> }
  | {
      readonly op: 'update';
      readonly kind: Kind;
      readonly object: KubeObject;
      readonly subresource?: 'status' | 'finalize';
    }
  | {
      readonly op: 'patch';
      readonly kind: Kind;
      readonly namespace?: string;
      readonly name: string;
      /** JSON merge patch (RFC 7386). */
      readonly patch: unknown;
      readonly subresource?: 'status';
    }
  | ({ readonly op: 'delete'; readonly kind: Kind; readonly namespace?: string; readonly name: string } & DeleteOptions)
  | {
      readonly op: 'bind';
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
      readonly node: string;
    }
  | {
      readonly op: 'event';
      readonly regarding: KubeObject;
      readonly type: 'Normal' | 'Warning';
      readonly reason: string;
      readonly message: string;
      /** e.g. 'kubelet', 'default-scheduler', 'deployment-controller'. */
      readonly source: string;
    }
);

export interface Plan {
  readonly changes: readonly Change[];
  /** ms since the epoch: look at this key again then even if nothing changes. */
  readonly requeueAt?: number;
}

/** A controller is data and two pure functions. Siblings meet in API objects, never in imports. */
export interface Controller {
  readonly name: string;
  readonly watches: readonly Kind[];
  /** What it writes, e.g. 'Pod', 'Deployment/status'; the runner refuses any other change. */
  readonly writes: readonly string[];
  /** Which keys to look at after this change of an object (old undefined: added; deleted: object is its last state). */
  keys(change: ObjectChange, view: View): readonly string[];
  /** Keys to look at once at the start, whatever objects there are. */
  readonly startKeys?: readonly string[];
  /** How many keys are worked on at a time (4 when absent). 1: a plan sees the writes of all plans before it. */
  readonly concurrency?: number;
  /** Of several waiting keys the lowest number goes first; in order of arrival when absent or equal. */
  order?(view: View, key: string): number;
  plan(view: View, key: string, nowMs: number): Plan;
  /** What to read from the server before the plan, where a cache that lags behind would do harm: an object or a whole kind. */
  reads?(
    view: View,
    key: string,
  ): readonly { readonly kind: Kind; readonly namespace?: string; readonly name?: string }[];
  /** What else to write when the API refused a change of a plan, e.g. an event that says so. */
  failed?(view: View, key: string, change: Change, error: Error, nowMs: number): readonly Change[];
}

export interface ObjectChange {
  readonly kind: Kind;
  readonly type: 'added' | 'modified' | 'deleted';
  readonly object: KubeObject;
  readonly old?: KubeObject;
}

/** A cache fed by list and watch; own writes are visible in it at once. */
export interface Cache extends View {
  /** Resolves when each kind has been listed once. */
  readonly synced: Promise<void>;
  onChange(listener: (change: ObjectChange) => void): () => void;
  /** Takes an object from a write's answer or a fresh read; older than what is held: ignored. */
  observe(kind: Kind, object: KubeObject, deleted?: boolean): void;
  /** Reads a kind (of one namespace) from the server now and brings the cache to at least that state. */
  refresh(kind: Kind, namespace?: string): Promise<void>;
  close(): void;
}

export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields?: Record<string, unknown>,
) => void;

/** Time and chance, handed in. */
export interface Env {
  nowMs(): number;
  /** [0, 1) */
  random(): number;
  uuid(): string;
  /** Calls back once after delayMs; returns a cancel function. */
  after(delayMs: number, callback: () => void): () => void;
  readonly log: Log;
}

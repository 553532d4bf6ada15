// The process's picture of the cluster: per kind one list, then a watch from there on, for good.
//
//   list at revision R -> replace -> watch from R -> put / remove -> ... the watch ends -> watch on from the last revision
//     ^                                                                 410 Gone -----+
//     +-------------------------------------------------------------------------------+
//
// Own writes come in through observe() before their watch event does: a controller that looks again at once must see
// what it has just created, or it creates it twice.
import { isExpired } from '../api/status.ts';
import type { Kind, KindMap, KubeObject, Pod } from '../api/types.ts';
import { Objects, revision } from './objects.ts';
import type { Cache, Client, Env, ObjectChange, View } from './types.ts';

export interface CachedKind {
  readonly kind: Kind;
  readonly fieldSelector?: string;
  readonly namespace?: string;
}

const backoffFirstMs = 50;
const backoffMaxMs = 2_000;
/** A watch that lived this long was no failure, even if it brought nothing. */
const settledMs = 5_000;

export function createCache(client: Client, env: Env, kinds: readonly CachedKind[]): Cache {
  const tables = new Map(kinds.map((k) => [k.kind, new Objects(k.kind)]));
  const options = new Map(kinds.map((k) => [k.kind, k]));
  const listeners = new Set<(change: ObjectChange) => void>();
  const stopping = new AbortController();
  const publish = (changes: readonly ObjectChange[]): void => {
    for (const change of changes) for (const listener of listeners) listener(change);
  };
  const table = (kind: Kind): Objects => {
    const found = tables.get(kind);
    if (!found) throw new Error(`this cache does not hold ${kind}`);
    return found;
  };

  const followed = kinds.map((k) => {
    const objects = table(k.kind);
    return new Promise<void>((listed) => {
      void follow({ client, env, signal: stopping.signal, kind: k, objects, publish, listed });
    });
  });

  return {
    ...viewOfTables(table),
    synced: Promise.all(followed).then(() => undefined),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    observe(kind, object, deleted) {
      const objects = tables.get(kind);
      const k = options.get(kind);
      if (!objects || !k || (k.namespace !== undefined && object.metadata.namespace !== k.namespace)) return;
      // A uid never comes back after a real deletion, whatever its last revision was.
      if (deleted) return publish(objects.remove(object, Number.POSITIVE_INFINITY));
      // Whether a new object matches the field selector is the server's to say; a held one does.
      const held = objects.get(object.metadata.namespace, object.metadata.name);
      if (k.fieldSelector !== undefined && held === undefined) return;
      publish(objects.put(object));
    },
    async refresh(kind, namespace) {
      const k = options.get(kind);
      const objects = table(kind);
      const within = namespace ?? k?.namespace;
      const list = await client.list(kind, { namespace: within, fieldSelector: k?.fieldSelector });
      publish(objects.replace(list.items, Number(list.resourceVersion), within));
    },
    close: () => stopping.abort(),
  };
}

function viewOfTables(table: (kind: Kind) => Objects): View {
  return {
    get: (kind, namespace, name) => table(kind).get(namespace, name) as KindMap[typeof kind] | undefined,
    list: (kind, namespace) => table(kind).list(namespace) as readonly KindMap[typeof kind][],
    owned: (kind, uid) => table(kind).owned(uid) as readonly KindMap[typeof kind][],
    podsOn: (node) => table('Pod').onNode(node) as readonly Pod[],
  };
}

/** A view of these objects alone, indexed as the cache indexes them: for plans under test and for dry runs. */
export function viewOf(objects: readonly KubeObject[]): View {
  const tables = new Map<Kind, Objects>();
  const table = (kind: Kind): Objects => {
    let found = tables.get(kind);
    if (!found) tables.set(kind, (found = new Objects(kind)));
    return found;
  };
  for (const object of objects) table(object.kind as Kind).put(object);
  return viewOfTables(table);
}

interface Followed {
  readonly client: Client;
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly kind: CachedKind;
  readonly objects: Objects;
  publish(changes: readonly ObjectChange[]): void;
  listed(): void;
}

/** Keeps one kind's table up to date until the signal. Never throws: it says what failed and tries again. */
async function follow(f: Followed): Promise<void> {
  const { kind, namespace, fieldSelector } = f.kind;
  let from: string | undefined;
  let failures = 0;
  while (!f.signal.aborted) {
    const startedMs = f.env.nowMs();
    try {
      if (from === undefined) {
        const list = await f.client.list(kind, { namespace, fieldSelector });
        f.publish(f.objects.replace(list.items, Number(list.resourceVersion), namespace));
        from = list.resourceVersion;
        f.listed();
      }
      const events = f.client.watch(kind, { namespace, fieldSelector, resourceVersion: from, signal: f.signal });
      for await (const event of events) {
        failures = 0;
        if (event.type === 'BOOKMARK') from = event.resourceVersion;
        else {
          from = event.object.metadata.resourceVersion;
          const gone = event.type === 'DELETED';
          f.publish(gone ? f.objects.remove(event.object, revision(event.object)) : f.objects.put(event.object));
        }
      }
      // The server ends watches now and then; going on from the last revision misses nothing.
    } catch (e) {
      if (f.signal.aborted) return;
      const expired = isExpired(e);
      if (expired) from = undefined;
      f.env.log(!expired && isWorthSaying(failures) ? 'warn' : 'debug', `watch ${kind}: ${String(e)}`, {
        from,
        failures,
      });
    }
    if (f.signal.aborted) return;
    if (f.env.nowMs() - startedMs > settledMs) failures = 0;
    // Also after a watch that ended at once without a word: never a busy loop.
    const delayMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** failures) * (0.5 + f.env.random() / 2);
    failures++;
    await pause(f.env, f.signal, delayMs);
  }
}

/** Not a start or a restart of the server (seconds); and ever more seldom what goes on. */
const isWorthSaying = (failures: number): boolean => failures >= 8 && Number.isInteger(Math.log2(failures));

function pause(env: Env, signal: AbortSignal, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = env.after(delayMs, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    function stop(): void {
      cancel();
      resolve();
    }
    signal.addEventListener('abort', stop, { once: true });
  });
}

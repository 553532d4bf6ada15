// Carries out Changes, one call each, without decisions; what the server answers goes into the cache at once.
import { isAlreadyExists, isConflict, isNotFound } from '../api/status.ts';
import type { Kind, KubeObject } from '../api/types.ts';
import { isTerminating } from './pods.ts';
import { eventObject, eventPatch, eventSeries } from './events.ts';
import type { Cache, Change, Client, Env } from './types.ts';

export interface Executor {
  /** Throws what the API answered. A failed event is logged and no more: nothing waits for events. */
  execute(change: Change): Promise<void>;
}

type Held = Pick<Cache, 'get' | 'observe'>;

export function createExecutor(client: Client, cache: Held, env: Env): Executor {
  const recorder = createRecorder(client, env);
  return {
    async execute(change) {
      if (change.op === 'event') return recorder(change);
      try {
        await call(client, cache, change);
      } catch (e) {
        await lookAgain(client, cache, change, e);
        // What was to go is gone.
        if (!(change.op === 'delete' && isNotFound(e))) throw e;
      }
    },
  };
}

async function call(client: Client, cache: Held, change: Exclude<Change, { op: 'event' }>): Promise<void> {
  switch (change.op) {
    case 'create': {
      const { kind } = change;
      cache.observe(kind, await client.create(kind, change.object));
      return;
    }
    case 'update': {
      const answer = await client.update(change.kind, change.object, change.subresource);
      // Taking the last finalizer of a terminating object away removes it, and the answer is its last state.
      cache.observe(change.kind, answer, isGone(answer));
      return;
    }
    case 'patch': {
      const answer = await client.patch(change.kind, change, 'merge', change.patch, change.subresource);
      cache.observe(change.kind, answer, isGone(answer));
      return;
    }
    case 'delete': {
      const { op: _op, why: _why, kind, namespace, name, ...options } = change;
      const held = heldBefore(cache, kind, namespace, name);
      const answer = await client.delete(kind, { namespace, name }, options);
      // What is gone at once is answered as it last was: without a mark, or still within the grace that was cut short.
      const atOnce = options.gracePeriodSeconds === 0 && !answer?.metadata.finalizers?.length;
      if (answer) cache.observe(kind, answer, atOnce || !isTerminating(answer) || isGone(answer));
      else if (held) cache.observe(kind, held, true);
      return;
    }
    case 'bind': {
      await client.bind(change, change.uid, change.node);
      const pod = await client.get('Pod', change);
      if (pod) cache.observe('Pod', pod);
    }
  }
}

/** Whether an answer tells of an object that the store no longer has: terminating, with nothing to wait for. */
function isGone(o: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = o.metadata;
  if (deletionTimestamp === undefined || (finalizers?.length ?? 0) > 0) return false;
  const held = (o as { spec?: { finalizers?: string[] } }).spec?.finalizers;
  if (o.kind === 'Namespace' && (held?.length ?? 0) > 0) return false;
  return !deletionGracePeriodSeconds;
}

const heldBefore = (cache: Held, kind: Kind, namespace: string | undefined, name: string): KubeObject | undefined => {
  try {
    return cache.get(kind, namespace, name);
  } catch {
    return undefined; // A kind that is written but not watched.
  }
};

/** After "conflict", "not found" or "already exists" the cache was behind: bring this object up to date. */
async function lookAgain(client: Client, cache: Held, change: Change, error: unknown): Promise<void> {
  if (change.op === 'event' || !(isConflict(error) || isNotFound(error) || isAlreadyExists(error))) return;
  const kind = change.op === 'bind' ? 'Pod' : change.kind;
  const meta = 'object' in change ? change.object.metadata : change;
  if (meta.name === undefined) return;
  const held = heldBefore(cache, kind, meta.namespace, meta.name);
  const now = await client.get(kind, { namespace: meta.namespace, name: meta.name });
  if (now) cache.observe(kind, now);
  else if (held) cache.observe(kind, held, true);
}

/** How many series of events are remembered to be counted up; older ones are read again from the server. */
const seriesKept = 1024;

function createRecorder(client: Client, env: Env): (change: Extract<Change, { op: 'event' }>) => void {
  // Per series the write under way: counts of one series must not overtake each other.
  const series = new Map<string, Promise<number>>();

  async function record(change: Extract<Change, { op: 'event' }>, name: string, before: Promise<number> | undefined) {
    const counted = (await before) ?? 0;
    const key = { namespace: change.regarding.metadata.namespace ?? 'default', name };
    const nowMs = env.nowMs();
    try {
      if (counted > 0) {
        const seen = await client.patch('Event', key, 'merge', eventPatch(counted + 1, nowMs));
        return seen.count ?? counted + 1;
      }
      await client.create('Event', eventObject(change, name, nowMs));
      return 1;
    } catch (e) {
      if (isAlreadyExists(e)) {
        const seen = await client.get('Event', key);
        const count = (seen?.count ?? 0) + 1;
        await client.patch('Event', key, 'merge', eventPatch(count, nowMs));
        return count;
      }
      if (!isNotFound(e) || counted === 0) throw e;
      await client.create('Event', eventObject(change, name, nowMs));
      return 1;
    }
  }

  return (change) => {
    const name = eventSeries(change);
    const before = series.get(name);
    const next = record(change, name, before).catch((e: unknown) => {
      env.log('debug', `event ${change.reason} not recorded: ${String(e)}`);
      return 0;
    });
    series.delete(name);
    series.set(name, next);
    if (series.size > seriesKept) {
      const oldest = series.keys().next().value;
      if (oldest !== undefined) series.delete(oldest);
    }
  };
}

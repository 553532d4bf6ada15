import { describe, expect, it } from 'vitest';
import { failure } from '../api/status.ts';
import type { KubeObject, Pod } from '../api/types.ts';
import { createCache } from './cache.ts';
import { Objects } from './objects.ts';
import type { Client, Env, ObjectChange, WatchEvent } from './types.ts';

const pod = (
  name: string,
  rv: number,
  uid = `uid-${name}`,
  more: Partial<KubeObject['metadata']> = {},
  nodeName?: string,
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'a',
    uid,
    resourceVersion: String(rv),
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...more,
  },
  spec: { containers: [], nodeName },
});
const names = (changes: readonly ObjectChange[]): string[] =>
  changes.map((c) => `${c.type} ${c.object.metadata.name}@${c.object.metadata.resourceVersion}`);

describe('Objects', () => {
  it('keeps the newest state of each object, whatever the order of arrival', () => {
    const o = new Objects('Pod');
    expect(names(o.put(pod('x', 5)))).toEqual(['added x@5']);
    expect(o.put(pod('x', 5))).toEqual([]);
    expect(o.put(pod('x', 4))).toEqual([]);
    expect(names(o.put(pod('x', 6)))).toEqual(['modified x@6']);
  });

  it('does not revive what was deleted by a late event, but takes a new object of the name', () => {
    const o = new Objects('Pod');
    o.put(pod('x', 5));
    expect(names(o.remove(pod('x', 5), Number.POSITIVE_INFINITY))).toEqual(['deleted x@5']);
    expect(o.put(pod('x', 7))).toEqual([]);
    expect(names(o.put(pod('x', 8, 'another')))).toEqual(['added x@8']);
    expect(o.remove(pod('x', 5), 9)).toEqual([]);
  });

  it('says deleted and added when a name was taken anew unseen', () => {
    const o = new Objects('Pod');
    o.put(pod('x', 5));
    expect(names(o.put(pod('x', 9, 'another')))).toEqual(['deleted x@5', 'added x@9']);
  });

  it('drops what a list lacks, but not what was written after the list', () => {
    const o = new Objects('Pod');
    o.put(pod('old', 3));
    o.put(pod('own', 12));
    expect(names(o.replace([pod('x', 7)], 10))).toEqual(['deleted old@3', 'added x@7']);
    expect(o.list('a').map((p) => p.metadata.name)).toEqual(['own', 'x']);
  });

  it('finds by owner and by node, and keeps an array until it changes', () => {
    const o = new Objects('Pod');
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u' };
    o.put(pod('x', 1, 'x', { ownerReferences: [owner] }));
    o.put(pod('y', 2, 'y', {}, 'n1'));
    expect(o.owned('u').map((p) => p.metadata.name)).toEqual(['x']);
    const before = o.onNode('n1');
    o.put(pod('x', 3, 'x', {}, 'n2'));
    expect(o.owned('u')).toEqual([]);
    expect(o.onNode('')).toEqual([]);
    expect(o.onNode('n1')).toBe(before);
    expect(o.onNode('n2').map((p) => p.metadata.name)).toEqual(['x']);
  });
});

/** A client whose lists and watches the test feeds. */
function feed() {
  const lists: (() => { items: Pod[]; resourceVersion: string })[] = [];
  const watches: { from: string; push(e: WatchEvent<Pod>): void; end(error?: Error): void }[] = [];
  const client = {
    list: async () => (lists.shift() ?? (() => ({ items: [], resourceVersion: '1' })))(),
    async *watch(_kind: string, o: { resourceVersion: string }) {
      const queue: WatchEvent<Pod>[] = [];
      let ended: Error | true | undefined;
      let wake = (): void => undefined;
      watches.push({
        from: o.resourceVersion,
        push: (e) => (queue.push(e), wake()),
        end: (error) => ((ended = error ?? true), wake()),
      });
      for (;;) {
        const next = queue.shift();
        if (next) yield next;
        else if (ended === true) return;
        else if (ended) throw ended;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  } as unknown as Client;
  const timers: (() => void)[] = [];
  const env: Env = {
    nowMs: () => 0,
    random: () => 0.5,
    uuid: () => '',
    after: (_delayMs, callback) => (timers.push(callback), () => undefined),
    log: () => undefined,
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { client, env, lists, watches, timers, settle };
}

describe('the cache', () => {
  it('goes on from the last revision when a watch ends, and lists again when that is too old', async () => {
    const f = feed();
    f.lists.push(() => ({ items: [pod('x', 3)], resourceVersion: '4' }));
    f.lists.push(() => ({ items: [pod('z', 50)], resourceVersion: '60' }));
    const cache = createCache(f.client, f.env, [{ kind: 'Pod' }]);
    const seen: string[] = [];
    cache.onChange((c) => seen.push(...names([c])));
    await cache.synced;
    await f.settle();
    f.watches[0]?.push({ type: 'ADDED', object: pod('y', 6) });
    f.watches[0]?.push({ type: 'BOOKMARK', resourceVersion: '9' });
    f.watches[0]?.end();
    await f.settle();
    f.timers.shift()?.();
    await f.settle();
    expect(f.watches[1]?.from).toBe('9');
    f.watches[1]?.end(failure(410, 'Expired', 'too old'));
    await f.settle();
    f.timers.shift()?.();
    await f.settle();
    expect(f.watches[2]?.from).toBe('60');
    expect(seen).toEqual(['added x@3', 'added y@6', 'deleted x@3', 'deleted y@6', 'added z@50']);
    cache.close();
  });

  it('shows own writes at once, and a watch that is behind does not undo them', async () => {
    const f = feed();
    const cache = createCache(f.client, f.env, [{ kind: 'Pod', namespace: 'a' }]);
    await cache.synced;
    await f.settle();
    cache.observe('Pod', pod('x', 10));
    cache.observe('Pod', pod('y', 11));
    cache.observe('Pod', pod('y', 11), true);
    cache.observe('Pod', pod('other', 12, 'o', { namespace: 'b' }));
    f.watches[0]?.push({ type: 'ADDED', object: pod('x', 9) });
    f.watches[0]?.push({ type: 'ADDED', object: pod('y', 11) });
    await f.settle();
    expect(cache.list('Pod').map((p) => `${p.metadata.name}@${p.metadata.resourceVersion}`)).toEqual(['x@10']);
    cache.close();
  });

  it('keeps quiet about a server that is away for a moment, and says seldom that it stays away', async () => {
    const f = feed();
    const said: unknown[] = [];
    const log: Env['log'] = (level, message, fields) => level === 'warn' && said.push([message, fields?.failures]);
    const cache = createCache(f.client, { ...f.env, log }, [{ kind: 'Pod' }]);
    await cache.synced;
    await f.settle();
    const fail = async (): Promise<void> => {
      f.watches.at(-1)?.end(new Error('ECONNREFUSED'));
      await f.settle();
      f.timers.shift()?.();
      await f.settle();
    };
    for (let i = 0; i < 8; i++) await fail();
    expect(said).toEqual([]);
    for (let i = 0; i < 25; i++) await fail();
    expect(said).toEqual([8, 16, 32].map((failures) => ['watch Pod: Error: ECONNREFUSED', failures]));
    cache.close();
  });

  it('refuses a kind that it does not hold', () => {
    const f = feed();
    expect(() => createCache(f.client, f.env, []).list('Node')).toThrow('does not hold Node');
  });
});

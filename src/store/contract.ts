// What every store promises, as one suite: it runs on the one in memory and on the one on disk.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FIRST_REVISION, isCompacted, isFuture, type Store, type StoreEvent } from './types.ts';

export interface StoreUnderTest {
  open(): Promise<Store>;
  /** Closes and opens it again; absent where nothing outlives the process. */
  reopen?(store: Store): Promise<Store>;
  remove(): Promise<void>;
}

const text = (events: readonly StoreEvent[]): string[] =>
  events.map((e) => `${e.revision} ${e.key}=${e.value ?? 'gone'}`);
const caught = async (p: Promise<unknown>): Promise<unknown> => p.then(() => undefined).catch((e: unknown) => e);

export function storeContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`store contract: ${name}`, () => {
    let under: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      under = await make();
      store = await under.open();
    });
    afterEach(async () => {
      await store.close();
      await under.remove();
    });
    const put = async (key: string, value: string): Promise<number> => {
      const r = await store.put(key, value, undefined);
      if (!r.ok) throw new Error('put without expectation failed');
      return r.revision;
    };
    const keysAt = async (prefix: string, revision?: number): Promise<string[]> =>
      (await store.range(prefix, { revision })).entries.map((e) => `${e.key}=${e.value}@${e.revision}`);

    it('counts one revision for every write, and none for a refused one', async () => {
      expect(store.revision()).toBe(FIRST_REVISION);
      expect(await store.put('/a', '1', 0)).toEqual({ ok: true, revision: 2 });
      expect(await store.put('/a', '2', 0)).toEqual({ ok: false, current: { key: '/a', value: '1', revision: 2 } });
      expect(await store.put('/a', '2', 7)).toEqual({ ok: false, current: { key: '/a', value: '1', revision: 2 } });
      expect(await store.put('/b', '1', 7)).toEqual({ ok: false, current: undefined });
      expect(await store.put('/a', '2', 2)).toEqual({ ok: true, revision: 3 });
      expect(await store.delete('/b', undefined)).toEqual({ ok: false, current: undefined });
      expect(await store.delete('/a', 2)).toEqual({ ok: false, current: { key: '/a', value: '2', revision: 3 } });
      expect(await store.delete('/a', 3)).toEqual({ ok: true, revision: 4 });
      expect(await store.get('/a')).toBeUndefined();
      expect(await store.put('/a', '3', 0)).toEqual({ ok: true, revision: 5 });
      expect(store.revision()).toBe(5);
    });

    it('lets one of many writers win', async () => {
      const results = await Promise.all(Array.from({ length: 20 }, (_, i) => store.put('/a', String(i), 0)));
      expect(results.filter((r) => r.ok)).toHaveLength(1);
      expect(store.revision()).toBe(2);
    });

    it('ranges by prefix, in order, page by page, at a revision', async () => {
      for (const key of ['/p/b', '/p/a', '/q/a', '/p/c', '/pa']) await put(key, key);
      const first = await store.range('/p/', { limit: 2 });
      expect(first.entries.map((e) => e.key)).toEqual(['/p/a', '/p/b']);
      expect(first).toMatchObject({ revision: 6, remaining: 1 });
      await put('/p/ab', 'late');
      await put('/p/c', 'changed');
      await store.delete('/p/b', undefined);
      const second = await store.range('/p/', { limit: 2, after: '/p/b', revision: first.revision });
      expect(second.entries).toEqual([{ key: '/p/c', value: '/p/c', revision: 5 }]);
      expect(second.remaining).toBe(0);
      expect(await keysAt('/p/', 6)).toEqual(['/p/a=/p/a@3', '/p/b=/p/b@2', '/p/c=/p/c@5']);
      expect(await keysAt('/p/')).toEqual(['/p/a=/p/a@3', '/p/ab=late@7', '/p/c=changed@8']);
      expect((await store.range('')).entries).toHaveLength(5);
      expect(isFuture(await caught(store.range('', { revision: 99 })))).toBe(true);
    });

    it('tells a watcher every event after a revision once, in order, before the write returns', async () => {
      await put('/a/1', 'x');
      await put('/b/1', 'y');
      await put('/a/1', 'z');
      const all: StoreEvent[] = [];
      const some: StoreEvent[] = [];
      const stop = await store.watch('', 1, (e) => all.push(...e));
      const stopSome = await store.watch('/a/', 2, (e) => some.push(...e));
      const revision = await put('/a/2', 'n');
      expect(all.at(-1)?.revision).toBe(revision);
      await store.delete('/a/1', undefined);
      expect(text(all)).toEqual(['2 /a/1=x', '3 /b/1=y', '4 /a/1=z', '5 /a/2=n', '6 /a/1=gone']);
      expect(text(some)).toEqual(['4 /a/1=z', '5 /a/2=n', '6 /a/1=gone']);
      stopSome();
      await put('/a/3', 'm');
      expect(some).toHaveLength(3);
      expect(all).toHaveLength(6);
      stop();
    });

    it('replays without a gap to a watcher that joins while writes are under way', async () => {
      const writes = Array.from({ length: 50 }, (_, i) => store.put(`/k/${i}`, 'v', undefined));
      const seen: StoreEvent[] = [];
      const joining = store.watch('/k/', 1, (e) => seen.push(...e));
      const more = Array.from({ length: 50 }, (_, i) => store.put(`/k/${i}`, 'w', undefined));
      await Promise.all([...writes, joining, ...more]);
      expect(seen.map((e) => e.revision)).toEqual(Array.from({ length: 100 }, (_, i) => i + 2));
    });

    it('forgets what is compacted, keeps the state at that revision, and says so', async () => {
      await put('/a', '1');
      await put('/b', '1');
      await put('/a', '2');
      await store.delete('/b', undefined);
      await put('/c', '1');
      await store.compact(5);
      expect(await keysAt('', 5)).toEqual(['/a=2@4']);
      expect(await keysAt('')).toEqual(['/a=2@4', '/c=1@6']);
      expect(isCompacted(await caught(store.range('', { revision: 4 })))).toBe(true);
      expect(isCompacted(await caught(store.watch('', 4, () => undefined)))).toBe(true);
      const seen: StoreEvent[] = [];
      await store.watch('', 5, (e) => seen.push(...e));
      expect(text(seen)).toEqual(['6 /c=1']);
      expect(isFuture(await caught(store.compact(99)))).toBe(true);
      await store.compact(3);
      expect(await keysAt('', 5)).toEqual(['/a=2@4']);
    });

    it('keeps any text', async () => {
      const value = JSON.stringify({ s: 'ä\u0000"\\\n😀', n: 1.5 });
      await put("/quo'te/ä", value);
      expect((await store.get("/quo'te/ä"))?.value).toBe(value);
      expect((await store.range("/quo'te/")).entries).toHaveLength(1);
    });

    it('refuses everything once it is closed', async () => {
      await store.close();
      for (const call of [store.put('/a', '1', 0), store.get('/a'), store.range(''), store.watch('', 1, () => 0)]) {
        expect(await caught(call)).toMatchObject({ name: 'StoreError', code: 'Closed' });
      }
    });

    it('does what a model does, under a random sequence of calls', async () => {
      for (const seed of [1, 2, 3]) await compareWithModel(store, under, seed, (s) => (store = s));
    });
  });
}

/** mulberry32: small, and the same everywhere. */
function randomOf(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A model that is too slow to be a store and too simple to be wrong: the whole log, and states computed from it. */
async function compareWithModel(
  given: Store,
  under: StoreUnderTest,
  seed: number,
  replaced: (store: Store) => void,
): Promise<void> {
  let store = given;
  const random = randomOf(seed);
  const pick = (n: number): number => Math.floor(random() * n);
  // What earlier seeds left is the start of the log.
  const start = await store.range('');
  const log: StoreEvent[] = start.entries.map((e) => ({ ...e }));
  const base = start.revision;
  let compacted = base;
  let revision = base;
  const stateAt = (at: number): Map<string, { value: string; revision: number }> => {
    const state = new Map<string, { value: string; revision: number }>();
    for (const e of log) {
      if (e.revision > at) continue;
      if (e.value === undefined) state.delete(e.key);
      else state.set(e.key, { value: e.value, revision: e.revision });
    }
    return state;
  };
  const seen: StoreEvent[] = [];
  await store.watch('', base, (e) => seen.push(...e));
  for (let step = 0; step < 300; step += 1) {
    const key = `/${pick(3)}/${pick(8)}`;
    const found = stateAt(revision).get(key);
    const expectations = [undefined, 0, found?.revision, pick(revision + 2)];
    const wanted = expectations[pick(expectations.length)];
    const kind = pick(10);
    if (kind < 7) {
      const value = kind < 5 ? `v${step}` : undefined;
      const result = value === undefined ? await store.delete(key, wanted) : await store.put(key, value, wanted);
      const fits = wanted === undefined || wanted === (found?.revision ?? 0);
      const ok = fits && (value !== undefined || found !== undefined);
      expect(result.ok).toBe(ok);
      if (result.ok) {
        revision += 1;
        expect(result.revision).toBe(revision);
        log.push({ revision, key, value });
      } else expect(result.current).toEqual(found && { key, ...found });
    } else if (kind === 7) {
      const at = compacted + pick(revision - compacted + 1);
      const prefix = ['', '/1/', '/2/'][pick(3)] ?? '';
      const limit = 1 + pick(5);
      const after = pick(2) === 0 ? undefined : `${prefix}${pick(8)}`;
      const all = [...stateAt(at)]
        .filter(([k]) => k.startsWith(prefix) && (after === undefined || k > after))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([k, v]) => ({ key: k, ...v }));
      const page = await store.range(prefix, { revision: at, limit, after });
      expect(page.entries).toEqual(all.slice(0, limit));
      expect(page.remaining).toBe(Math.max(0, all.length - limit));
    } else if (kind === 8 && pick(4) === 0) {
      compacted += pick(revision - compacted + 1);
      await store.compact(compacted);
    } else if (kind === 9 && pick(4) === 0 && under.reopen) {
      store = await under.reopen(store);
      replaced(store);
      await store.watch('', revision, (e) => seen.push(...e));
    }
    expect(store.revision()).toBe(revision);
  }
  expect(text(seen)).toEqual(text(log.filter((e) => e.revision > base)));
}

import { beforeEach, describe, expect, it } from 'vitest';
import { podDraft, type TestServer, testServer } from './testserver.ts';

const pods = '/api/v1/namespaces/default/pods';
const asTable = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

describe('watch', () => {
  let s: TestServer;
  const make = async (name: string, labels = {}): Promise<string> => {
    const made = await s.call('POST', pods, podDraft(name, { labels }));
    expect(made.code).toBe(201);
    return made.body.metadata?.resourceVersion ?? '';
  };
  const label = (name: string, labels: Record<string, string | null>): Promise<unknown> =>
    s.call('PATCH', `${pods}/${name}`, { metadata: { labels } }, { 'content-type': 'application/merge-patch+json' });
  beforeEach(async () => {
    s = await testServer();
  });

  it('tells what is there and what happens, each event with the revision of its write', async () => {
    await make('a');
    const w = s.watch(`${pods}?watch=true`);
    const added = await make('b');
    await label('b', { x: 'y' });
    const changed = (await s.call('GET', `${pods}/b`)).body.metadata?.resourceVersion;
    await s.call('DELETE', `${pods}/b`);
    expect(await w.lines()).toEqual(['ADDED a', 'ADDED b', 'MODIFIED b', 'DELETED b']);
    const revisions = (await w.events()).map((e) => e.object.metadata?.resourceVersion);
    expect(revisions.slice(1, 3)).toEqual([added, changed]);
    // A deletion has the revision of the deletion, not of the object's last write: a client resumes from it.
    expect(Number(revisions[3])).toBe(Number(changed) + 1);
    w.stop();
    await make('late');
    expect(await w.lines()).toHaveLength(4);
    expect(w.ended()).toBe(true);
  });

  it('starts after a revision, with everything since, once', async () => {
    const rv = await make('a');
    await make('b');
    const list = await s.call('GET', pods);
    expect(list.body.metadata?.resourceVersion).toBe(String(Number(rv) + 1));
    const since = s.watch(`${pods}?watch=true&resourceVersion=${rv}`);
    const fromList = s.watch(`${pods}?watch=1&resourceVersion=${list.body.metadata?.resourceVersion}`);
    await make('c');
    expect(await since.lines()).toEqual(['ADDED b', 'ADDED c']);
    expect(await fromList.lines()).toEqual(['ADDED c']);
  });

  it('turns changes into what a selector sees: ADDED when selected, DELETED when not any more', async () => {
    const w = s.watch(`${pods}?watch=true&labelSelector=app%3Dweb`);
    await make('a');
    await label('a', { app: 'web' });
    await label('a', { app: 'web', other: '1' });
    await label('a', { app: 'db' });
    await label('a', { app: 'web' });
    await s.call('DELETE', `${pods}/a`);
    await make('b', { app: 'db' });
    await s.call('DELETE', `${pods}/b`);
    expect(await w.lines()).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED a', 'DELETED a']);
    const deleted = (await w.events())[2]?.object;
    expect(deleted?.metadata?.labels).toEqual({ app: 'web', other: '1' });
  });

  it('selects by field and by namespace', async () => {
    await s.call('POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
    const here = s.watch(`${pods}?watch=true&fieldSelector=spec.nodeName%3Dn1`);
    const everywhere = s.watch('/api/v1/pods?watch=true');
    await make('a');
    await s.call('POST', `${pods}/a/binding`, { target: { kind: 'Node', name: 'n1' } });
    await s.call('POST', '/api/v1/namespaces/other/pods', podDraft('z', {}, { nodeName: 'n1' }));
    expect(await here.lines()).toEqual(['ADDED a']);
    expect(await everywhere.lines()).toEqual(['ADDED a', 'MODIFIED a', 'ADDED z']);
  });

  it('one watch that ends leaves the others open', async () => {
    const [a, b] = [s.watch(`${pods}?watch=true`), s.watch(`${pods}?watch=true`)];
    await make('a');
    a.stop();
    await make('b');
    expect(await b.lines()).toEqual(['ADDED a', 'ADDED b']);
    expect(await a.lines()).toEqual(['ADDED a']);
  });

  it('sends bookmarks when asked, and ends after its timeout', async () => {
    await make('a');
    const w = s.watch(`${pods}?watch=true&allowWatchBookmarks=true&timeoutSeconds=90`);
    const silent = s.watch(`${pods}?watch=true&timeoutSeconds=90`);
    await w.events();
    await s.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'moves-the-revision' } });
    s.advance(60_000);
    const events = await w.events();
    expect(events.map((e) => e.type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(events[1]?.object.metadata?.resourceVersion).toBe(String(s.store.revision()));
    expect(events[1]?.object.kind).toBe('Pod');
    s.advance(31_000);
    expect((await w.events()).at(-1)?.type).toBe('BOOKMARK');
    expect(w.ended()).toBe(true);
    await silent.events();
    expect([await silent.lines(), silent.ended()]).toEqual([['ADDED a'], true]);
  });

  it('marks the end of the initial events', async () => {
    await make('a');
    const ask = 'watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
    const w = s.watch(`${pods}?${ask}`);
    const events = await w.events();
    expect(events.map((e) => e.type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(events[1]?.object.metadata?.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    const wrong = await s.call('GET', `${pods}?watch=true&sendInitialEvents=true`);
    expect(wrong.code).toBe(400);
  });

  it('says 410 as an event when the revision is older than its history', async () => {
    for (let i = 0; i < 4; i += 1) await make(`p${i}`);
    const later = await testServer({ store: s.store });
    const w = later.watch(`${pods}?watch=true&resourceVersion=2`);
    const [event] = await w.events();
    expect(event).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    expect(w.ended()).toBe(true);
    expect((await later.call('GET', `${pods}?watch=true&resourceVersion=x`)).code).toBe(400);
  });

  it('sends tables row by row, the columns once', async () => {
    await make('a');
    const w = s.watch(`${pods}?watch=true`, asTable);
    await make('b');
    const events = await w.events();
    expect(events.map((e) => e.object.kind)).toEqual(['Table', 'Table']);
    const columns = events.map((e) => (e.object['columnDefinitions'] as unknown[]).length);
    expect(columns[0]).toBeGreaterThan(3);
    expect(columns[1]).toBe(0);
  });

  it('cuts a watcher that does not read', async () => {
    const controller = new AbortController();
    const answer = await s.api.handle({
      method: 'GET',
      path: '/api/v1/configmaps',
      query: new URLSearchParams('watch=true'),
      headers: {},
      user: { name: 'slow', groups: [] },
      signal: controller.signal,
    });
    const data = { blob: 'x'.repeat(1_000_000) };
    for (let i = 0; i < 10; i += 1) {
      await s.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: `c${i}` }, data });
    }
    let bytes = 0;
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) bytes += chunk.length;
    expect(bytes).toBe(0);
  });
});

describe('the history of a resource', () => {
  it('is bounded: a watch from before it is told to list again, one from within it misses nothing', async () => {
    const s = await testServer();
    const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
    const made = await s.call('POST', leases, { metadata: { name: 'l' }, spec: { holderIdentity: 'a' } });
    const renew = (n: number): Promise<unknown> =>
      s.call(
        'PATCH',
        `${leases}/l`,
        { spec: { leaseTransitions: n } },
        { 'content-type': 'application/merge-patch+json' },
      );
    for (let i = 1; i <= 9_000; i += 1) await renew(i);
    const old = s.watch(`${leases}?watch=true&resourceVersion=${made.body.metadata?.resourceVersion}`);
    expect((await old.events()).map((e) => e.type)).toEqual(['ERROR']);
    const recent = s.watch(`${leases}?watch=true&resourceVersion=${s.store.revision() - 3_000}`);
    expect(await recent.events()).toHaveLength(3_000);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { podDraft, type TestServer, testServer } from './testserver.ts';

const pods = '/api/v1/namespaces/default/pods';
const maps = '/api/v1/namespaces/default/configmaps';
const merge = { 'content-type': 'application/merge-patch+json' };

describe('delete', () => {
  let s: TestServer;
  const get = (path: string): Promise<{ code: number; body: { metadata?: Record<string, unknown> } }> =>
    s.call('GET', path) as never;
  beforeEach(async () => {
    s = await testServer();
  });

  it('removes at once, answers with a Status, and 404 for what is not there', async () => {
    const made = await s.call('POST', maps, { metadata: { name: 'a' } });
    const done = await s.call('DELETE', `${maps}/a`);
    expect([done.code, done.body]).toEqual([
      200,
      {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Success',
        details: { name: 'a', kind: 'configmaps', uid: made.body.metadata?.uid },
      },
    ]);
    expect((await s.call('DELETE', `${maps}/a`)).body).toMatchObject({
      code: 404,
      message: 'configmaps "a" not found',
    });
  });

  it('gives a running pod its time, which a client can only shorten, and ends it with grace 0', async () => {
    await s.call('POST', pods, podDraft('a', {}, { nodeName: 'n1', terminationGracePeriodSeconds: 20 }));
    const marked = await s.call('DELETE', `${pods}/a`);
    expect(marked.body.metadata).toMatchObject({
      deletionTimestamp: '2025-11-23T12:13:40Z',
      deletionGracePeriodSeconds: 20,
      generation: 2,
    });
    const longer = await s.call('DELETE', `${pods}/a`, { gracePeriodSeconds: 60 });
    expect(longer.body.metadata?.deletionGracePeriodSeconds).toBe(20);
    const shorter = await s.call('DELETE', `${pods}/a`, { gracePeriodSeconds: 5 });
    expect(shorter.body.metadata).toMatchObject({
      deletionTimestamp: '2025-11-23T12:13:25Z',
      deletionGracePeriodSeconds: 5,
    });
    const end = await s.call('DELETE', `${pods}/a`, { gracePeriodSeconds: 0 });
    expect([end.code, end.body.kind]).toEqual([200, 'Pod']);
    expect((await get(`${pods}/a`)).code).toBe(404);
  });

  it('removes pods at once that never ran or have ended', async () => {
    await s.call('POST', pods, podDraft('unscheduled'));
    await s.call('DELETE', `${pods}/unscheduled`);
    await s.call('POST', pods, podDraft('done', {}, { nodeName: 'n1' }));
    await s.call('PATCH', `${pods}/done/status`, { status: { phase: 'Succeeded' } }, merge);
    await s.call('DELETE', `${pods}/done`);
    expect((await s.call('GET', pods)).body.items).toEqual([]);
  });

  it('waits for finalizers: the write that takes the last one ends the object', async () => {
    await s.call('POST', maps, { metadata: { name: 'a', finalizers: ['x.io/one', 'x.io/two'] } });
    const w = s.watch(`${maps}?watch=true`);
    const marked = await s.call('DELETE', `${maps}/a`);
    expect(marked.body.metadata?.deletionTimestamp).toBeDefined();
    await s.call('PATCH', `${maps}/a`, { metadata: { finalizers: ['x.io/two'] } }, merge);
    expect((await get(`${maps}/a`)).code).toBe(200);
    const more = await s.call('PATCH', `${maps}/a`, { metadata: { finalizers: ['x.io/two', 'x.io/new'] } }, merge);
    expect(more.code).toBe(422);
    expect((await s.call('PATCH', `${maps}/a`, { metadata: { finalizers: [] } }, merge)).code).toBe(200);
    expect((await get(`${maps}/a`)).code).toBe(404);
    expect(await w.lines()).toEqual(['ADDED a', 'MODIFIED a', 'MODIFIED a', 'DELETED a']);
  });

  it('writes the cascade that was asked for into the finalizers', async () => {
    for (const [policy, finalizer] of [
      ['Foreground', 'foregroundDeletion'],
      ['Orphan', 'orphan'],
    ]) {
      await s.call('POST', maps, { metadata: { name: `m-${policy?.toLowerCase()}` } });
      const marked = await s.call('DELETE', `${maps}/m-${policy?.toLowerCase()}?propagationPolicy=${policy}`);
      expect(marked.body.metadata).toMatchObject({ finalizers: [finalizer], deletionGracePeriodSeconds: 0 });
    }
    await s.call('POST', maps, { metadata: { name: 'b' } });
    expect((await s.call('DELETE', `${maps}/b`, { propagationPolicy: 'Background' })).body.kind).toBe('Status');
    expect((await s.call('DELETE', `${maps}/b?propagationPolicy=Sideways`)).code).toBe(400);
  });

  it('keeps to preconditions', async () => {
    const made = await s.call('POST', maps, { metadata: { name: 'a' } });
    const { uid, resourceVersion } = made.body.metadata ?? {};
    const wrong = await s.call('DELETE', `${maps}/a`, { preconditions: { uid: 'x' } });
    expect(wrong.body).toMatchObject({ code: 409, reason: 'Conflict' });
    expect((await s.call('DELETE', `${maps}/a`, { preconditions: { resourceVersion: '1' } })).code).toBe(409);
    expect((await s.call('DELETE', `${maps}/a?dryRun=All`)).code).toBe(200);
    expect((await s.call('DELETE', `${maps}/a`, { preconditions: { uid, resourceVersion } })).code).toBe(200);
  });

  it('ends a namespace through its own finalizer, and lets nothing new in meanwhile', async () => {
    const namespaces = '/api/v1/namespaces';
    await s.call('POST', namespaces, { metadata: { name: 'my-app' } });
    const marked = await s.call('DELETE', `${namespaces}/my-app`);
    expect(marked.body).toMatchObject({ status: { phase: 'Terminating' }, spec: { finalizers: ['kubernetes'] } });
    const late = await s.call('POST', `${namespaces}/my-app/configmaps`, { metadata: { name: 'a' } });
    expect(late.body).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(late.body.message).toBe(
      'configmaps "a" is forbidden: unable to create new content in namespace my-app because it is being terminated',
    );
    expect(late.body.details?.causes?.[0]?.reason).toBe('NamespaceTerminating');
    const again = await s.call('DELETE', `${namespaces}/my-app`);
    expect(again.code).toBe(200);
    const now = (await s.call('GET', `${namespaces}/my-app`)).body;
    const done = await s.call('PUT', `${namespaces}/my-app/finalize`, { ...now, spec: { finalizers: [] } });
    expect(done.code).toBe(200);
    expect((await get(`${namespaces}/my-app`)).code).toBe(404);
    const kept = await s.call('DELETE', `${namespaces}/default`);
    expect(kept.body).toMatchObject({
      code: 403,
      message: 'namespaces "default" is forbidden: this namespace may not be deleted',
    });
  });

  it('evicts, and binds once', async () => {
    await s.call('POST', pods, podDraft('a'));
    const bound = await s.call('POST', `${pods}/a/binding`, {
      metadata: { name: 'a' },
      target: { kind: 'Node', name: 'n1' },
    });
    expect([bound.code, bound.body.status]).toEqual([201, 'Success']);
    const pod = (await s.call('GET', `${pods}/a`)).body;
    expect(pod.spec?.['nodeName']).toBe('n1');
    expect(pod.status).toMatchObject({ conditions: [{ type: 'PodScheduled', status: 'True' }] });
    const twice = await s.call('POST', `${pods}/a/binding`, { target: { kind: 'Node', name: 'n2' } });
    expect(twice.body).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(twice.body.message).toContain('is already assigned to node "n1"');
    const evicted = await s.call('POST', `${pods}/a/eviction`, { metadata: { name: 'a' } });
    expect([evicted.code, evicted.body.status]).toEqual([201, 'Success']);
    expect((await get(`${pods}/a`)).body.metadata?.['deletionTimestamp']).toBeDefined();
    const late = await s.call('POST', `${pods}/a/binding`, { target: { kind: 'Node', name: 'n2' } });
    expect(late.code).toBe(409);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { podDraft, type TestServer, testServer } from './testserver.ts';

const maps = '/api/v1/namespaces/default/configmaps';

describe('list', () => {
  let s: TestServer;
  const make = (name: string, labels = {}): Promise<unknown> => s.call('POST', maps, { metadata: { name, labels } });
  const names = (body: { items?: { metadata?: { name?: string } }[] }): (string | undefined)[] =>
    (body.items ?? []).map((i) => i.metadata?.name);
  beforeEach(async () => {
    s = await testServer();
    for (const name of ['d', 'b', 'a', 'c']) await make(name, { half: name < 'c' ? 'first' : 'second' });
  });

  it('has the kind, the order of names, and the revision of the store', async () => {
    await s.call('POST', '/api/v1/namespaces', { metadata: { name: 'unrelated' } });
    const { body } = await s.call('GET', maps);
    expect(body).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1' });
    expect(names(body)).toEqual(['a', 'b', 'c', 'd']);
    expect(body.metadata?.resourceVersion).toBe(String(s.store.revision()));
    const empty = await s.call('GET', '/apis/apps/v1/deployments');
    expect(empty.body).toMatchObject({ kind: 'DeploymentList', apiVersion: 'apps/v1', items: [] });
  });

  it('pages through the state of its first page, whatever happens meanwhile', async () => {
    const first = await s.call('GET', `${maps}?limit=2`);
    expect(names(first.body)).toEqual(['a', 'b']);
    const meta = first.body.metadata as unknown as { continue: string; remainingItemCount: number };
    expect(meta.remainingItemCount).toBe(2);
    await make('bb');
    await s.call('DELETE', `${maps}/c`);
    const second = await s.call('GET', `${maps}?limit=2&continue=${meta.continue}`);
    expect(names(second.body)).toEqual(['c', 'd']);
    expect(second.body.metadata).toEqual({ resourceVersion: first.body.metadata?.resourceVersion });
  });

  it('pages with a selector without promising how much is left', async () => {
    const first = await s.call('GET', `${maps}?limit=1&labelSelector=half%3Dsecond`);
    expect(names(first.body)).toEqual(['c']);
    const meta = first.body.metadata as unknown as { continue: string; remainingItemCount?: number };
    expect(meta.remainingItemCount).toBeUndefined();
    await make('0', { half: 'second' });
    const second = await s.call('GET', `${maps}?limit=5&labelSelector=half%3Dsecond&continue=${meta.continue}`);
    expect(names(second.body)).toEqual(['d']);
  });

  it('says 410 when the page before is compacted away, with a token for the rest as it is now', async () => {
    const first = await s.call('GET', `${maps}?limit=2`);
    const token = (first.body.metadata as unknown as { continue: string }).continue;
    await make('z');
    await s.store.compact(s.store.revision());
    const gone = await s.call('GET', `${maps}?limit=9&continue=${token}`);
    expect(gone.body).toMatchObject({ code: 410, reason: 'Expired' });
    const fresh = (gone.body.metadata as unknown as { continue: string }).continue;
    expect(names((await s.call('GET', `${maps}?limit=9&continue=${fresh}`)).body)).toEqual(['c', 'd', 'z']);
    expect((await s.call('GET', `${maps}?continue=rubbish`)).code).toBe(400);
  });

  it('reads the past when asked for an exact revision', async () => {
    const then = s.store.revision();
    await s.call('DELETE', `${maps}/a`);
    const past = await s.call('GET', `${maps}?resourceVersion=${then}&resourceVersionMatch=Exact`);
    expect(names(past.body)).toEqual(['a', 'b', 'c', 'd']);
    expect(past.body.metadata?.resourceVersion).toBe(String(then));
    expect((await s.call('GET', `${maps}?resourceVersion=999`)).body).toMatchObject({ code: 504, reason: 'Timeout' });
    expect((await s.call('GET', `${maps}?resourceVersionMatch=Exact`)).code).toBe(400);
  });

  it('shows tables and bare metadata', async () => {
    const accept = (as: string): Record<string, string> => ({ accept: `application/json;as=${as};v=v1;g=meta.k8s.io` });
    const table = await s.call('GET', `${maps}?limit=3`, undefined, accept('Table'));
    expect(table.body).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
    const rows = table.body['rows'] as { cells: unknown[]; object: { kind: string; metadata: { name: string } } }[];
    expect(rows.map((r) => [r.cells[0], r.object.kind])).toEqual([
      ['a', 'PartialObjectMetadata'],
      ['b', 'PartialObjectMetadata'],
      ['c', 'PartialObjectMetadata'],
    ]);
    const whole = await s.call('GET', `${maps}/a?includeObject=Object`, undefined, accept('Table'));
    expect((whole.body['rows'] as typeof rows)[0]?.object.kind).toBe('ConfigMap');
    const partial = await s.call('GET', maps, undefined, accept('PartialObjectMetadataList'));
    expect(partial.body.kind).toBe('PartialObjectMetadataList');
    expect(Object.keys(partial.body.items?.[0] ?? {})).toEqual(['kind', 'apiVersion', 'metadata']);
    const yaml = await s.call('GET', `${maps}/a`, undefined, { accept: 'application/yaml' });
    expect(yaml.body['text']).toContain('kind: ConfigMap');
    const none = await s.call('GET', maps, undefined, { accept: 'application/cbor' });
    expect(none.body).toMatchObject({ code: 406, reason: 'NotAcceptable' });
  });

  it('deletes a collection by selector', async () => {
    const done = await s.call('DELETE', `${maps}?labelSelector=half%3Dfirst`);
    expect(done.body).toMatchObject({ kind: 'Status', status: 'Success' });
    expect(names((await s.call('GET', maps)).body)).toEqual(['c', 'd']);
  });

  it('finds nodes by a field that is absent and so false', async () => {
    await s.call('POST', '/api/v1/nodes', { metadata: { name: 'n1' } });
    const found = await s.call('GET', '/api/v1/nodes?fieldSelector=spec.unschedulable%3Dfalse');
    expect(names(found.body)).toEqual(['n1']);
    await s.call('POST', '/api/v1/namespaces/default/pods', podDraft('p'));
    const pending = await s.call('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3D,status.phase%3DPending');
    expect(names(pending.body)).toEqual(['p']);
  });
});

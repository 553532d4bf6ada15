import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, type TestJson, testServer, type TestServer } from '../testserver.ts';
import type { Entry } from './owners.ts';
import { paths, pathText } from './fieldset.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const type = (t: string): Record<string, string> => ({ 'content-type': `application/${t}` });

let s: TestServer;
beforeEach(async () => {
  s = await testServer();
});

const applyAs = (manager: string, path: string, config: unknown, query = ''): Promise<Answer> =>
  s.call('PATCH', `${path}?fieldManager=${manager}${query}`, config, type('apply-patch+yaml'));
const map = (data: Record<string, string>, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'm', ...metadata },
  data,
});
const deployment = (spec: object = {}, container: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' }, creationTimestamp: null },
      spec: { containers: [{ name: 'c', image: 'host', ...container }] },
    },
    ...spec,
  },
});
const owners = (body: TestJson): string[] =>
  ((body.metadata?.managedFields ?? []) as Entry[]).map(
    (e) =>
      `${[e.manager, e.operation, e.subresource].filter(Boolean).join(' ')}: ${paths(e.fieldsV1).map(pathText).join(' ')}`,
  );

describe('every write tells its owner', () => {
  const agent = { 'user-agent': 'kubectl/v1.35.0 (linux/amd64)' };

  it('create, update, patch, scale and status, by name or by what the client calls itself', async () => {
    const made = await s.call('POST', maps, { metadata: { name: 'm' }, data: { a: '1', b: '1' } }, agent);
    expect(made.body.metadata?.managedFields).toEqual([
      {
        manager: 'kubectl',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2025-11-23T12:13:20Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { '.': {}, 'f:a': {}, 'f:b': {} } },
      },
    ]);
    await s.call('PUT', `${maps}/m?fieldManager=put`, { metadata: { name: 'm' }, data: { a: '2', b: '1' } }, agent);
    const { body } = await s.call('PATCH', `${maps}/m`, { data: { c: '1' } }, type('merge-patch+json'));
    expect(owners(body)).toEqual(['kubectl Update: .data .data.b', 'put Update: .data.a', 'unknown Update: .data.c']);
    expect((await s.call('GET', `${maps}/m`)).body).toEqual(body);

    await s.call('POST', `${deployments}?fieldManager=a`, deployment({ replicas: 1 }));
    await s.call('PUT', `${deployments}/web/scale?fieldManager=b`, {
      metadata: { name: 'web' },
      spec: { replicas: 2 },
    });
    const status = { status: { replicas: 2, observedGeneration: 1 } };
    const all = await s.call('PATCH', `${deployments}/web/status?fieldManager=c`, status, type('merge-patch+json'));
    expect(owners(all.body).slice(1)).toEqual([
      'b Update scale: .spec.replicas',
      'c Update status: .status.observedGeneration .status.replicas',
    ]);
    expect(owners(all.body)[0]).not.toContain('replicas');
  });

  it('a pod`s maker owns its defaults, and neither its status nor what admission adds', async () => {
    const { body } = await s.call('POST', '/api/v1/namespaces/default/pods?fieldManager=a', {
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'host' }] },
    });
    const [own = ''] = owners(body);
    expect(own).toContain('.spec.dnsPolicy');
    expect(own).toContain('.spec.containers[name="c"] ');
    for (const other of ['status', 'tolerations', 'serviceAccount', 'priority', '.spec.containers ']) {
      expect(own).not.toContain(other);
    }
  });

  it('a write that changes nothing changes no owner and no version', async () => {
    const made = await s.call('POST', `${maps}?fieldManager=a`, map({ a: '1' }));
    s.advance(5000);
    const again = await s.call('PUT', `${maps}/m?fieldManager=b`, map({ a: '1' }));
    expect(again.body).toEqual(made.body);
  });

  it('[{}] ends the counting, until somebody applies; a patch may rewrite the owners', async () => {
    await s.call('POST', `${maps}?fieldManager=a`, map({ a: '1' }));
    const entry = {
      manager: 'x',
      operation: 'Apply',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { 'f:a': {} } },
    };
    const version = (await s.call('GET', `${maps}/m`)).body.metadata?.resourceVersion;
    // What kubectl sends when it moves from its own apply to the server's.
    const rewrite = [
      { op: 'replace', path: '/metadata/managedFields', value: [entry] },
      { op: 'replace', path: '/metadata/resourceVersion', value: version },
    ];
    const moved = await s.call('PATCH', `${maps}/m`, rewrite, type('json-patch+json'));
    expect(owners(moved.body)).toEqual(['x Apply: .data.a']);
    expect((await s.call('PATCH', `${maps}/m`, rewrite, type('json-patch+json'))).code).toBe(409);
    const kept = await s.call('PATCH', `${maps}/m`, { metadata: { managedFields: null } }, type('merge-patch+json'));
    expect(owners(kept.body)).toEqual(['x Apply: .data.a']);

    const reset = await s.call('PATCH', `${maps}/m`, { metadata: { managedFields: [{}] } }, type('merge-patch+json'));
    expect(reset.body.metadata).not.toHaveProperty('managedFields');
    await s.call('PATCH', `${maps}/m`, { data: { b: '1' } }, type('merge-patch+json'));
    const { body } = await applyAs('y', `${maps}/m`, map({ c: '1' }));
    expect(owners(body)).toEqual(['y Apply: .data.c', 'before-first-apply Update: .data .data.a .data.b']);
  });
});

describe('server-side apply', () => {
  it('creates, changes, and leaves alone', async () => {
    const made = await applyAs('a', `${maps}/m`, map({ a: '1', b: '1' }));
    expect(made).toMatchObject({ code: 201, body: { data: { a: '1', b: '1' } } });
    expect(owners(made.body)).toEqual(['a Apply: .data.a .data.b']);
    s.advance(5000);
    const again = await applyAs('a', `${maps}/m`, map({ a: '1', b: '1' }));
    expect(again).toMatchObject({ code: 200 });
    expect(again.body).toEqual(made.body);
    const less = await applyAs('a', `${maps}/m`, map({ a: '2' }));
    expect(less.body.data).toEqual({ a: '2' });
    expect((less.body.metadata?.managedFields?.[0] as Entry | undefined)?.time).toBe('2025-11-23T12:13:25Z');
  });

  it('reads YAML, too', async () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\ndata: {a: "1"}\n';
    expect(await applyAs('a', `${maps}/m`, text)).toMatchObject({
      code: 201,
      body: { metadata: { name: 'm' }, data: { a: '1' } },
    });
    expect((await applyAs('a', `${maps}/m`, 'a: [')).body).toMatchObject({ code: 400 });
  });

  it('of a Deployment is a no-op the second time, with its nulls, its quantities and its defaults', async () => {
    const config = deployment({}, { ports: [{ containerPort: 80 }], resources: { requests: { cpu: '0.5' } } });
    const made = await applyAs('a', `${deployments}/web`, config);
    expect(made.code).toBe(201);
    s.advance(5000);
    expect((await applyAs('a', `${deployments}/web`, config)).body).toEqual(made.body);
    const more = await applyAs('a', `${deployments}/web`, deployment({ replicas: 3 }));
    expect(more.body).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 3 } });
    expect(JSON.stringify(more.body.spec)).not.toMatch(/containerPort|cpu/);
  });

  it('tells conflicts as upstream does, and goes through them by force', async () => {
    await applyAs('a', `${deployments}/web`, deployment({ replicas: 1, minReadySeconds: 1 }));
    const one = await applyAs('b', `${deployments}/web`, deployment({ replicas: 2 }));
    expect(one.body).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "a": .spec.replicas',
      details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "a"', field: '.spec.replicas' }] },
    });
    await s.call(
      'PATCH',
      `${deployments}/web/scale?fieldManager=k`,
      { spec: { replicas: 4 } },
      type('merge-patch+json'),
    );
    const two = await applyAs('b', `${deployments}/web`, deployment({ replicas: 2, minReadySeconds: 2 }));
    expect(two.body.message).toBe(
      'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.minReadySeconds\nconflicts with "k" with subresource "scale" using apps/v1:\n- .spec.replicas',
    );
    const forced = await applyAs(
      'b',
      `${deployments}/web`,
      deployment({ replicas: 2, minReadySeconds: 2 }),
      '&force=true',
    );
    expect(forced).toMatchObject({ code: 200, body: { spec: { replicas: 2, minReadySeconds: 2 } } });
    expect(owners(forced.body).map((o) => o.split(':')[0])).toEqual(['a Apply', 'b Apply']);
  });

  it('owns the status by its path alone', async () => {
    await applyAs('a', `${deployments}/web`, { ...deployment(), status: { replicas: 7 } });
    const config = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas: 9 },
      status: { replicas: 1 },
    };
    const { code, body } = await applyAs('st', `${deployments}/web/status`, config);
    expect({ code, replicas: body.spec?.['replicas'], status: body.status }).toEqual({
      code: 200,
      replicas: 1,
      status: { replicas: 1 },
    });
    expect(owners(body)[1]).toBe('st Apply status: .status.replicas');
    expect(owners(body)[0]).not.toContain('status');
    expect((await applyAs('st', `${deployments}/none/status`, { ...config, metadata: { name: 'none' } })).code).toBe(
      404,
    );
  });

  it('dry run: shown and not done', async () => {
    expect(await applyAs('a', `${maps}/m`, map({ a: '1' }), '&dryRun=All')).toMatchObject({
      code: 201,
      body: { data: { a: '1' } },
    });
    expect((await s.call('GET', `${maps}/m`)).code).toBe(404);
    await applyAs('a', `${maps}/m`, map({ a: '1' }));
    expect(await applyAs('a', `${maps}/m`, map({ a: '2' }), '&dryRun=All')).toMatchObject({
      code: 200,
      body: { data: { a: '2' } },
    });
    expect((await s.call('GET', `${maps}/m`)).body.data).toEqual({ a: '1' });
  });

  it.each<[string, object | string, string, number, string]>([
    [
      'no manager',
      map({}),
      '',
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ],
    [
      'a long manager',
      map({}),
      '?fieldManager='.padEnd(150, 'x'),
      422,
      'fieldManager: Too long: may not be more than 128 bytes',
    ],
    ['owners', map({}, { managedFields: [] }), '?fieldManager=a', 400, 'metadata.managedFields must be nil'],
    [
      'another version',
      { ...map({}), apiVersion: 'v2' },
      '?fieldManager=a',
      400,
      'Incorrect version specified in apply patch. Specified patch version: v2, expected: v1',
    ],
    ['another kind', { ...map({}), kind: 'Secret' }, '?fieldManager=a', 400, 'Specified kind: Secret'],
    ['another name', map({}, { name: 'other' }), '?fieldManager=a', 400, 'does not match the name on the URL'],
    [
      'an unknown field',
      { ...map({}), nope: 1 },
      '?fieldManager=a',
      500,
      'failed to create typed patch object (default/m; /v1, Kind=ConfigMap): .nope: field not declared in schema',
    ],
    ['a wrong type', map({ a: 1 as never }), '?fieldManager=a', 500, '.data.a: expected string, got 1'],
    ['no object', '[]', '?fieldManager=a', 400, 'error decoding YAML'],
    [
      'a stale version',
      map({ z: '1' }, { resourceVersion: '1' }),
      '?fieldManager=a',
      409,
      'the object has been modified',
    ],
    ['a uid of nothing', map({}, { uid: 'u', name: 'n' }), '', 0, ''],
    [
      'duplicate keys, strictly',
      'apiVersion: v1\nkind: ConfigMap\ndata:\n  a: "1"\n  a: "2"\n',
      '?fieldManager=a&fieldValidation=Strict',
      400,
      'error strict decoding YAML',
    ],
  ])('refuses %s', async (_, config, query, code, message) => {
    await applyAs('first', `${maps}/m`, map({ y: '1' }));
    if (code === 0) {
      const answer = await applyAs('a', `${maps}/n`, config);
      expect(answer.body).toMatchObject({
        code: 409,
        message: expect.stringContaining('no existing object was found'),
      });
      return;
    }
    const { body } = await s.call('PATCH', `${maps}/m${query}`, config, type('apply-patch+yaml'));
    expect(body).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('force is a word of apply alone', async () => {
    await applyAs('a', `${maps}/m`, map({}));
    const { body } = await s.call('PATCH', `${maps}/m?force=true`, {}, type('merge-patch+json'));
    expect(body).toMatchObject({
      code: 422,
      message: expect.stringContaining('force: Forbidden: may not be specified for non-apply patch'),
    });
  });
});

describe('from kubectl`s own apply to the server`s', () => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  const applied = (data: Record<string, string>): object =>
    map(data, { annotations: { [annotation]: JSON.stringify(map(data)) } });

  it('kubectl takes from itself what it had applied, and keeps the annotation in step', async () => {
    await s.call('POST', `${maps}?fieldManager=kubectl-client-side-apply`, applied({ a: '1', b: '1' }));
    await s.call('PATCH', `${maps}/m?fieldManager=else`, { data: { b: '9' } }, type('merge-patch+json'));
    expect((await applyAs('another', `${maps}/m`, map({ a: '2' }))).code).toBe(409);
    const both = await applyAs('kubectl', `${maps}/m`, map({ a: '2', b: '2' }));
    expect(both.body.message).toBe('Apply failed with 1 conflict: conflict with "else" using v1: .data.b');
    const { code, body } = await applyAs('kubectl', `${maps}/m`, map({ a: '2' }));
    expect({ code, data: body.data }).toEqual({ code: 200, data: { a: '2', b: '9' } });
    const kept = body.metadata?.annotations?.[annotation] ?? '';
    expect(kept).toBe('{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"m"}}\n');
  });
});

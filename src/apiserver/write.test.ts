import { beforeEach, describe, expect, it } from 'vitest';
import { StoreError } from '../store/types.ts';
import { podDraft, type TestServer, testServer } from './testserver.ts';

const pods = '/api/v1/namespaces/default/pods';
const maps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const merge = { 'content-type': 'application/merge-patch+json' };

const deployment = (name: string, replicas = 2): object => ({
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'host' }] } },
  },
});

describe('create', () => {
  let s: TestServer;
  beforeEach(async () => {
    s = await testServer();
  });

  it('fills in what the server owns, and takes nothing of it from the client', async () => {
    const { code, body } = await s.call('POST', pods, {
      ...podDraft('a', { uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z', generation: 7, managedFields: [{}] }),
      status: { phase: 'Running' },
    });
    expect(code).toBe(201);
    expect(body.metadata).toMatchObject({ name: 'a', namespace: 'default', generation: 1 });
    expect(body.metadata?.uid).toMatch(/^0000/);
    expect(body.metadata?.creationTimestamp).toBe('2025-11-23T12:13:20Z');
    expect(body.metadata?.managedFields).toMatchObject([{ manager: 'unknown', operation: 'Update' }]);
    expect(body.status).toMatchObject({ phase: 'Pending', qosClass: 'BestEffort' });
    expect(body.spec).toMatchObject({ serviceAccountName: 'default', restartPolicy: 'Always', priority: 0 });
    expect((await s.call('GET', `${pods}/a`)).body).toEqual(body);
  });

  it('keeps the bytes that it serves: kind first, its revision in them', async () => {
    const { body } = await s.call('POST', maps, { data: { metadata: '{"metadata":{' }, metadata: { name: 'tricky' } });
    expect(Object.keys(body)).toEqual(['kind', 'apiVersion', 'metadata', 'data']);
    expect(body.data).toEqual({ metadata: '{"metadata":{' });
    expect(body.metadata?.resourceVersion).toBe(String(s.store.revision()));
  });

  it('makes up names', async () => {
    const made = await s.call('POST', maps, { metadata: { generateName: 'job-' } });
    expect(made.body.metadata?.name).toMatch(/^job-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    const nameless = await s.call('POST', maps, { metadata: {} });
    expect(nameless.body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(nameless.body.message).toContain('name or generateName is required');
  });

  it('refuses in upstream words', async () => {
    await s.call('POST', maps, { metadata: { name: 'a' } });
    const twice = await s.call('POST', maps, { metadata: { name: 'a' } });
    expect(twice.body).toMatchObject({ code: 409, reason: 'AlreadyExists', message: 'configmaps "a" already exists' });
    const nowhere = await s.call('POST', '/api/v1/namespaces/nope/configmaps', { metadata: { name: 'a' } });
    expect(nowhere.body).toMatchObject({ code: 404, message: 'namespaces "nope" not found' });
    const elsewhere = await s.call('POST', maps, { metadata: { name: 'b', namespace: 'kube-system' } });
    expect(elsewhere.body.message).toBe(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
    const versioned = await s.call('POST', maps, { metadata: { name: 'b', resourceVersion: '5' } });
    expect(versioned.body.message).toBe('resourceVersion should not be set on objects to be created');
    const otherVersion = await s.call('POST', deployments, { apiVersion: 'apps/v1beta1', metadata: { name: 'b' } });
    expect(otherVersion.body.message).toContain('does not match the expected API version (apps/v1)');
    const noAccount = await s.call('POST', pods, podDraft('a', {}, { serviceAccountName: 'ghost' }));
    expect(noAccount.body.message).toContain('serviceaccount "ghost" not found');
    const noClass = await s.call('POST', pods, podDraft('a', {}, { priorityClassName: 'ghost' }));
    expect(noClass.body.message).toBe('pods "a" is forbidden: no PriorityClass with name ghost was found');
  });

  it('treats unknown and duplicate fields as asked', async () => {
    const body = '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"},"nonsense":true}';
    const strict = await s.call('POST', `${maps}?fieldValidation=Strict`, body);
    expect(strict.body).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(strict.body.message).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "nonsense", duplicate field "data.a"',
    );
    const warned = await s.call('POST', maps, body);
    expect(warned.code).toBe(201);
    expect(warned.headers['warning']).toBe(
      '299 - "unknown field \\"nonsense\\"", 299 - "duplicate field \\"data.a\\""',
    );
    expect(warned.body['nonsense']).toBeUndefined();
    const ignored = await s.call('PUT', `${maps}/x?fieldValidation=Ignore`, body);
    expect([ignored.code, ignored.headers['warning']]).toEqual([200, undefined]);
    const wrong = await s.call('POST', deployments, { metadata: { name: 'x' }, spec: { replicas: 'three' } });
    expect(wrong.body.message).toContain(
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas',
    );
  });

  it('reads YAML, and refuses what it cannot read by name', async () => {
    const yaml = await s.call('POST', maps, 'metadata:\n  name: y\ndata: {a: "on"}\n', {
      'content-type': 'application/yaml',
    });
    expect(yaml.body.data).toEqual({ a: 'on' });
    const cbor = await s.call('POST', maps, 'k8s', { 'content-type': 'application/cbor' });
    expect(cbor.body).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
    expect((await s.call('POST', maps, '{')).code).toBe(400);
    expect((await s.call('POST', maps, '[]')).code).toBe(400);
  });

  it('does everything but write in a dry run', async () => {
    const revision = s.store.revision();
    const dry = await s.call('POST', `${pods}?dryRun=All`, podDraft('a'));
    expect([dry.code, dry.body.status]).toMatchObject([201, { phase: 'Pending' }]);
    expect(dry.body.metadata?.resourceVersion).toBeUndefined();
    expect(s.store.revision()).toBe(revision);
    expect((await s.call('GET', `${pods}/a`)).code).toBe(404);
    expect((await s.call('POST', `${pods}?dryRun=Some`, podDraft('a'))).code).toBe(400);
  });

  it('says that the store is full and has written nothing', async () => {
    let full = false;
    const server = await testServer({
      faults: { write: () => (full ? new StoreError('Full', 'no space left') : undefined) },
    });
    full = true;
    const refused = await server.call('POST', maps, { metadata: { name: 'a' } });
    expect(refused.body).toMatchObject({ code: 500, message: 'Internal error occurred: no space left' });
    full = false;
    expect((await server.call('POST', maps, { metadata: { name: 'a' } })).code).toBe(201);
  });
});

describe('update', () => {
  let s: TestServer;
  beforeEach(async () => {
    s = await testServer();
    await s.call('POST', deployments, deployment('web'));
  });
  const current = async (): Promise<Record<string, never>> =>
    structuredClone((await s.call('GET', `${deployments}/web`)).body) as Record<string, never>;

  it('counts generations of what is wanted, and no others', async () => {
    const object = await current();
    const labelled = { ...object, metadata: { ...(object['metadata'] as unknown as object), labels: { a: 'b' } } };
    const first = await s.call('PUT', `${deployments}/web`, labelled);
    expect(first.body.metadata?.generation).toBe(1);
    const scaled = { ...first.body, spec: { ...first.body.spec, replicas: 3 }, status: { replicas: 99 } };
    const second = await s.call('PUT', `${deployments}/web`, scaled);
    expect(second.body.metadata?.generation).toBe(2);
    expect(second.body.status).toEqual({});
  });

  it('writes the status alone through /status, and not through the object', async () => {
    const object = await current();
    const sent = { ...object, spec: { replicas: 77 }, status: { replicas: 2, readyReplicas: 1 } };
    const done = await s.call('PUT', `${deployments}/web/status`, sent);
    expect(done.body.status).toEqual({ replicas: 2, readyReplicas: 1 });
    expect(done.body.spec?.['replicas']).toBe(2);
    expect(done.body.metadata?.generation).toBe(1);
    const patched = await s.call('PATCH', `${deployments}/web/status`, { status: { readyReplicas: 2 } }, merge);
    expect(patched.body.status).toEqual({ replicas: 2, readyReplicas: 2 });
  });

  it('refuses a stale version, another uid, another name', async () => {
    const object = await current();
    await s.call('PATCH', `${deployments}/web`, { spec: { replicas: 5 } }, merge);
    const stale = await s.call('PUT', `${deployments}/web`, object);
    expect(stale.body).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(stale.body.message).toBe(
      'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your changes to the latest version and try again',
    );
    expect(stale.body.details).toEqual({ name: 'web', group: 'apps', kind: 'deployments' });
    const other = await s.call('PATCH', `${deployments}/web`, { metadata: { uid: 'x' } }, merge);
    expect(other.body.message).toContain('UID in precondition: x');
    expect((await s.call('PUT', `${deployments}/other`, object)).code).toBe(400);
    const ghost = await s.call('PUT', `${deployments}/ghost`, deployment('ghost'));
    expect(ghost.body).toMatchObject({ code: 404, message: 'deployments.apps "ghost" not found' });
  });

  it('replaces without a version, and writes nothing when nothing changes', async () => {
    const replaced = await s.call('PUT', `${deployments}/web`, deployment('web', 4));
    expect(replaced.body.spec?.['replicas']).toBe(4);
    const revision = s.store.revision();
    const again = await s.call('PUT', `${deployments}/web`, deployment('web', 4));
    expect(again.body.metadata?.resourceVersion).toBe(replaced.body.metadata?.resourceVersion);
    await s.call('PATCH', `${deployments}/web`, { spec: { replicas: 4 } }, merge);
    expect(s.store.revision()).toBe(revision);
  });

  it('patches without a version never collide', async () => {
    const patches = Array.from({ length: 10 }, (_, i) =>
      s.call('PATCH', `${deployments}/web`, { metadata: { annotations: { [`k${i}`]: 'v' } } }, merge),
    );
    expect((await Promise.all(patches)).map((p) => p.code)).toEqual(Array.from({ length: 10 }, () => 200));
    const { metadata } = (await s.call('GET', `${deployments}/web`)).body;
    expect(Object.keys(metadata?.annotations ?? {})).toHaveLength(10);
  });

  it('scales', async () => {
    const scale = await s.call('GET', `${deployments}/web/scale`);
    expect(scale.body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 2 },
      status: { replicas: 0, selector: 'app=web' },
    });
    const put = await s.call('PUT', `${deployments}/web/scale`, { ...scale.body, spec: { replicas: 5 } });
    expect(put.body.spec).toEqual({ replicas: 5 });
    expect((await s.call('PUT', `${deployments}/web/scale`, scale.body)).code).toBe(409);
    const patched = await s.call('PATCH', `${deployments}/web/scale`, { spec: { replicas: 1 } }, merge);
    expect(patched.body.spec).toEqual({ replicas: 1 });
    expect((await current())['spec']).toMatchObject({ replicas: 1 });
    const negative = await s.call('PATCH', `${deployments}/web/scale`, { spec: { replicas: -1 } }, merge);
    expect(negative.code).toBe(422);
  });
});

describe('patch types', () => {
  let s: TestServer;
  const type = (name: string): Record<string, string> => ({ 'content-type': `application/${name}` });
  beforeEach(async () => {
    s = await testServer();
    await s.call('POST', deployments, deployment('web'));
  });

  it('applies each of them', async () => {
    const json = [{ op: 'replace', path: '/spec/replicas', value: 3 }];
    expect((await s.call('PATCH', `${deployments}/web`, json, type('json-patch+json'))).body.spec?.['replicas']).toBe(
      3,
    );
    const added = { spec: { template: { spec: { containers: [{ name: 'side', image: 'host' }] } } } };
    const strategic = await s.call('PATCH', `${deployments}/web`, added, type('strategic-merge-patch+json'));
    const template = strategic.body.spec?.['template'] as { spec: { containers: { name: string }[] } };
    expect(template.spec.containers.map((c) => c.name).sort()).toEqual(['c', 'side']);
  });

  it('refuses patches of no known type, and those that lead nowhere', async () => {
    const other = await s.call('PATCH', `${deployments}/web`, {}, type('json'));
    expect(other.body).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
    expect(other.body.message).toContain('application/strategic-merge-patch+json, application/apply-patch+yaml');
    const test = [{ op: 'test', path: '/spec/replicas', value: 9 }];
    const tested = await s.call('PATCH', `${deployments}/web`, test, type('json-patch+json'));
    expect(tested.body).toMatchObject({ code: 422, details: {} });
    expect(tested.body.message).toMatch(
      /^the server rejected our request due to an error in our request: testing value/,
    );
    expect(tested.body['details']).not.toHaveProperty('causes');
    expect((await s.call('PATCH', `${deployments}/web`, {}, type('json-patch+json'))).code).toBe(400);
    const unknown = await s.call('PATCH', `${deployments}/web?fieldValidation=Strict`, { spec: { replica: 1 } }, merge);
    expect(unknown.body).toMatchObject({ code: 422, details: { causes: [{ field: 'patch' }] } });
    expect(unknown.body.message).toContain('strict decoding error: unknown field "spec.replica"');
  });
});

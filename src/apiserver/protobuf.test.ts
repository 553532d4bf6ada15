import { beforeEach, describe, expect, it } from 'vitest';
import type { ApiResponse } from '../api/http.ts';
import { decodeProtobuf } from '../api/protobuf/decode.ts';
import { encodeProtobuf } from '../api/protobuf/encode.ts';
import { podDraft, type TestServer, testServer } from './testserver.ts';

const type = 'application/vnd.kubernetes.protobuf';
const maps = '/api/v1/namespaces/default/configmaps';
const configMap = { apiVersion: 'v1', kind: 'ConfigMap' };
const both = `${type},application/json`;

let server: TestServer;
beforeEach(async () => {
  server = await testServer();
});

function send(
  method: string,
  path: string,
  o: { body?: object | Uint8Array; accept?: string; signal?: AbortSignal } = {},
): Promise<ApiResponse> {
  const [bare = '', query = ''] = path.split('?');
  const { body, accept = both, signal } = o;
  return server.api.handle({
    method,
    path: bare,
    query: new URLSearchParams(query),
    headers: { accept, 'content-type': type },
    ...(body ? { body: body instanceof Uint8Array ? body : encodeProtobuf(body) } : {}),
    user: { name: 'tester', groups: [] },
    signal,
  });
}

/** The answer, which must be protobuf of that kind. */
function read(answer: ApiResponse, apiVersion: string, kind: string): Record<string, unknown> {
  expect(answer.headers['content-type']).toBe(type);
  const value = decodeProtobuf(answer.body as Uint8Array, { apiVersion, kind });
  expect(value).toMatchObject({ apiVersion, kind });
  return value;
}

const create = (name: string): Promise<ApiResponse> =>
  send('POST', maps, { body: { ...configMap, metadata: { name }, data: { a: 'b' } } });

describe('protobuf', () => {
  it('creates what JSON would create, and answers in kind', async () => {
    const made = read(await create('m'), 'v1', 'ConfigMap');
    expect(made).toMatchObject({ metadata: { name: 'm', namespace: 'default' }, data: { a: 'b' } });
    const json = await server.call('GET', `${maps}/m`);
    expect(json.headers['content-type']).toBe('application/json');
    expect(json.body).toEqual(made);
    const got = await send('GET', `${maps}/m`);
    expect(read(got, 'v1', 'ConfigMap')).toEqual(made);
  });

  it('lists and watches, with bookmarks and errors in the same form', async () => {
    await create('a');
    const list = read(await send('GET', maps), 'v1', 'ConfigMapList');
    expect(list).toMatchObject({ items: [{ metadata: { name: 'a' }, data: { a: 'b' } }] });
    const stop = new AbortController();
    const path = `${maps}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
    const watch = await send('GET', path, { signal: stop.signal });
    expect(watch.headers['content-type']).toBe(`${type};stream=watch`);
    const events = watchEvents(watch.body as AsyncIterable<Uint8Array>);
    expect(await events.next()).toMatchObject({ value: ['ADDED', { kind: 'ConfigMap', metadata: { name: 'a' } }] });
    expect(await events.next()).toMatchObject({ value: ['BOOKMARK', { kind: 'ConfigMap' }] });
    await send('DELETE', `${maps}/a`);
    expect(await events.next()).toMatchObject({ value: ['DELETED', { kind: 'ConfigMap', data: { a: 'b' } }] });
    stop.abort();
  });

  it('shows bare metadata, and Tables only where JSON is taken too', async () => {
    await create('a');
    const asPartial = `${type};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`;
    const one = await send('GET', `${maps}/a`, { accept: asPartial });
    expect(read(one, 'meta.k8s.io/v1', 'PartialObjectMetadata')).toMatchObject({ metadata: { name: 'a' } });
    const asTable = ';as=Table;g=meta.k8s.io;v=v1';
    const table = await send('GET', maps, { accept: `${type}${asTable},application/json${asTable}` });
    expect(table.headers['content-type']).toBe('application/json');
    expect((await send('GET', maps, { accept: `${type}${asTable}` })).code).toBe(406);
  });

  it('refuses by Status what is malformed, another kind, or not there', async () => {
    const broken = await send('POST', maps, { body: new TextEncoder().encode('k8s\0\x12\x05') });
    expect(broken.code).toBe(400);
    expect(read(broken, 'v1', 'Status')).toMatchObject({ reason: 'BadRequest', code: 400 });
    const other = await send('POST', maps, { body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } } });
    expect(read(other, 'v1', 'Status').message).toBe('Secret in version "v1" cannot be handled as a ConfigMap');
    expect(read(await send('GET', `${maps}/gone`), 'v1', 'Status')).toMatchObject({
      message: 'configmaps "gone" not found',
      details: { name: 'gone', kind: 'configmaps' },
    });
    const invalid = await send('POST', maps, { body: { ...configMap, metadata: { name: 'A B' } } });
    expect(read(invalid, 'v1', 'Status')).toMatchObject({
      code: 422,
      details: { causes: [{ field: 'metadata.name' }] },
    });
    const noToken = await send('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', {
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [] } },
    });
    expect(read(noToken, 'v1', 'Status')).toMatchObject({ code: 404, reason: 'NotFound' });
  });

  it('is the form of bindings, evictions, scales and delete options', async () => {
    await server.call('POST', '/api/v1/namespaces/default/pods', podDraft('p'));
    const pod = '/api/v1/namespaces/default/pods/p';
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } };
    expect((await send('POST', `${pod}/binding`, { body: binding })).code).toBe(201);
    expect(read(await send('GET', pod), 'v1', 'Pod').spec).toMatchObject({ nodeName: 'n' });
    const options = { gracePeriodSeconds: 7 };
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' }, deleteOptions: options };
    expect((await send('POST', `${pod}/eviction`, { body: eviction })).code).toBe(201);
    expect(read(await send('GET', pod), 'v1', 'Pod').metadata).toMatchObject({ deletionGracePeriodSeconds: 7 });
    const now = { apiVersion: 'apps/v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 };
    expect((await send('DELETE', pod, { body: now })).code).toBe(200);
    expect((await send('GET', pod)).code).toBe(404);

    const labels = { a: 'b' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'host' }] } };
    const sets = '/apis/apps/v1/namespaces/default/replicasets';
    const set = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'r' } };
    const spec = { replicas: 0, selector: { matchLabels: labels }, template };
    expect((await send('POST', sets, { body: { ...set, spec } })).code).toBe(201);
    expect(read(await send('GET', `${sets}/r`), 'apps/v1', 'ReplicaSet').spec).toMatchObject({ replicas: 0 });
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'r' }, spec: { replicas: 3 } };
    const scaled = await send('PUT', `${sets}/r/scale`, { body: scale });
    expect(read(scaled, 'autoscaling/v1', 'Scale').spec).toEqual({ replicas: 3 });
  });
});

/** Frames of four bytes of length and a WatchEvent: type 1, object 2 with its bytes in 1. All lengths here fit two bytes. */
async function* watchEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<[string, Record<string, unknown>]> {
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; ) {
      const size = new DataView(chunk.buffer, chunk.byteOffset + at).getUint32(0);
      const event = chunk.subarray(at + 4, at + 4 + size);
      const typeLength = event[1] ?? 0;
      const name = new TextDecoder().decode(event.subarray(2, 2 + typeLength));
      const start = String.fromCharCode(...event).indexOf('k8s\0');
      yield [name, decodeProtobuf(event.subarray(start), configMap)];
      at += 4 + size;
    }
  }
}

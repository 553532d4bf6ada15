import { beforeEach, describe, expect, it } from 'vitest';
import { groupVersionPath, KINDS } from '../api/kinds.ts';
import { type NodeProxy, tunnelHeader } from './nodes.ts';
import { podDraft, type TestServer, testServer } from './testserver.ts';

const pods = '/api/v1/namespaces/default/pods';

describe('the surface', () => {
  let s: TestServer;
  beforeEach(async () => {
    s = await testServer();
  });

  it('answers 401, 404 and 405 as upstream does', async () => {
    const query = new URLSearchParams();
    const nobody = await s.api.handle({ method: 'GET', path: '/api/v1/pods', query, headers: {} });
    expect(JSON.parse(new TextDecoder().decode(nobody.body as Uint8Array))).toMatchObject({
      kind: 'Status',
      code: 401,
      reason: 'Unauthorized',
    });
    for (const path of ['/apis/batch/v1/jobs', '/api/v1/podz', '/api/v2', '/nonsense', `${pods}/a/nonsense`]) {
      expect((await s.call('GET', path)).body).toMatchObject({
        code: 404,
        reason: 'NotFound',
        message: 'the server could not find the requested resource',
      });
    }
    expect((await s.call('GET', `${pods}/ghost`)).body.message).toBe('pods "ghost" not found');
    for (const [method, path] of [
      ['POST', '/api/v1/pods'],
      ['PUT', pods],
      ['DELETE', '/version'],
      ['GET', `${pods}/a/binding`],
      // One request must not end the whole cluster: upstream has no deletecollection of namespaces.
      ['DELETE', '/api/v1/namespaces'],
    ]) {
      expect((await s.call(method ?? '', path ?? '')).code, `${method} ${path}`).toBe(405);
    }
  });

  it.each(KINDS.map((row) => [row.kind, row] as const))('%s: every verb of the table is served', async (_kind, row) => {
    const collection = `${groupVersionPath(row)}${row.namespaced ? '/namespaces/default' : ''}/${row.plural}`;
    expect((await s.call('GET', collection)).code).toBe(200);
    expect((await s.call('GET', `${groupVersionPath(row)}/${row.plural}`)).code).toBe(200);
    const w = s.watch(`${collection}?watch=true`);
    await w.events();
    expect(w.ended()).toBe(false);
    w.stop();
    for (const [method, path] of [
      ['GET', `${collection}/ghost`],
      ['DELETE', `${collection}/ghost`],
      ...row.subresources
        .filter((r) => r === 'status' || r === 'scale')
        .map((r) => ['GET', `${collection}/ghost/${r}`]),
    ]) {
      expect((await s.call(method ?? '', path ?? '')).body).toMatchObject({ code: 404, details: { name: 'ghost' } });
    }
  });

  it('tells its resources in discovery, plain and aggregated', async () => {
    expect((await s.call('GET', '/api')).body['versions']).toEqual(['v1']);
    const groups = (await s.call('GET', '/apis')).body['groups'] as { name: string }[];
    expect(groups.map((g) => g.name)).toEqual(['discovery.k8s.io', 'coordination.k8s.io', 'apps', 'networking.k8s.io']);
    const core = (await s.call('GET', '/api/v1')).body['resources'] as { name: string; verbs: string[] }[];
    const deletes = core.filter((r) => r.verbs.includes('deletecollection')).map((r) => r.name);
    expect(deletes).toContain('nodes');
    expect(deletes).not.toContain('namespaces');
    const apps = (await s.call('GET', '/apis/apps/v1')).body['resources'] as { name: string; kind: string }[];
    expect(apps.find((r) => r.name === 'deployments/scale')).toMatchObject({ kind: 'Scale', group: 'autoscaling' });
    expect((await s.call('GET', '/apis/apps')).body).toMatchObject({ kind: 'APIGroup', name: 'apps' });
    for (const v of ['v2', 'v2beta1']) {
      const accept = `application/json;g=apidiscovery.k8s.io;v=${v};as=APIGroupDiscoveryList,application/json`;
      const all = await s.call('GET', '/apis', undefined, { accept });
      expect(all.headers['content-type']).toContain(`v=${v};as=APIGroupDiscoveryList`);
      expect(all.body).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${v}` });
      expect(all.body.items?.map((g) => g.metadata?.name)).toEqual(groups.map((g) => g.name));
    }
  });

  it('has version, health, metrics and OpenAPI', async () => {
    expect((await s.call('GET', '/version')).body).toMatchObject({
      major: '1',
      minor: '35',
      gitVersion: 'v1.35.0+podlan',
    });
    for (const path of ['/livez', '/readyz', '/healthz']) {
      expect((await s.call('GET', path)).body['text']).toBe('ok');
    }
    expect((await s.call('GET', '/readyz?verbose')).body['text']).toContain('readyz check passed');
    expect((await s.call('GET', '/metrics')).body['text']).toContain(
      'apiserver_storage_objects{resource="namespaces"} 1',
    );
    const index = (await s.call('GET', '/openapi/v3')).body['paths'] as Record<string, { serverRelativeURL: string }>;
    const apps = index['apis/apps/v1']?.serverRelativeURL ?? '';
    expect(apps).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{16}$/);
    const document = await s.call('GET', apps);
    expect(document.body['openapi']).toMatch(/^3\./);
    expect(document.headers['cache-control']).toContain('immutable');
    expect((await s.call('GET', '/openapi/v3/apis/nope/v1')).code).toBe(404);
    const v2 = await s.call('GET', '/openapi/v2');
    type Definitions = Record<string, { properties: Record<string, unknown> } | undefined>;
    const podSpec = (v2.body['definitions'] as Definitions)['io.k8s.api.core.v1.PodSpec'];
    expect(podSpec?.properties['containers']).toMatchObject({
      items: { $ref: '#/definitions/io.k8s.api.core.v1.Container' },
      'x-kubernetes-patch-merge-key': 'name',
    });
    // What kubectl up to 1.27 or so asks for: it begins with the field `swagger`.
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    const protobuf = await s.call('GET', '/openapi/v2', undefined, { accept });
    expect(protobuf.headers['content-type']).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    expect((protobuf.body['text'] as string).slice(0, 5)).toBe('\n\u00032.0');
  });
});

describe('requests that a node answers', () => {
  const asked: unknown[] = [];
  const nodes: NodeProxy = {
    async request(target) {
      asked.push(target);
      return { code: 200, headers: { 'content-type': 'text/plain' }, body: new TextEncoder().encode('hello') };
    },
  };
  let s: TestServer;
  beforeEach(async () => {
    asked.length = 0;
    s = await testServer({ nodes });
    await s.call('POST', '/api/v1/nodes', {
      metadata: { name: 'n1' },
      status: {
        addresses: [{ type: 'InternalIP', address: '172.30.0.11' }],
        daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      },
    });
    const two = [
      { name: 'a', image: 'host' },
      { name: 'b', image: 'host' },
    ];
    await s.call('POST', pods, podDraft('one', {}, { nodeName: 'n1' }));
    await s.call('POST', pods, podDraft('two', {}, { nodeName: 'n1', containers: two }));
    await s.call('POST', pods, podDraft('waits'));
  });

  it('asks the pod’s node for its log', async () => {
    const log = await s.call('GET', `${pods}/one/log?follow=true&tailLines=5`);
    expect(log.body['text']).toBe('hello');
    expect(asked).toEqual([
      { host: '172.30.0.11', port: 10250, path: '/containerLogs/default/one/c?follow=true&tailLines=5' },
    ]);
    expect((await s.call('GET', `${pods}/two/log`)).body.message).toBe(
      'a container name must be specified for pod two, choose one of: [a b]',
    );
    expect((await s.call('GET', `${pods}/two/log?container=x`)).body.message).toBe(
      'container x is not valid for pod two',
    );
    expect((await s.call('GET', `${pods}/waits/log`)).body['text']).toBe('');
    expect((await s.call('GET', `${pods}/ghost/log`)).code).toBe(404);
  });

  it('says where an upgrade leads', async () => {
    const upgrade = { upgrade: 'websocket' };
    const exec = await s.call(
      'POST',
      `${pods}/two/exec?container=b&command=sh&command=-c&tty=true`,
      undefined,
      upgrade,
    );
    expect(exec.code).toBe(101);
    expect(JSON.parse(exec.headers[tunnelHeader] ?? '')).toEqual({
      host: '172.30.0.11',
      port: 10250,
      path: '/exec/default/two/b?command=sh&command=-c&tty=true',
    });
    const forward = await s.call('GET', `${pods}/one/portforward`, undefined, upgrade);
    expect(forward.headers[tunnelHeader]).toContain('/portForward/default/one');
    expect((await s.call('GET', `${pods}/one/exec?command=sh`)).body.message).toBe('Upgrade request required');
    expect((await s.call('POST', `${pods}/waits/attach`, undefined, upgrade)).body.message).toBe(
      'pod waits does not have a host assigned',
    );
  });
});

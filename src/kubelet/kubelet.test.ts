import { describe, expect, it } from 'vitest';
import type { Pod, Service } from '../api/types.ts';
import { oomScoreAdj, resolveUser } from './bundle.ts';
import { containerEnv, expand, serviceEnv } from './env.ts';
import type { EnvSources } from './env.ts';
import { hostnameOf, hostsFile, resolvConf } from './netfiles.ts';
import { newNode, nodeStatus, notReady, ready, sameNodeStatus } from './nodestatus.ts';
import { afterResult, freshProbe, nextDelayMs, probePort, timingOf } from './probe.ts';
import { unsupportedFields } from './refuse.ts';
import { objectsReadBy, volumePlan } from './volumes.ts';

const pod = (spec: object = {}): Pod =>
  ({
    metadata: { name: 'web-0', namespace: 'my-app', uid: 'u', labels: { b: '2', a: 'x"y' } },
    spec: { containers: [{ name: 'a' }], ...spec },
  }) as unknown as Pod;
const sources: EnvSources = {
  nodeName: 'node-1',
  nodeIp: '172.30.0.11',
  allocatable: { cpu: 2, memoryBytes: 4096 },
  podIps: ['10.0.0.2'],
  configMap: (name) => (name === 'c' ? ({ data: { k: 'v' }, binaryData: { z: btoa('\u0001') } } as never) : undefined),
  secret: (name) => (name === 's' ? ({ data: { k: btoa('hush') } } as never) : undefined),
  services: [],
};

describe('variables', () => {
  it.each([
    ['$(A)-$(B)', '1-2'],
    ['$$(A)', '$(A)'],
    ['$(C) $A $', '$(C) $A $'],
  ])('%s', (text, wanted) => expect(expand(text, new Map([['A', '1']]), new Map([['B', '2']]))).toBe(wanted));
  it('what is missing has a why', () => {
    const env = (entry: object) => containerEnv(pod(), { name: 'a', env: [{ name: 'X', ...entry }] }, sources);
    const key = (name: string, k: string, optional = false) => ({
      valueFrom: { configMapKeyRef: { name, key: k, optional } },
    });
    expect(env(key('c', 'k'))).toEqual({ env: new Map([['X', 'v']]) });
    expect(env(key('c', 'no'))).toEqual({ why: "couldn't find key no in ConfigMap my-app/c" });
    expect(env(key('no', 'k'))).toEqual({ why: 'configmap "no" not found' });
    expect(env(key('no', 'k', true))).toEqual({ env: new Map() });
  });
  it('services of the own namespace, and the API always', () => {
    const service = (namespace: string, name: string, clusterIP: string) =>
      ({ metadata: { namespace, name }, spec: { clusterIP, ports: [{ port: 80 }] } }) as unknown as Service;
    const all = [
      service('my-app', 'x-y', '10.96.0.5'),
      service('my-app', 'h', 'None'),
      service('default', 'kubernetes', '10.96.0.1'),
    ];
    expect([...serviceEnv(pod(), all).keys()].filter((k) => k.endsWith('_HOST'))).toEqual([
      'X_Y_SERVICE_HOST',
      'KUBERNETES_SERVICE_HOST',
    ]);
    expect(serviceEnv(pod({ enableServiceLinks: false }), all).get('X_Y_PORT')).toBeUndefined();
    expect(serviceEnv(pod(), all).get('X_Y_PORT_80_TCP')).toBe('tcp://10.96.0.5:80');
  });
});

describe('names', () => {
  const dns = { dnsIp: '10.96.0.10', clusterDomain: 'cluster.local' };
  const node = '# c\nnameserver 9.9.9.9\nsearch corp.example\noptions edns0\n';
  it.each([
    [
      {},
      'search my-app.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n',
    ],
    [{ dnsPolicy: 'Default' }, 'search corp.example\nnameserver 9.9.9.9\noptions edns0\n'],
    [{ hostNetwork: true }, 'search corp.example\nnameserver 9.9.9.9\noptions edns0\n'],
    [{ dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'] } }, 'nameserver 1.1.1.1\n'],
  ])('resolv.conf of %o', (spec, wanted) => expect(resolvConf(pod(spec), dns, node)).toBe(wanted));
  it('hosts', () => {
    expect(hostsFile(pod({ subdomain: 'db' }), ['10.0.0.2'], 'cluster.local')).toContain(
      '10.0.0.2\tweb-0.db.my-app.svc.cluster.local\tweb-0\n',
    );
    expect(hostnameOf({ metadata: { name: `${'a'.repeat(62)}.b` }, spec: {} } as Pod)).toBe('a'.repeat(62));
  });
});

describe('volumes', () => {
  it('items, modes, and what is missing', () => {
    const plan = (volume: object) => volumePlan(pod(), { name: 'v', ...volume }, sources);
    expect(plan({ configMap: { name: 'c', items: [{ key: 'k', path: 'd/f', mode: 0o600 }] } })).toMatchObject({
      files: [{ path: 'd/f', mode: 0o600 }],
    });
    expect(() => plan({ configMap: { name: 'c', items: [{ key: 'no', path: 'x' }] } })).toThrow(
      'references non-existent configmap key: no',
    );
    expect(() => plan({ secret: { secretName: 'no' } })).toThrow('secret "no" not found');
    expect(plan({ secret: { secretName: 'no', optional: true } })).toMatchObject({ files: [], memory: true });
    expect(plan({ downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } })).toMatchObject(
      {
        files: [{ bytes: new TextEncoder().encode('a="x\\"y"\nb="2"') }],
      },
    );
  });
  it('knows whose changes concern it', () => {
    const spec = {
      volumes: [{ name: 'v', secret: { secretName: 's' } }],
      containers: [{ name: 'a', envFrom: [{ configMapRef: { name: 'c' } }] }],
    };
    expect([...objectsReadBy(pod(spec))]).toEqual(['Secret/s', 'ConfigMap/c']);
  });
});

describe('probes', () => {
  it('count in a row, both ways', () => {
    const timing = timingOf({ failureThreshold: 2, successThreshold: 2 });
    let state = freshProbe;
    const verdicts = [true, true, false, true, false, false, true].map(
      (passed) => (state = afterResult(state, passed, timing)).verdict,
    );
    expect(verdicts).toEqual([undefined, true, true, true, true, false, false]);
  });
  it('ask often until ready for the first time', () => {
    const timing = timingOf({ periodSeconds: 1 });
    const failed = afterResult(freshProbe, false, timing);
    expect([1, 2, 3, 9].map((n) => nextDelayMs('readiness', failed, n, timing, false))).toEqual([20, 40, 80, 1000]);
    expect(nextDelayMs('liveness', failed, 1, timing, false)).toBe(1000);
    expect(nextDelayMs('readiness', afterResult(freshProbe, true, timing), 1, timing, false)).toBe(1000);
  });
  it('find a port by its name', () => {
    const ports = [{ name: 'http', containerPort: 8080 }];
    expect([probePort('http', { ports }), probePort('81', {}), probePort(82, {}), probePort('x', { ports })]).toEqual([
      8080,
      81,
      82,
      undefined,
    ]);
  });
});

describe('users', () => {
  const files = { passwd: 'root:x:0:0::\nweb:x:1000:1001::\n', group: 'root:x:0:\nweb:x:1001:\nextra:x:77:web,x\n' };
  it.each([
    [{}, { uid: 0, gid: 0, additionalGids: [] }],
    [{ image: 'web' }, { uid: 1000, gid: 1001, additionalGids: [77] }],
    [{ image: '1000:77' }, { uid: 1000, gid: 77, additionalGids: [] }],
    [{ image: 'web:extra' }, { uid: 1000, gid: 77, additionalGids: [] }],
    [
      { image: 'web', runAsUser: 5 },
      { uid: 5, gid: 0, additionalGids: [] },
    ],
    [
      { runAsUser: 1000, runAsGroup: 3 },
      { uid: 1000, gid: 3, additionalGids: [77] },
    ],
  ])('%o', (wanted, user) => expect(resolveUser(wanted, files)).toEqual(user));
  it('an unknown name is no user', () =>
    expect(() => resolveUser({ image: 'nobody' }, files)).toThrow('unable to find user nobody'));
  it('scores for the OOM killer', () => {
    const p = (resources: object) => pod({ containers: [{ name: 'a', resources }] });
    const score = (x: Pod) => x.spec.containers.map((c) => oomScoreAdj(x, c, 1000))[0];
    expect(score(p({}))).toBe(1000);
    expect(score(p({ requests: { memory: '500' } }))).toBe(500);
    const both = { cpu: '1', memory: '10' };
    expect(score(p({ requests: both, limits: both }))).toBe(-997);
  });
});

it('names what it does not support', () => {
  const spec = {
    shareProcessNamespace: true,
    volumes: [
      { name: 'v', nfs: {} },
      { name: 'p', projected: { sources: [{ serviceAccountToken: {} }] } },
    ],
    containers: [{ name: 'a', livenessProbe: { grpc: { port: 1 } } }],
  };
  expect(unsupportedFields(pod(spec))).toEqual([
    'spec.shareProcessNamespace',
    'spec.volumes[0].nfs',
    'spec.volumes[1].projected.sources[0].serviceAccountToken',
    'a.livenessProbe.grpc',
  ]);
  expect(unsupportedFields(pod({ volumes: [{ name: 'v', emptyDir: {} }] }))).toEqual([]);
});

describe('the node', () => {
  const node = { name: 'node-1', index: 1, ip: '172.30.0.11' };
  const machine = {
    cpus: 2,
    memoryBytes: 1 << 30,
    diskBytes: 1 << 30,
    architecture: 'amd64',
    kernelVersion: '6',
    osImage: 'Debian',
    machineId: 'm',
    bootId: 'b',
    runcVersion: '1.1.5',
  };
  it('keeps what others have added, and says again only what has changed', () => {
    const first = newNode(node, machine, 0).status ?? {};
    const held = {
      ...first,
      capacity: { ...first.capacity, 'example.com/gpu': '1' },
      conditions: [...(first.conditions ?? []), { type: 'NetworkUnavailable', status: 'False' }],
    };
    const wait = notReady('the network of the node is not set up yet');
    expect(sameNodeStatus(held, nodeStatus(held, node, machine, wait, 5000))).toBe(true);
    const next = nodeStatus(held, node, machine, ready, 5000);
    expect(sameNodeStatus(held, next)).toBe(false);
    expect(next.capacity?.['example.com/gpu']).toBe('1');
    expect(next.conditions?.map((c) => `${c.type}=${c.status}`)).toContain('NetworkUnavailable=False');
    expect(next.conditions?.find((c) => c.type === 'Ready')).toMatchObject({
      status: 'True',
      lastTransitionTime: '1970-01-01T00:00:05Z',
    });
  });
});

import { describe, expect, it } from 'vitest';
import type { EndpointSlice } from '../../api/types.ts';
import { type FakeCluster, fakeCluster } from '../../client/fake.ts';
import { plan } from './plan.ts';

const service = (spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'a', uid: 'svc', labels: { team: 'x' } },
  spec: {
    clusterIP: '10.96.0.5',
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 'http' }],
    ...spec,
  },
});
interface PodOptions {
  ready?: boolean;
  port?: number;
  meta?: object;
  spec?: object;
}
const pod = (name: string, ip: string, o: PodOptions = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'a', labels: { app: 'web' }, ...o.meta },
  spec: { nodeName: 'n1', containers: [{ ports: [{ name: 'http', containerPort: o.port ?? 80 }] }], ...o.spec },
  status: {
    phase: 'Running',
    podIP: ip,
    conditions: [{ type: 'Ready', status: o.ready === false ? 'False' : 'True' }],
  },
});
const many = (count: number): object[] =>
  Array.from({ length: count }, (_, i) => pod(`p${i}`, `10.0.${Math.floor(i / 200)}.${i % 200}`));
const slices = (c: FakeCluster): readonly EndpointSlice[] => c.view.owned('EndpointSlice', 'svc');
const look = (c: FakeCluster): string[] => {
  c.nowMs++;
  return c.settle({ plan }, 'a/web').map((l) => l.replace(/ web-\w{5}$/, ''));
};
const told = (c: FakeCluster): string[] =>
  slices(c)
    .flatMap((s) =>
      s.endpoints.map(
        (e) => `${e.addresses[0]}:${s.ports?.map((p) => p.port).join()} ${Object.values(e.conditions ?? {}).join()}`,
      ),
    )
    .toSorted();

describe('EndpointSlices', () => {
  it('follow the pods of the selector through their lives', () => {
    const c = fakeCluster(service(), pod('other', '10.0.0.9', { meta: { labels: { app: 'x' } } }));
    expect(look(c)).toEqual(['create EndpointSlice']);
    expect(told(c)).toEqual([]);
    c.put(pod('p1', '10.0.0.1'), pod('p2', '10.0.0.2', { ready: false }), pod('noip', ''));
    expect(look(c)).toEqual(['create EndpointSlice', 'delete EndpointSlice']);
    // ready, serving, terminating
    expect(told(c)).toEqual(['10.0.0.1:80 true,true,false', '10.0.0.2:80 false,false,false']);
    c.put(pod('p1', '10.0.0.1', { meta: { deletionTimestamp: 'x' } }), pod('p2', '10.0.0.2'));
    expect(look(c)).toEqual(['update EndpointSlice']);
    expect(told(c)).toEqual(['10.0.0.1:80 false,true,true', '10.0.0.2:80 true,true,false']);
    expect(look(c)).toEqual([]);
    expect(slices(c)[0]).toMatchObject({
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      endpoints: [{ nodeName: 'n1', targetRef: { kind: 'Pod', name: 'p1', namespace: 'a' } }, {}],
      metadata: {
        labels: {
          team: 'x',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
      },
    });
  });

  it('resolve a named port on each pod', () => {
    const c = fakeCluster(service(), pod('p1', '10.0.0.1', { port: 80 }), pod('p2', '10.0.0.2', { port: 8080 }));
    look(c);
    expect(told(c)).toEqual(['10.0.0.1:80 true,true,false', '10.0.0.2:8080 true,true,false']);
    expect(slices(c)).toHaveLength(2);
  });

  it('name the pods of a headless Service, and publish what is not ready when asked to', () => {
    const spec = { hostname: 'db-0', subdomain: 'web' };
    const c = fakeCluster(
      service({ clusterIP: 'None', publishNotReadyAddresses: true }),
      pod('db-0', '10.0.0.1', { ready: false, spec }),
    );
    look(c);
    expect(slices(c)[0]).toMatchObject({
      metadata: { labels: { 'service.kubernetes.io/headless': '' } },
      endpoints: [{ hostname: 'db-0', conditions: { ready: true, serving: false } }],
    });
  });

  it('hold at most 100 endpoints, and change as few slices as they can', () => {
    const c = fakeCluster(service(), ...many(250));
    look(c);
    expect(slices(c).map((s) => s.endpoints.length)).toEqual([100, 100, 50]);
    c.put(pod('new', '10.1.0.1'));
    expect(look(c)).toEqual(['update EndpointSlice']);
    for (let i = 0; i < 100; i++) c.apply([{ op: 'delete', kind: 'Pod', namespace: 'a', name: `p${i}`, why: '' }]);
    expect(look(c)).toEqual(['delete EndpointSlice']);
    expect(told(c)).toHaveLength(151);
  });

  it('are none for ExternalName, for no selector, and stay when the Service has gone', () => {
    expect(look(fakeCluster(service({ type: 'ExternalName' }), pod('p', '10.0.0.1')))).toEqual([]);
    expect(look(fakeCluster(service({ selector: undefined }), pod('p', '10.0.0.1')))).toEqual([]);
    expect(look(fakeCluster(pod('p', '10.0.0.1')))).toEqual([]);
  });
});

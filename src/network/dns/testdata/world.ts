// A small cluster as objects: one of every kind of Service.
import type { EndpointSlice, Kind, KubeObject, Service } from '../../../api/types.ts';
import { createZone, type Zone } from '../zone.ts';

export function testZone(objects: readonly KubeObject[] = []): Zone {
  const zone = createZone({
    domain: 'cluster.local',
    dnsIp: '10.96.0.10',
    podNetworks: ['10.244.0.0/16', '172.30.0.0/24'],
    privateNetworks: ['10.244.0.0/16', '10.96.0.0/16', '172.30.0.0/24'],
  });
  for (const object of objects) zone.apply({ kind: object.kind as Kind, type: 'added', object });
  return zone;
}

const meta = (namespace: string | undefined, name: string, labels?: Record<string, string>) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...(labels ? { labels } : {}),
});
export const namespace = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: meta(undefined, name),
});
export const service = (path: string, spec: Service['spec']): Service => {
  const [ns = '', name = ''] = path.split('/');
  return { apiVersion: 'v1', kind: 'Service', metadata: meta(ns, name), spec };
};
export const slice = (
  path: string,
  of: string,
  endpoints: EndpointSlice['endpoints'],
  more: Partial<EndpointSlice> = {},
): EndpointSlice => {
  const [ns = '', name = ''] = path.split('/');
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta(ns, name, { 'kubernetes.io/service-name': of }),
    addressType: 'IPv4',
    ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }],
    endpoints,
    ...more,
  };
};
export const endpoint = (address: string, ready: boolean | undefined, hostname?: string) => ({
  addresses: [address],
  conditions: ready === undefined ? {} : { ready },
  ...(hostname ? { hostname } : {}),
});

const web = service('my-app/web', {
  clusterIP: '10.96.0.7',
  clusterIPs: ['10.96.0.7'],
  ports: [
    { name: 'http', port: 80, protocol: 'TCP' },
    { port: 53, protocol: 'UDP' },
  ],
});
const webSlice = slice('my-app/web-1', 'web', [endpoint('10.244.1.9', true, 'first'), endpoint('10.244.1.8', false)]);
const db = service('my-app/db', { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'pg', port: 5432 }] });
const dbSlice = slice('my-app/db-1', 'db', [
  endpoint('10.244.1.2', true, 'db-0'),
  endpoint('10.244.2.3', undefined, 'db-1'),
  endpoint('10.244.2.4', true),
  endpoint('10.244.2.5', false, 'db-3'),
]);
const dual = service('my-app/dual', { clusterIPs: ['10.96.0.20', 'fd00::14'], ports: [] });
const early = service('my-app/early', { clusterIP: 'None', publishNotReadyAddresses: true });
const earlySlice = slice('my-app/early-1', 'early', [endpoint('10.244.3.1', false, 'e-0')], { ports: [] });
const none = service('my-app/none', { clusterIP: 'None' });
const noneSlice = slice('my-app/none-1', 'none', [endpoint('10.244.3.9', false, 'n-0')]);
export const external = (name: string, externalName: string): Service =>
  service(`my-app/${name}`, { type: 'ExternalName', externalName });

export const world: readonly KubeObject[] = [
  namespace('my-app'),
  namespace('empty'),
  web,
  webSlice,
  db,
  dbSlice,
  dual,
  early,
  earlySlice,
  none,
  noneSlice,
  external('out', 'api.example.com'),
  external('in', 'web.my-app.svc.cluster.local.'),
  external('in2', 'in.my-app.svc.cluster.local'),
  external('missing', 'nobody.my-app.svc.cluster.local'),
  external('ping', 'pong.my-app.svc.cluster.local'),
  external('pong', 'ping.my-app.svc.cluster.local'),
  external('self', 'self.my-app.svc.cluster.local'),
  service('my-app/unallocated', { type: 'ClusterIP', ports: [] }),
];

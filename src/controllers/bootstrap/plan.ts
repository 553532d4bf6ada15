// The objects that every cluster has, made when they are missing: namespaces, the API server's own Service, DNS.
import type { ClusterSettings } from '../../api/cluster.ts';
import type { Draft, Endpoints, EndpointSlice, Kind, KubeObject, Namespace, Service } from '../../api/types.ts';
import { sameJson } from '../../client/hash.ts';
import type { Change, Plan, View } from '../../client/types.ts';

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

export function wanted(s: ClusterSettings): readonly Draft<KubeObject>[] {
  return [...namespaces.map(namespace), apiService(s), apiEndpoints(s), apiSlice(s), dnsService(s)];
}

export function plan(view: View, settings: ClusterSettings): Plan {
  const changes: Change[] = [];
  for (const object of wanted(settings)) {
    const kind = object.kind as Kind;
    const { namespace, name } = object.metadata;
    const seen = view.get(kind, namespace, name ?? '');
    if (!seen) changes.push({ op: 'create', kind, object, why: `every cluster has ${kind} ${name}` });
    else if (!seen.metadata.deletionTimestamp) changes.push(...corrected(kind, object, seen));
  }
  return { changes };
}

/** Where the API server listens may change from one start to the next; the rest is only created, then people's. */
function corrected(kind: Kind, object: Draft<KubeObject>, seen: KubeObject): Change[] {
  const why = `the API server listens elsewhere than ${kind} ${seen.metadata.name} says`;
  if (kind === 'Endpoints' || kind === 'EndpointSlice') {
    const { metadata: _metadata, ...content } = object;
    const next = { ...seen, ...content };
    return sameJson(next, seen) ? [] : [{ op: 'update', kind, object: next, why }];
  }
  const targets = (o: unknown): unknown => (o as Service).spec.ports?.map((p) => p.targetPort);
  if (kind !== 'Service' || seen.metadata.namespace !== 'default' || sameJson(targets(object), targets(seen)))
    return [];
  const { ports } = (object as Draft<Service>).spec;
  return [{ op: 'update', kind, object: { ...seen, spec: { ...(seen as Service).spec, ports } } as KubeObject, why }];
}

const namespace = (name: string): Draft<Namespace> => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

const apiService = (s: ClusterSettings): Draft<Service> => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
  spec: {
    type: 'ClusterIP',
    clusterIP: s.apiServiceIp,
    ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: s.apiPort }],
  },
});

const apiEndpoints = (s: ClusterSettings): Draft<Endpoints> => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { name: 'kubernetes', namespace: 'default', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
  subsets: [{ addresses: [{ ip: s.hostIp }], ports: [{ name: 'https', port: s.apiPort, protocol: 'TCP' }] }],
});

const apiSlice = (s: ClusterSettings): Draft<EndpointSlice> => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: [s.hostIp], conditions: { ready: true } }],
  ports: [{ name: 'https', port: s.apiPort, protocol: 'TCP' }],
});

/** Without selector and marked as someone else's: every node answers on this address itself, no proxy rule leads there. */
const dnsService = (s: ClusterSettings): Draft<Service> => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'kube-dns',
    namespace: 'kube-system',
    labels: {
      'k8s-app': 'kube-dns',
      'kubernetes.io/cluster-service': 'true',
      'service.kubernetes.io/service-proxy-name': 'podlan-dns',
    },
  },
  spec: {
    type: 'ClusterIP',
    clusterIP: s.dnsIp,
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
      { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
    ],
  },
});

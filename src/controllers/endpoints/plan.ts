// Service + pods -> the Endpoints object of the same name: the older form of EndpointSlices, still read by many.
import type { core, Draft, Endpoints, KubeObject, Service } from '../../api/types.ts';
import {
  familiesOf,
  hostnameUnder,
  isHeadless,
  podIp,
  podsOf,
  selectsPods,
  targetPort,
} from '../../client/endpoints.ts';
import { canonicalJson, sameJson } from '../../client/hash.ts';
import { isReady, isTerminating, splitKey } from '../../client/pods.ts';
import type { Plan, View } from '../../client/types.ts';

const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const managedBy = 'endpoint-controller';
const overCapacity = 'endpoints.kubernetes.io/over-capacity';
/** Most addresses of one object; who needs more reads EndpointSlices. */
const capacity = 1000;

export function plan(view: View, key: string): Plan {
  const { namespace, name } = splitKey(key);
  const service = view.get('Service', namespace, name);
  const seen = view.get('Endpoints', namespace, name);
  if (!service) {
    // Those that people made by hand are theirs.
    if (seen?.metadata.labels?.[managedByLabel] !== managedBy) return { changes: [] };
    const { uid } = seen.metadata;
    return { changes: [{ op: 'delete', kind: 'Endpoints', namespace, name, uid, why: `Service ${key} is gone` }] };
  }
  if (!selectsPods(service) || isTerminating(service)) return { changes: [] };
  const { subsets, truncated } = subsetsOf(view, service);
  const labels = {
    ...service.metadata.labels,
    ...(isHeadless(service) ? { 'service.kubernetes.io/headless': '' } : {}),
    [managedByLabel]: managedBy,
  };
  const why = `${key} has ${subsets.reduce((n, s) => n + (s.addresses?.length ?? 0), 0)} ready addresses`;
  const annotations: Record<string, string> = truncated ? { [overCapacity]: 'truncated' } : {};
  if (!seen) {
    const object: Draft<Endpoints> = {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name, namespace, labels, annotations },
      subsets,
    };
    return { changes: [{ op: 'create', kind: 'Endpoints', object, why }] };
  }
  const { [overCapacity]: _over, ...others } = seen.metadata.annotations ?? {};
  const same =
    sameJson(seen.subsets ?? [], subsets) &&
    sameJson(seen.metadata.labels, labels) &&
    (seen.metadata.annotations?.[overCapacity] !== undefined) === truncated;
  if (same || isTerminating(seen)) return { changes: [] };
  const metadata = { ...seen.metadata, labels, annotations: { ...others, ...annotations } };
  return { changes: [{ op: 'update', kind: 'Endpoints', object: { ...seen, metadata, subsets } as KubeObject, why }] };
}

interface Subset {
  readonly ports: core.EndpointPort[];
  readonly addresses: core.EndpointAddress[];
  readonly notReadyAddresses: core.EndpointAddress[];
}

function subsetsOf(view: View, service: Service): { subsets: core.EndpointSubset[]; truncated: boolean } {
  const groups = new Map<string, Subset>();
  const anyway = service.spec.publishNotReadyAddresses === true;
  let count = 0;
  for (const pod of podsOf(view, service)) {
    const ip = podIp(pod, familiesOf(service)[0] ?? 'IPv4');
    if (!ip || (isTerminating(pod) && !anyway)) continue;
    const ports = (service.spec.ports ?? []).flatMap((p) => {
      const port = targetPort(pod, p);
      if (port === undefined) return [];
      const appProtocol = p.appProtocol === undefined ? {} : { appProtocol: p.appProtocol };
      return [{ ...(p.name ? { name: p.name } : {}), port, protocol: p.protocol ?? 'TCP', ...appProtocol }];
    });
    if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue;
    if (++count > capacity) break;
    const id = canonicalJson(ports);
    let group = groups.get(id);
    if (!group) groups.set(id, (group = { ports, addresses: [], notReadyAddresses: [] }));
    const { namespace, name, uid } = pod.metadata;
    const hostname = hostnameUnder(service, pod);
    const address: core.EndpointAddress = {
      ip,
      ...(hostname ? { hostname } : {}),
      ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
      targetRef: { kind: 'Pod', namespace, name, uid },
    };
    (isReady(pod) || anyway ? group.addresses : group.notReadyAddresses).push(address);
  }
  const byIp = (a: core.EndpointAddress, b: core.EndpointAddress): number => (a.ip < b.ip ? -1 : 1);
  const subsets = [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, g]) => ({
      ...(g.addresses.length > 0 ? { addresses: g.addresses.sort(byIp) } : {}),
      ...(g.notReadyAddresses.length > 0 ? { notReadyAddresses: g.notReadyAddresses.sort(byIp) } : {}),
      ...(g.ports.length > 0 ? { ports: g.ports } : {}),
    }));
  return { subsets, truncated: count > capacity };
}

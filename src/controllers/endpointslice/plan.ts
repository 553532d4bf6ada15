// Service + pods -> EndpointSlices: one group of slices for each set of ports that pods have, at most 100 endpoints each.
import type { discovery, Draft, EndpointSlice, Pod, Service } from '../../api/types.ts';
import {
  familiesOf,
  hostnameUnder,
  type IpFamily,
  isHeadless,
  podIp,
  podsOf,
  selectsPods,
  targetPort,
} from '../../client/endpoints.ts';
import { canonicalJson, nameSuffix, sameJson } from '../../client/hash.ts';
import { controllerReference, isReady, isTerminating, splitKey } from '../../client/pods.ts';
import type { Change, Plan, View } from '../../client/types.ts';
import { type Group, reconcile, type SliceChange } from './reconcile.ts';

export const serviceLabel = 'kubernetes.io/service-name';
export const managedBy = 'endpointslice-controller.k8s.io';
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const headlessLabel = 'service.kubernetes.io/headless';
const perSlice = 100;

export function plan(view: View, key: string, nowMs: number): Plan {
  const { namespace, name } = splitKey(key);
  const service = view.get('Service', namespace, name);
  // Slices of a Service that is gone go with it: they name it as their owner.
  if (!service || isTerminating(service) || !service.spec.selector) return { changes: [] };
  const existing = view
    .owned('EndpointSlice', service.metadata.uid)
    .filter((s) => s.metadata.labels?.[managedByLabel] === managedBy && !isTerminating(s));
  const families = selectsPods(service) ? familiesOf(service) : [];
  const changes: Change[] = [];
  const unwanted = existing.filter((s) => !families.includes(s.addressType as IpFamily));
  changes.push(...unwanted.map((slice) => remove(slice, `${key} has no ${slice.addressType} endpoints`)));
  for (const family of families) {
    const groups = groupsOf(view, service, family);
    const ours = existing.filter((s) => s.addressType === family);
    const labels = labelsOf(service);
    const steps = reconcile(groups, ours, perSlice, (s) => sameJson(s.metadata.labels, labels));
    steps.forEach((step, i) => changes.push(written(service, family, step, labels, `${nowMs}/${i}`)));
  }
  return { changes };
}

/** Wanted endpoints by the ports that they have; a Service without any pod still gets an empty group. */
function groupsOf(view: View, service: Service, family: IpFamily): readonly Group[] {
  const groups = new Map<string, { ports: discovery.EndpointPort[]; endpoints: discovery.Endpoint[] }>();
  for (const pod of podsOf(view, service)) {
    const ip = podIp(pod, family);
    if (!ip) continue;
    const ports = portsOf(service, pod);
    const id = canonicalJson(ports);
    let group = groups.get(id);
    if (!group) groups.set(id, (group = { ports, endpoints: [] }));
    group.endpoints.push(endpointOf(view, service, pod, ip));
  }
  if (groups.size === 0) return [{ ports: [], endpoints: [] }];
  return [...groups.values()];
}

function portsOf(service: Service, pod: Pod): discovery.EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((p) => {
    const port = targetPort(pod, p);
    if (port === undefined) return [];
    const appProtocol = p.appProtocol === undefined ? {} : { appProtocol: p.appProtocol };
    return [{ name: p.name ?? '', port, protocol: p.protocol ?? 'TCP', ...appProtocol }];
  });
}

function endpointOf(view: View, service: Service, pod: Pod, ip: string): discovery.Endpoint {
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const hostname = hostnameUnder(service, pod);
  const { nodeName } = pod.spec;
  const zone = nodeName && view.get('Node', undefined, nodeName)?.metadata.labels?.['topology.kubernetes.io/zone'];
  const { namespace, name, uid } = pod.metadata;
  return {
    addresses: [ip],
    conditions: { ready, serving, terminating },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(zone ? { zone } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

function labelsOf(service: Service): Record<string, string> {
  const { [headlessLabel]: _headless, ...own } = service.metadata.labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
    [serviceLabel]: service.metadata.name,
    [managedByLabel]: managedBy,
  };
}

function written(
  service: Service,
  family: IpFamily,
  step: SliceChange,
  labels: Record<string, string>,
  seed: string,
): Change {
  const { name, namespace, uid } = service.metadata;
  if (step.op === 'delete') return remove(step.slice, `${name} needs fewer slices`);
  const why = `${name} has ${step.endpoints.length} endpoints here`;
  const content = { endpoints: [...step.endpoints], ports: [...step.ports] };
  if (step.op === 'update') {
    const metadata = { ...step.slice.metadata, labels };
    return { op: 'update', kind: 'EndpointSlice', object: { ...step.slice, ...content, metadata }, why };
  }
  const prefix = `${name.slice(0, 57)}-`;
  const object: Draft<EndpointSlice> = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: prefix + nameSuffix(`${uid}/${seed}`),
      generateName: prefix,
      namespace,
      labels,
      ownerReferences: [controllerReference(service)],
    },
    addressType: family,
    ...content,
  };
  return { op: 'create', kind: 'EndpointSlice', object, why };
}

const remove = (slice: EndpointSlice, why: string): Change => ({
  op: 'delete',
  kind: 'EndpointSlice',
  namespace: slice.metadata.namespace,
  name: slice.metadata.name,
  uid: slice.metadata.uid,
  why,
});

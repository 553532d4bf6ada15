// Which pods stand behind a Service, and on which of their ports: what Endpoints and EndpointSlices both say.
import type { core, Pod, Service } from '../api/types.ts';
import { isFinished, isReady, isTerminating } from './pods.ts';
import { sameJson } from './hash.ts';
import type { View } from './types.ts';

export const isHeadless = (service: Service): boolean => service.spec.clusterIP === 'None';

/** A Service whose endpoints follow from pods: it has a selector and an address or name of its own. */
export const selectsPods = (service: Service): boolean =>
  service.spec.type !== 'ExternalName' && Object.keys(service.spec.selector ?? {}).length > 0;

const selects = (service: Service, pod: Pod): boolean =>
  Object.entries(service.spec.selector ?? {}).every(([name, value]) => pod.metadata.labels?.[name] === value);

export const podsOf = (view: View, service: Service): readonly Pod[] =>
  view.list('Pod', service.metadata.namespace).filter((pod) => selects(service, pod) && !isFinished(pod));

/** Services that a change of a pod concerns: none when nothing changed that an endpoint shows. */
export function servicesOf(view: View, pod: Pod, old: Pod | undefined): readonly Service[] {
  if (old && sameJson(shown(pod), shown(old))) return [];
  return view
    .list('Service', pod.metadata.namespace)
    .filter((s) => selectsPods(s) && (selects(s, pod) || (old !== undefined && selects(s, old))));
}

const shown = (pod: Pod): unknown => [
  pod.metadata.labels,
  pod.status?.podIPs ?? pod.status?.podIP,
  pod.spec.nodeName,
  isReady(pod),
  isTerminating(pod),
  isFinished(pod),
];

export type IpFamily = 'IPv4' | 'IPv6';

/** The pod's address of a family. */
export function podIp(pod: Pod, family: IpFamily): string | undefined {
  const ips = [...(pod.status?.podIPs ?? []).map((p) => p.ip ?? ''), pod.status?.podIP ?? ''];
  return ips.find((ip) => ip !== '' && ip.includes(':') === (family === 'IPv6'));
}

export const familiesOf = (service: Service): readonly IpFamily[] => {
  const named = service.spec.ipFamilies as IpFamily[] | undefined;
  if (named && named.length > 0) return named;
  return [service.spec.clusterIP?.includes(':') ? 'IPv6' : 'IPv4'];
};

/** Number of the port that traffic for a Service port goes to on this pod; undefined: the pod has no port of that name. */
export function targetPort(pod: Pod, port: core.ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target === 0 ? port.port : target;
  const protocol = port.protocol ?? 'TCP';
  const containers = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
  ];
  return containers.flatMap((c) => c.ports ?? []).find((p) => p.name === target && (p.protocol ?? 'TCP') === protocol)
    ?.containerPort;
}

/** The name that the pod has in DNS under this headless Service. */
export const hostnameUnder = (service: Service, pod: Pod): string | undefined =>
  pod.spec.hostname && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;

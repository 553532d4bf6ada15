// One Service -> its elements in the proxy's maps. No chain, set or map is made for a Service.
import type { EndpointSlice, Service } from '../../api/types.ts';
import { drop, goto } from '../../linux/nft/nft.ts';
import type { Element, Verdict } from '../../linux/nft/nft.ts';
import { ipv4Range, isIpv4 } from '../../lib/ip.ts';
import { rangeValue, union } from '../ipv4.ts';
import { chooseEndpoints } from './endpoints.ts';
import type { Endpoint } from './endpoints.ts';

export interface ProxyNode {
  readonly name: string;
  readonly ips: readonly string[];
}

/** Elements of one Service, by map (proxy.ts says what each is for). */
export interface Fragment {
  readonly services: readonly Element[];
  readonly endpoints: readonly Element[];
  readonly localServices: readonly Element[];
  readonly localEndpoints: readonly Element[];
  readonly lbRestricted: readonly Element[];
  readonly lbAllowed: readonly Element[];
  /** Numbers of endpoints that occur: a chain each. */
  readonly sizes: readonly number[];
  readonly localSizes: readonly number[];
  /** The addresses and ports it answers on; one that another Service has taken is left out. */
  readonly frontends: readonly string[];
}

export const noEndpointsChain = 'no-endpoints';
export const pickChain = (size: number): string => `lb${size}`;
export const pickLocalChain = (size: number): string => `local${size}`;

interface Draft {
  services: Element[];
  endpoints: Element[];
  localServices: Element[];
  localEndpoints: Element[];
  lbRestricted: Element[];
  lbAllowed: Element[];
  sizes: Set<number>;
  localSizes: Set<number>;
  frontends: string[];
}

interface Frontend {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

const frontendId = ({ ip, protocol, port }: Frontend): string => `${ip} . ${protocol} . ${port}`;

/** Whether this proxy serves it: not headless, not an alias, not another proxy's. */
export function isProxied(service: Service): boolean {
  const { clusterIP, type } = service.spec;
  if (type === 'ExternalName' || !clusterIP || clusterIP === 'None') return false;
  return service.metadata.labels?.['service.kubernetes.io/service-proxy-name'] === undefined;
}

/** `taken` holds frontends that other Services have: externalIPs are not allocated by anyone, so two may ask for one. */
export function compileService(
  service: Service,
  slices: readonly EndpointSlice[],
  node: ProxyNode,
  taken: ReadonlySet<string>,
): Fragment {
  const draft: Draft = {
    services: [],
    endpoints: [],
    localServices: [],
    localEndpoints: [],
    lbRestricted: [],
    lbAllowed: [],
    sizes: new Set(),
    localSizes: new Set(),
    frontends: [],
  };
  const { spec } = service;
  const clusterIps = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter(isIpv4);
  const balancerIps = loadBalancerIps(service);
  const mine = (frontend: Frontend): boolean =>
    !taken.has(frontendId(frontend)) && !draft.frontends.includes(frontendId(frontend));
  for (const { port, name = '', protocol: given = 'TCP', nodePort } of spec.ports ?? []) {
    const protocol = given.toLowerCase();
    const choice = chooseEndpoints(slices, name, given, node.name);
    const inside = spec.internalTrafficPolicy === 'Local' ? choice.local : choice.cluster;
    for (const ip of clusterIps) {
      const frontend = { ip, protocol, port };
      if (mine(frontend)) addFrontend(draft, frontend, inside, choice.cluster.length);
    }
    const outside = [...(spec.externalIPs ?? []).filter(isIpv4), ...balancerIps].map((ip) => ({ ip, protocol, port }));
    if (nodePort) outside.push(...node.ips.filter(isIpv4).map((ip) => ({ ip, protocol, port: nodePort })));
    for (const frontend of outside) {
      if (!mine(frontend)) continue;
      // Pods and the node itself reach external addresses by any endpoint, whatever the policy (as upstream).
      addFrontend(draft, frontend, choice.cluster, choice.cluster.length);
      if (spec.externalTrafficPolicy === 'Local' && choice.cluster.length > 0) addLocal(draft, frontend, choice.local);
      if (balancerIps.includes(frontend.ip)) restrict(draft, frontend, spec.loadBalancerSourceRanges ?? []);
    }
  }
  return { ...draft, sizes: [...draft.sizes], localSizes: [...draft.localSizes] };
}

/** status.loadBalancer, without those that promise to do the translation themselves. */
function loadBalancerIps(service: Service): string[] {
  if (service.spec.type !== 'LoadBalancer') return [];
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  return ingress.flatMap(({ ip, ipMode = 'VIP' }) => (ip !== undefined && isIpv4(ip) && ipMode === 'VIP' ? [ip] : []));
}

function addFrontend(draft: Draft, frontend: Frontend, endpoints: readonly Endpoint[], existing: number): void {
  draft.frontends.push(frontendId(frontend));
  const { length } = endpoints;
  // No endpoint anywhere: refused, so that the client knows at once. None here under policy Local: dropped, as upstream.
  const verdict = length > 0 ? goto(pickChain(length)) : existing > 0 ? drop : goto(noEndpointsChain);
  draft.services.push(serviceElement(frontend, verdict));
  if (length > 0) draft.sizes.add(length);
  for (let i = 0; i < length; i++) draft.endpoints.push(endpointElement(frontend, i, endpoints[i] as Endpoint));
}

function addLocal(draft: Draft, frontend: Frontend, endpoints: readonly Endpoint[]): void {
  const { length } = endpoints;
  draft.localServices.push(serviceElement(frontend, length > 0 ? goto(pickLocalChain(length)) : drop));
  if (length > 0) draft.localSizes.add(length);
  for (let i = 0; i < length; i++) draft.localEndpoints.push(endpointElement(frontend, i, endpoints[i] as Endpoint));
}

function restrict(draft: Draft, { ip, protocol, port }: Frontend, sourceRanges: readonly string[]): void {
  if (sourceRanges.length === 0) return;
  draft.lbRestricted.push({ key: [ip, protocol, port] });
  const ranges = sourceRanges.map((cidr) => ipv4Range(cidr.trim())).filter((range) => range !== undefined);
  for (const range of union(ranges)) draft.lbAllowed.push({ key: [ip, protocol, port, rangeValue(range)] });
}

const serviceElement = ({ ip, protocol, port }: Frontend, verdict: Verdict): Element => ({
  key: [ip, protocol, port],
  verdict,
});

const endpointElement = ({ ip, protocol, port }: Frontend, index: number, endpoint: Endpoint): Element => ({
  key: [ip, protocol, port, index],
  data: [endpoint.ip, endpoint.port],
});

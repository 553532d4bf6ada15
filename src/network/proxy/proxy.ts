// Services and EndpointSlices -> the proxy's maps, chains and rules. The shape has a few global maps; a Service is
// elements in them, so a change costs a few element commands however many Services there are:
//
//   services   ip . proto . port      -> goto lb<N> | goto no-endpoints | drop      every address that a Service has
//   lb<N>      mark = random below N, dnat to endpoints[ip . proto . port . mark]   one chain per number of endpoints
//   endpoints  ip . proto . port . i  -> ip . port
//   local-*    the same for clients from outside, of Services with externalTrafficPolicy Local
import type { EndpointSlice, Service } from '../../api/types.ts';
import { rule } from '../../linux/nft/nft.ts';
import type { Chain, DataType, Element, Field, Rule, Statement } from '../../linux/nft/nft.ts';
import { keepSourceMark, selfSet } from '../hooks.ts';
import type { Part } from '../hooks.ts';
import { compileService, isProxied, noEndpointsChain, pickChain, pickLocalChain } from './fragment.ts';
import type { Fragment, ProxyNode } from './fragment.ts';

export interface ProxyInput {
  readonly node: ProxyNode;
  readonly podNetwork: string;
  readonly serviceNetwork: string;
  readonly dnsIp: string;
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
}

const frontendKey: readonly Field[] = ['ip daddr', 'meta l4proto', 'th dport'];
const frontendType: readonly DataType[] = ['ipv4_addr', 'inet_proto', 'inet_service'];

export function compileProxy(input: ProxyInput): Part {
  const { parts, sizes, localSizes } = compileParts(input);
  const frontends = { key: frontendType, flags: [] };
  const endpoints = {
    key: [...frontendType, 'mark' as const],
    data: ['ipv4_addr', 'inet_service'] as const,
    flags: [],
  };
  return {
    sets: [
      { kind: 'vmap', name: 'services', ...frontends, parts: parts.services },
      { kind: 'map', name: 'endpoints', ...endpoints, parts: parts.endpoints },
      { kind: 'vmap', name: 'local-services', ...frontends, parts: parts.localServices },
      { kind: 'map', name: 'local-endpoints', ...endpoints, parts: parts.localEndpoints },
      { kind: 'set', name: 'lb-restricted', ...frontends, parts: parts.lbRestricted },
      {
        kind: 'set',
        name: 'lb-allowed',
        key: [...frontendType, 'ipv4_addr'],
        flags: ['interval'],
        parts: parts.lbAllowed,
      },
    ],
    chains: [
      ...inOrder(sizes).map((size): Chain => ({ name: pickChain(size), rules: [rule(pick('endpoints', size))] })),
      ...inOrder(localSizes).map(
        (size): Chain => ({
          name: pickLocalChain(size),
          rules: [rule([{ kind: 'set ct mark', mark: keepSourceMark }, ...pick('local-endpoints', size)])],
        }),
      ),
      { name: noEndpointsChain, rules: refusal },
    ],
    rules: {
      'dstnat-prerouting': [
        rule(
          [
            { kind: 'lookup', key: frontendKey, op: '==', set: 'lb-restricted' },
            { kind: 'lookup', key: [...frontendKey, 'ip saddr'], op: '!=', set: 'lb-allowed' },
            { kind: 'verdict', verdict: { verdict: 'drop' } },
          ],
          'loadBalancerSourceRanges',
        ),
        rule([
          { kind: 'match', field: 'ip saddr', op: '!=', value: input.podNetwork },
          { kind: 'vmap', key: frontendKey, map: 'local-services' },
        ]),
        ...serviceRules(input),
      ],
      'dstnat-output': serviceRules(input),
      'srcnat-postrouting': sourceRules(input),
    },
  };
}

const pick = (map: string, size: number): Statement[] => [
  { kind: 'set meta mark', randomBelow: size },
  { kind: 'dnat', key: [...frontendKey, 'meta mark'], map },
];

/** nat chains see a connection's first packet alone, so a connection that stands is never refused here. */
const refusal: readonly Rule[] = [
  rule([
    { kind: 'match', field: 'meta l4proto', op: '==', value: 'tcp' },
    { kind: 'reject', with: 'tcp reset' },
  ]),
  rule([{ kind: 'reject', with: 'icmp port-unreachable' }]),
];

const serviceRules = ({ serviceNetwork, dnsIp }: ProxyInput): Rule[] => [
  rule([{ kind: 'vmap', key: frontendKey, map: 'services' }]),
  rule(
    [
      { kind: 'match', field: 'ip daddr', op: '==', value: serviceNetwork },
      { kind: 'match', field: 'ip daddr', op: '!=', value: dnsIp },
      { kind: 'verdict', verdict: { verdict: 'goto', chain: noEndpointsChain } },
    ],
    'no such Service or port; routed on, it would circle between host and node',
  ),
];

/** `snat` to the node's address and not `masquerade`, which would take an address of the pod's link or the loopback. */
function sourceRules({ node, podNetwork, serviceNetwork }: ProxyInput): Rule[] {
  const [to] = node.ips;
  if (to === undefined) throw new Error(`node ${node.name} has no IP: answers could not find back through it`);
  const snat: Statement = { kind: 'snat', to, fullyRandom: true };
  const translated: Statement = { kind: 'ct status dnat' };
  return [
    rule(
      [translated, { kind: 'lookup', key: ['ip saddr', 'ip daddr'], op: '==', set: selfSet }, snat],
      'a pod that reached itself through a Service would answer itself directly',
    ),
    rule(
      [
        translated,
        { kind: 'match', field: 'ct mark', op: '==', value: keepSourceMark },
        { kind: 'verdict', verdict: { verdict: 'return' } },
      ],
      'externalTrafficPolicy Local',
    ),
    rule(
      [translated, { kind: 'match', field: 'ip saddr', op: '!=', value: podNetwork }, snat],
      'clients outside the pod network',
    ),
    rule(
      [translated, { kind: 'match', field: 'ct original ip daddr', op: '!=', value: serviceNetwork }, snat],
      'pods that came by a NodePort or an external address, maybe on another node',
    ),
  ];
}

/**
 * What a Service compiled to last time, good while it, its slices and the node are the same objects. Objects of a cache are
 * never changed, so identity is equality; the same fragment gives the same part, which the diff then passes over.
 */
const memo = new WeakMap<Service, { node: string; slices: readonly EndpointSlice[]; fragment: Fragment }>();

const mapNames = ['services', 'endpoints', 'localServices', 'localEndpoints', 'lbRestricted', 'lbAllowed'] as const;

/** The fragments of all Services together. */
interface Parts {
  /** by map, then by Service ('namespace/name') */
  readonly parts: Readonly<Record<(typeof mapNames)[number], Map<string, readonly Element[]>>>;
  readonly sizes: Set<number>;
  readonly localSizes: Set<number>;
  /** Two Services ask for one address and port. */
  clash: boolean;
}

function compileParts({ node, services, slices }: ProxyInput): Parts {
  const proxied = services.filter(isProxied);
  const bySlices = groupSlices(slices);
  const first = assemble(proxied, bySlices, node);
  // An externalIP is allocated by nobody: the older Service has it, whatever the order of the list.
  return first.clash ? assemble([...proxied].sort(olderFirst), bySlices, node) : first;
}

function assemble(
  services: readonly Service[],
  bySlices: ReadonlyMap<string, readonly EndpointSlice[]>,
  node: ProxyNode,
): Parts {
  const all: Parts = { parts: emptyParts(), sizes: new Set(), localSizes: new Set(), clash: false };
  const nodeText = `${node.name} ${node.ips.join()}`;
  const taken = new Set<string>();
  for (const service of services) {
    const name = `${service.metadata.namespace}/${service.metadata.name}`;
    const own = bySlices.get(name) ?? [];
    let fragment = compileAlone(service, own, node, nodeText);
    if (fragment.frontends.some((frontend) => taken.has(frontend))) {
      all.clash = true;
      fragment = compileService(service, own, node, taken);
    }
    for (const frontend of fragment.frontends) taken.add(frontend);
    for (const map of mapNames) if (fragment[map].length > 0) all.parts[map].set(name, fragment[map]);
    for (const size of fragment.sizes) all.sizes.add(size);
    for (const size of fragment.localSizes) all.localSizes.add(size);
  }
  return all;
}

const emptyParts = (): Parts['parts'] => ({
  services: new Map(),
  endpoints: new Map(),
  localServices: new Map(),
  localEndpoints: new Map(),
  lbRestricted: new Map(),
  lbAllowed: new Map(),
});

const olderFirst = ({ metadata: a }: Service, { metadata: b }: Service): number =>
  a.creationTimestamp === b.creationTimestamp
    ? compareText(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`)
    : compareText(a.creationTimestamp, b.creationTimestamp);

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function compileAlone(service: Service, slices: readonly EndpointSlice[], node: ProxyNode, nodeText: string): Fragment {
  const known = memo.get(service);
  if (known && known.node === nodeText && sameItems(known.slices, slices)) return known.fragment;
  const fragment = compileService(service, slices, node, nothingTaken);
  memo.set(service, { node: nodeText, slices, fragment });
  return fragment;
}

const nothingTaken: ReadonlySet<string> = new Set();

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);

function groupSlices(slices: readonly EndpointSlice[]): Map<string, EndpointSlice[]> {
  const groups = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const service = slice.metadata.labels?.['kubernetes.io/service-name'];
    if (service === undefined) continue;
    const key = `${slice.metadata.namespace}/${service}`;
    const group = groups.get(key);
    if (group) group.push(slice);
    else groups.set(key, [slice]);
  }
  return groups;
}

const inOrder = (numbers: ReadonlySet<number>): number[] => [...numbers].sort((a, b) => a - b);

// Sets of peers, each made once however many rules ask for it: pods by selector, pods by named port, address blocks.
import { matchLabelSelector } from '../../api/selectors.ts';
import type { LabelSelector } from '../../api/selectors.ts';
import { elementId, whole } from '../../linux/nft/nft.ts';
import type { Element, NftSet } from '../../linux/nft/nft.ts';
import { type Ipv4Range, ipv4Text } from '../../lib/ip.ts';
import { rangeValue } from '../ipv4.ts';
import { namedPorts } from './pods.ts';
import type { Peer, PodClass } from './pods.ts';

/** Which pods: of one namespace, of the namespaces that a selector takes, or of all. */
export interface PodScope {
  readonly namespace?: string;
  readonly namespaceSelector?: LabelSelector;
  readonly podSelector: LabelSelector;
}

export interface PeerSets {
  /** Addresses of the pods. */
  pods(scope: PodScope): string;
  /** ip . proto . port of the pods that name a port so. */
  named(scope: PodScope, port: string, protocol: string): string;
  /** The blocks' addresses. The name tells the content, so such a set never changes. */
  blocks(ranges: readonly Ipv4Range[]): string;
  all(): NftSet[];
}

export function createPeerSets(classes: readonly PodClass[]): PeerSets {
  const sets = new Map<string, NftSet>();
  const make = (
    prefix: string,
    definition: string,
    of: Pick<NftSet, 'key' | 'flags'>,
    elements: () => readonly Element[],
  ): string => {
    const name = `${prefix}-${hash(definition)}`;
    if (!sets.has(name)) {
      const comment = definition.slice(0, commentLength);
      sets.set(name, { kind: 'set', name, ...of, comment, parts: whole(elements()) });
    }
    return name;
  };
  return {
    pods: (scope) =>
      make('pods', scopeText(scope), { key: ['ipv4_addr'], flags: [] }, () =>
        unique(peers(classes, scope).flatMap(({ ips }) => ips.map((ip) => ({ key: [ip] })))),
      ),
    named: (scope, port, protocol) =>
      make('ports', `${protocol} ${port} of ${scopeText(scope)}`, { key: endpointType, flags: [] }, () =>
        unique(peers(classes, scope).flatMap((peer) => endpoints(peer, port, protocol))),
      ),
    blocks: (ranges) =>
      make('blocks', ranges.map(rangeText).join(), { key: ['ipv4_addr'], flags: ['interval'] }, () =>
        ranges.map((range) => ({ key: [rangeValue(range)] })),
      ),
    all: () => [...sets.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

const endpointType = ['ipv4_addr', 'inet_proto', 'inet_service'] as const;

const rangeText = ([from, to]: Ipv4Range): string => `${ipv4Text(from)}-${ipv4Text(to)}`;

const commentLength = 120;

const peers = (classes: readonly PodClass[], { namespace, namespaceSelector, podSelector }: PodScope): Peer[] =>
  classes
    .filter(
      (c) =>
        (namespace === undefined || c.namespace === namespace) &&
        (namespaceSelector === undefined || matchLabelSelector(namespaceSelector, c.namespaceLabels)) &&
        matchLabelSelector(podSelector, c.labels),
    )
    .flatMap((c) => c.peers);

const endpoints = ({ ips, ports }: Peer, name: string, protocol: string): Element[] =>
  namedPorts(ports, name, protocol).flatMap((port) => ips.map((ip) => ({ key: [ip, protocol.toLowerCase(), port] })));

/** Sorted and without doubles: a pod's address may for a moment stand on two pods, the one that ended and the new. */
const unique = (elements: readonly Element[]): Element[] =>
  [...new Map(elements.map((element) => [elementId(element), element]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, element]) => element);

/** One text per meaning, for the set's name and for people: `pods app=web in namespaces team=a`. */
export function scopeText({ namespace, namespaceSelector, podSelector }: PodScope): string {
  const where =
    namespace !== undefined
      ? `in ${namespace}`
      : namespaceSelector === undefined || selectorText(namespaceSelector) === ''
        ? 'anywhere'
        : `in namespaces ${selectorText(namespaceSelector)}`;
  return ['pods', selectorText(podSelector), where].filter((word) => word !== '').join(' ');
}

function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const equal = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const other = matchExpressions.map(({ key, operator, values = [] }) =>
    values.length > 0 ? `${key} ${operator} (${[...values].sort().join()})` : `${key} ${operator}`,
  );
  return [...equal.sort(), ...other.sort()].join();
}

/** FNV-1a, 64 bits: names need only be the same for the same text, and different for all that one node ever holds. */
export function hash(text: string): string {
  let h = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) h = ((h ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return h.toString(16).padStart(16, '0');
}

// One NetworkPolicy's rules of one direction -> nft rules that let a packet through (`return`, so that the other direction
// is still asked). A rule's peers and ports are each a list of alternatives; every pair of them is one nft rule.
import type { NetworkPolicy, networking } from '../../api/types.ts';
import { returns, rule } from '../../linux/nft/nft.ts';
import type { Rule, Statement } from '../../linux/nft/nft.ts';
import { ipv4Range } from '../../lib/ip.ts';
import { union, without } from '../ipv4.ts';
import { namedPorts } from './pods.ts';
import type { ContainerPort } from './pods.ts';
import type { PeerSets, PodScope } from './sets.ts';

export type Direction = 'ingress' | 'egress';

const anyPod: PodScope = { podSelector: {} };

/** `ports` are the subject's own: a port named by an ingress rule is one of the pod that is reached. */
export function allowRules(
  policy: NetworkPolicy,
  direction: Direction,
  ports: readonly ContainerPort[],
  sets: PeerSets,
): Rule[] {
  const rules: Rule[] = [];
  const { namespace = '', name } = policy.metadata;
  for (const [i, item] of directionRules(policy, direction).entries()) {
    const comment = `${namespace}/${name} ${direction}[${i}]`;
    for (const match of alternatives(item, direction, namespace, ports, sets)) {
      rules.push(rule([...match, { kind: 'verdict', verdict: returns }], comment));
    }
  }
  return rules;
}

interface DirectionRule {
  readonly peers: readonly networking.NetworkPolicyPeer[];
  readonly ports: readonly networking.NetworkPolicyPort[];
}

export const directionRules = ({ spec }: NetworkPolicy, direction: Direction): DirectionRule[] =>
  direction === 'ingress'
    ? (spec.ingress ?? []).map((r) => ({ peers: r.from ?? [], ports: r.ports ?? [] }))
    : (spec.egress ?? []).map((r) => ({ peers: r.to ?? [], ports: r.ports ?? [] }));

/** Absent, it is ingress, and egress too where there are egress rules. */
export function applies({ spec }: NetworkPolicy, direction: Direction): boolean {
  if (spec.policyTypes && spec.policyTypes.length > 0) {
    return spec.policyTypes.includes(direction === 'ingress' ? 'Ingress' : 'Egress');
  }
  return direction === 'ingress' || (spec.egress ?? []).length > 0;
}

function alternatives(
  { peers, ports }: DirectionRule,
  direction: Direction,
  namespace: string,
  own: readonly ContainerPort[],
  sets: PeerSets,
): Statement[][] {
  const scopes = peers.length === 0 ? [anyPod] : peers.flatMap((peer) => podScope(peer, namespace) ?? []);
  // Made only when it is used: a port by name brings sets of its own.
  const peerMatches = () => matchPeers(peers, direction, scopes, sets);
  // No ports: any packet, of whatever protocol.
  if (ports.length === 0) return peerMatches();
  return ports.flatMap((port): Statement[][] => {
    const protocol = port.protocol ?? 'TCP';
    if (typeof port.port !== 'string') {
      return pairs(peerMatches(), [[...matchProtocol(protocol), ...matchPort(port.port, port.endPort)]]);
    }
    const name = port.port;
    if (direction === 'ingress') {
      const numbers = namedPorts(own, name, protocol);
      return pairs(
        peerMatches(),
        numbers.map((n) => [...matchProtocol(protocol), ...matchPort(n)]),
      );
    }
    // Going out, a name means what the pod that is reached calls so; an address block names nothing.
    return scopes.map((scope) => [
      {
        kind: 'lookup',
        key: ['ip daddr', 'meta l4proto', 'th dport'],
        op: '==',
        set: sets.named(scope, name, protocol),
      },
    ]);
  });
}

const pairs = (peers: readonly Statement[][], ports: readonly Statement[][]): Statement[][] =>
  peers.flatMap((peer) => ports.map((port) => [...peer, ...port]));

const matchProtocol = (protocol: string): Statement[] => [
  { kind: 'match', field: 'meta l4proto', op: '==', value: protocol.toLowerCase() },
];

const matchPort = (port: number | undefined, endPort?: number): Statement[] =>
  port === undefined
    ? []
    : [
        {
          kind: 'match',
          field: 'th dport',
          op: '==',
          value: endPort === undefined || endPort === port ? port : { from: port, to: endPort },
        },
      ];

/** undefined: the peer is an address block. A podSelector alone stays within the policy's namespace. */
function podScope(peer: networking.NetworkPolicyPeer, namespace: string): PodScope | undefined {
  const { podSelector, namespaceSelector } = peer;
  if (namespaceSelector) return { namespaceSelector, podSelector: podSelector ?? {} };
  return podSelector && { namespace, podSelector };
}

function matchPeers(
  peers: readonly networking.NetworkPolicyPeer[],
  direction: Direction,
  scopes: readonly PodScope[],
  sets: PeerSets,
): Statement[][] {
  if (peers.length === 0) return [[]];
  const field = direction === 'ingress' ? 'ip saddr' : 'ip daddr';
  const inSet = (set: string): Statement[] => [{ kind: 'lookup', key: [field], op: '==', set }];
  const blocks = blockRanges(peers);
  // All of IPv4 needs no set.
  if (blocks[0]?.[0] === 0 && blocks[0][1] === 0xffffffff) return [[]];
  const matches = [...new Set(scopes.map((scope) => sets.pods(scope)))].map(inSet);
  return blocks.length === 0 ? matches : [...matches, inSet(sets.blocks(blocks))];
}

/** An `except` cuts its own block alone: what another peer of the rule allows stays allowed. */
const blockRanges = (peers: readonly networking.NetworkPolicyPeer[]) =>
  union(
    peers.flatMap(({ ipBlock }) => {
      const range = ipBlock && ipv4Range(ipBlock.cidr);
      if (!range) return [];
      const holes = (ipBlock.except ?? []).map(ipv4Range).filter((hole) => hole !== undefined);
      return without(range, holes);
    }),
  );

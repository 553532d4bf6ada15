// NetworkPolicies -> the forward hook. A packet from a local pod is looked up by its source, one to a local pod by its
// destination: in the map stands `return` (not isolated) or a chain, one for each set of policies, shared by their pods.
// An address that is in no map is not known yet, and nothing passes: policy is in force before a pod's first packet.
//
//   forward: established -> accept | pod to itself -> accept | from a pod: jump from-pod | to a pod: jump to-pod
//   from-pod: ip saddr vmap @egress (return | goto egress-<policies>), drop        to-pod: the same with @ingress
//
// What a node sends to its pods, and pods to their node, is never asked: it passes output and input, not forward.
import { matchLabelSelector } from '../../api/selectors.ts';
import type { NetworkPolicy } from '../../api/types.ts';
import { accept, drop, goto, jump, returns, rule, whole } from '../../linux/nft/nft.ts';
import type { Chain, Element, NftSet, Rule, Statement, Verdict } from '../../linux/nft/nft.ts';
import { podLinks, selfSet } from '../hooks.ts';
import type { Part } from '../hooks.ts';
import { isIpv4 } from '../../lib/ip.ts';
import { classifyPods, namedPorts } from './pods.ts';
import type { LocalPod, PolicyPods } from './pods.ts';
import { allowRules, applies, directionRules } from './rules.ts';
import type { Direction } from './rules.ts';
import { createPeerSets, hash } from './sets.ts';
import type { PeerSets } from './sets.ts';

export interface PolicyInput extends PolicyPods {
  readonly policies: readonly NetworkPolicy[];
}

export function compilePolicy(input: PolicyInput): Part {
  const peerSets = createPeerSets(classifyPods(input));
  const byNamespace = groupPolicies(input.policies);
  const chains = new Map<string, Chain>();
  const elements: Record<Direction, Element[]> = { ingress: [], egress: [] };
  const self: Element[] = [];
  for (const pod of input.localPods) {
    const policies = (byNamespace.get(pod.namespace) ?? []).filter((p) =>
      // An empty selector takes every pod of the namespace; the API requires the field, upstream reads its absence so too.
      matchLabelSelector(p.spec.podSelector ?? {}, pod.labels),
    );
    const ips = pod.ips.filter(isIpv4);
    self.push(...ips.map((ip): Element => ({ key: [ip, ip] })));
    for (const direction of ['ingress', 'egress'] as const) {
      const verdict = direct(pod, policies, direction, chains, peerSets);
      elements[direction].push(...ips.map((ip): Element => ({ key: [ip], verdict })));
    }
  }
  const podMap = (direction: Direction): NftSet => ({
    kind: 'vmap',
    name: direction,
    key: ['ipv4_addr'],
    flags: [],
    parts: whole(elements[direction]),
  });
  return {
    sets: [
      ...peerSets.all(),
      podMap('ingress'),
      podMap('egress'),
      { kind: 'set', name: selfSet, key: ['ipv4_addr', 'ipv4_addr'], flags: [], parts: whole(self) },
    ],
    chains: [
      ...[...chains.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
      lookupChain('from-pod', 'ip saddr', 'egress'),
      lookupChain('to-pod', 'ip daddr', 'ingress'),
    ],
    rules: { forward },
  };
}

const verdict = (v: Verdict): Statement => ({ kind: 'verdict', verdict: v });

const forward: readonly Rule[] = [
  rule([{ kind: 'ct state', states: ['established', 'related'] }, verdict(accept)]),
  rule(
    [{ kind: 'ct state', states: ['invalid'] }, verdict(drop)],
    'an answer that conntrack cannot place would arrive untranslated, and reset its connection',
  ),
  rule([{ kind: 'match', field: 'meta nfproto', op: '==', value: 'ipv6' }, verdict(drop)], 'pods have IPv4 alone'),
  rule(
    [
      { kind: 'ct state', states: ['new'] },
      { kind: 'tcp flags', mask: ['fin', 'syn', 'rst', 'ack'], op: '!=', value: ['syn'] },
      { kind: 'reject', with: 'tcp reset' },
    ],
    'the middle of a connection that was cut: taken up from the answering side, it would pass as new',
  ),
  rule([{ kind: 'lookup', key: ['ip saddr', 'ip daddr'], op: '==', set: selfSet }, verdict(accept)], 'a pod to itself'),
  rule([{ kind: 'match', field: 'meta iifname', op: '==', value: podLinks }, verdict(jump('from-pod'))]),
  rule([{ kind: 'match', field: 'meta oifname', op: '==', value: podLinks }, verdict(jump('to-pod'))]),
];

const lookupChain = (name: string, field: 'ip saddr' | 'ip daddr', map: Direction): Chain => ({
  name,
  rules: [rule([{ kind: 'vmap', key: [field], map }]), rule([verdict(drop)], 'no pod is known by this address (yet)')],
});

function groupPolicies(policies: readonly NetworkPolicy[]): Map<string, NetworkPolicy[]> {
  const groups = new Map<string, NetworkPolicy[]>();
  for (const policy of policies) {
    const namespace = policy.metadata.namespace ?? '';
    const group = groups.get(namespace);
    if (group) group.push(policy);
    else groups.set(namespace, [policy]);
  }
  for (const group of groups.values()) group.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return groups;
}

/** What happens to a pod's packets of one direction; makes the chain when it is the first pod that needs it. */
function direct(
  pod: LocalPod,
  policies: readonly NetworkPolicy[],
  direction: Direction,
  chains: Map<string, Chain>,
  sets: PeerSets,
): Verdict {
  const isolating = policies.filter((p) => applies(p, direction));
  if (isolating.length === 0) return returns;
  // By the policies' names and not their content: a change of a policy is then a change of one chain and no map.
  const names = isolating.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  const ports = direction === 'ingress' ? ownNamedPorts(pod, isolating) : '';
  const name = `${direction}-${hash(`${names.join()} ${ports}`)}`;
  if (!chains.has(name)) {
    const rules = isolating.flatMap((p) => allowRules(p, direction, pod.ports, sets));
    chains.set(name, { name, rules: [...rules, rule([verdict(drop)], `${direction} isolated by ${names.join()}`)] });
  }
  return goto(name);
}

/** Ports that ingress rules name, as this pod has them: pods that differ in them cannot share a chain. */
function ownNamedPorts(pod: LocalPod, policies: readonly NetworkPolicy[]): string {
  const found = new Set<string>();
  for (const policy of policies) {
    for (const { ports } of directionRules(policy, 'ingress')) {
      for (const { port, protocol = 'TCP' } of ports) {
        if (typeof port === 'string')
          found.add(`${protocol} ${port}=${namedPorts(pod.ports, port, protocol).join('+')}`);
      }
    }
  }
  return [...found].sort().join();
}

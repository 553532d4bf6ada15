// The compiled rules, walked packet by packet, against a tiny statement of what NetworkPolicy means: the oracle below is
// written from the API's definition alone and knows nothing of rules, sets or chains. Cases come from one seed.
import { describe, expect, it } from 'vitest';
import type { Namespace, NetworkPolicy, networking, Pod } from '../../api/types.ts';
import { evaluate } from '../../linux/nft/evaluate.ts';
import { compileRuleset } from '../ruleset.ts';
import type { RulesetInput } from '../ruleset.ts';
import { nothing } from '../testinput.ts';

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface World {
  readonly input: RulesetInput;
  readonly pods: readonly WorldPod[];
}
interface WorldPod {
  readonly namespace: string;
  readonly labels: Record<string, string>;
  readonly ip: string;
  readonly local: boolean;
  readonly ports: { name: string; containerPort: number; protocol: string }[];
}

const keys = ['app', 'tier'];
const values = ['a', 'b'];
const namespaces = ['n1', 'n2'];
const outside = ['172.30.0.1', '192.0.2.7', '192.0.2.200'];
const portNumbers = [79, 80, 81, 90, 8080];

function createWorld(random: () => number): World {
  const pick = <T>(list: readonly T[]): T => list.at(Math.floor(random() * list.length)) as T;
  const chance = (p: number): boolean => random() < p;
  const some = <T>(max: number, make: () => T): T[] => Array.from({ length: Math.floor(random() * (max + 1)) }, make);
  const labels = (): Record<string, string> =>
    Object.fromEntries(keys.filter(() => chance(0.7)).map((key) => [key, pick(values)]));
  const selector = () => ({
    ...(chance(0.5) && { matchLabels: chance(0.3) ? {} : { [pick(keys)]: pick(values) } }),
    ...(chance(0.3) && {
      matchExpressions: [
        chance(0.5)
          ? { key: pick(keys), operator: pick(['In', 'NotIn']), values: [pick(values)] }
          : { key: pick(keys), operator: pick(['Exists', 'DoesNotExist']) },
      ],
    }),
  });
  const peer = (): networking.NetworkPolicyPeer => {
    if (chance(0.3)) {
      return chance(0.5)
        ? { ipBlock: { cidr: pick(['192.0.2.0/24', '0.0.0.0/0', '172.30.0.0/24', '10.244.0.0/16']) } }
        : { ipBlock: { cidr: '192.0.2.0/24', except: [pick(['192.0.2.128/25', '192.0.2.7/32'])] } };
    }
    if (chance(0.4)) return { podSelector: selector() };
    return chance(0.5) ? { namespaceSelector: selector() } : { namespaceSelector: selector(), podSelector: selector() };
  };
  const port = (): networking.NetworkPolicyPort => ({
    ...(chance(0.6) && { protocol: pick(['TCP', 'UDP']) }),
    ...pick([{}, { port: 80 }, { port: 80, endPort: 81 }, { port: 'http' }, { port: 8080 }]),
  });
  const policy = (i: number): NetworkPolicy => {
    const types = pick<('Ingress' | 'Egress')[]>([['Ingress'], ['Egress'], ['Ingress', 'Egress']]);
    return {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: {
        name: `p${i}`,
        namespace: pick(namespaces),
        uid: `${i}`,
        resourceVersion: '1',
        creationTimestamp: '',
      },
      spec: {
        podSelector: selector(),
        policyTypes: types,
        ...(types.includes('Ingress') && { ingress: some(2, () => ({ from: some(2, peer), ports: some(2, port) })) }),
        ...(types.includes('Egress') && { egress: some(2, () => ({ to: some(2, peer), ports: some(2, port) })) }),
      },
    };
  };
  const pods = Array.from({ length: 6 }, (_, i): WorldPod => {
    const local = i < 4;
    const ports = chance(0.7)
      ? [{ name: 'http', containerPort: pick([80, 8080]), protocol: pick(['TCP', 'UDP']) }]
      : [];
    return { namespace: pick(namespaces), labels: labels(), ip: `10.244.${local ? 0 : 1}.${i + 2}`, local, ports };
  });
  const namespaceObjects = namespaces.map(
    (name): Namespace => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '', labels: labels() },
    }),
  );
  const policies = some(3, () => 0).map((_, i) => policy(i));
  return { pods, input: inputOf(pods, namespaceObjects, policies) };
}

const inputOf = (pods: readonly WorldPod[], all: Namespace[], policies: NetworkPolicy[]): RulesetInput => ({
  ...nothing,
  policies,
  namespaces: all,
  pods: pods.map(
    ({ namespace, labels, ip, ports }): Pod => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: ip, namespace, uid: ip, resourceVersion: '1', creationTimestamp: '', labels },
      spec: { containers: [{ name: 'c', ports }] },
      status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
    }),
  ),
  localPods: pods
    .filter(({ local }) => local)
    .map(({ namespace, labels, ip, ports }) => ({ uid: ip, namespace, name: ip, labels, ips: [ip], ports })),
});

interface Attempt {
  readonly from: string;
  readonly to: string;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
}

// ---- the oracle ----

type Selector = {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
};

function selects(selector: Selector | undefined, labels: Record<string, string>): boolean {
  const equal = Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return (
    equal &&
    (selector?.matchExpressions ?? []).every(({ key, operator, values: list = [] }) => {
      const value = labels[key];
      if (operator === 'In') return value !== undefined && list.includes(value);
      if (operator === 'NotIn') return value === undefined || !list.includes(value);
      return (value !== undefined) === (operator === 'Exists');
    })
  );
}

const bits = (ip: string): string =>
  ip
    .split('.')
    .map((n) => Number(n).toString(2).padStart(8, '0'))
    .join('');
const within = (ip: string, cidr: string): boolean => {
  const [network = '', length] = cidr.split('/');
  return bits(ip).slice(0, Number(length)) === bits(network).slice(0, Number(length));
};

function allowed({ pods, input }: World, attempt: Attempt): boolean {
  if (attempt.from === attempt.to) return true;
  const podAt = (ip: string) => pods.find((pod) => pod.ip === ip);
  const [source, target] = [podAt(attempt.from), podAt(attempt.to)];
  const namespaceLabels = (name: string) =>
    input.namespaces.find((n) => n.metadata.name === name)?.metadata.labels ?? {};

  const peerMatches = (peer: networking.NetworkPolicyPeer, ip: string, ownNamespace: string): boolean => {
    if (peer.ipBlock)
      return within(ip, peer.ipBlock.cidr) && !(peer.ipBlock.except ?? []).some((hole) => within(ip, hole));
    const pod = podAt(ip);
    if (!pod) return false;
    const inScope = peer.namespaceSelector
      ? selects(peer.namespaceSelector, namespaceLabels(pod.namespace))
      : pod.namespace === ownNamespace;
    return inScope && selects(peer.podSelector, pod.labels);
  };
  const portMatches = ({ protocol = 'TCP', port, endPort }: networking.NetworkPolicyPort): boolean => {
    if (protocol !== attempt.protocol) return false;
    if (port === undefined) return true;
    // A name is what the pod that is reached calls so.
    if (typeof port === 'string') {
      return (
        target?.ports.some((p) => p.name === port && p.protocol === protocol && p.containerPort === attempt.port) ??
        false
      );
    }
    return port <= attempt.port && attempt.port <= (endPort ?? port);
  };
  const side = (direction: 'Ingress' | 'Egress'): boolean => {
    const subject = direction === 'Ingress' ? target : source;
    if (!subject?.local) return true;
    const policies = input.policies.filter(
      ({ metadata, spec }) =>
        metadata.namespace === subject.namespace &&
        (spec.policyTypes ?? []).includes(direction) &&
        selects(spec.podSelector, subject.labels),
    );
    if (policies.length === 0) return true;
    const other = direction === 'Ingress' ? attempt.from : attempt.to;
    return policies.some(({ spec }) => {
      const rules =
        direction === 'Ingress'
          ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
          : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
      return rules.some(({ peers = [], ports = [] }) => {
        // A name means nothing for an address block: it is no pod's (podlan's reading; the API leaves it open).
        const named = (port: networking.NetworkPolicyPort) => typeof port.port === 'string' && direction === 'Egress';
        const matching = peers.filter((peer) => peerMatches(peer, other, subject.namespace));
        return (
          (ports.length === 0 && (peers.length === 0 || matching.length > 0)) ||
          ports.some(
            (port) =>
              portMatches(port) && (peers.length === 0 || matching.some((peer) => !named(port) || !peer.ipBlock)),
          )
        );
      });
    });
  };
  return side('Egress') && side('Ingress');
}

// ---- the rules ----

function passes({ pods, input }: World): (attempt: Attempt) => boolean {
  const [table] = compileRuleset(input).tables;
  if (!table) throw new Error('no table');
  const link = (ip: string): string => (pods.some((pod) => pod.local && pod.ip === ip) ? 'veth00000001' : 'eth0');
  return ({ from, to, protocol, port }) => {
    const packet = {
      saddr: from,
      daddr: to,
      protocol: protocol.toLowerCase(),
      dport: port,
      iifname: link(from),
      oifname: link(to),
      ctState: 'new' as const,
      tcpFlags: ['syn'] as const,
    };
    return evaluate(table, 'forward', packet, () => 0).verdict === 'accept';
  };
}

describe('compiled policies', () => {
  it('let pass what the API says, in 200 random worlds', () => {
    const random = randomOf(20260101);
    const counts = { allowed: 0, denied: 0 };
    for (let i = 0; i < 200; i++) {
      const world = createWorld(random);
      const verdict = passes(world);
      const addresses = [...world.pods.map(({ ip }) => ip), ...outside];
      for (const from of addresses) {
        for (const to of addresses) {
          for (const protocol of ['TCP', 'UDP'] as const) {
            for (const port of portNumbers) {
              const attempt = { from, to, protocol, port };
              const wanted = allowed(world, attempt);
              counts[wanted ? 'allowed' : 'denied']++;
              if (verdict(attempt) === wanted) continue;
              expect.unreachable(
                `world ${i}: ${JSON.stringify(attempt)} wanted ${wanted ? 'allowed' : 'denied'}\n${JSON.stringify(world, undefined, 1)}`,
              );
            }
          }
        }
      }
    }
    // Worlds that allow or deny everything would test nothing.
    expect(Math.min(counts.allowed, counts.denied)).toBeGreaterThan(20_000);
  });
});

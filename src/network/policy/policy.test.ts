import { describe, expect, it } from 'vitest';
import type { Namespace, NetworkPolicy, Pod } from '../../api/types.ts';
import { diff } from '../../linux/nft/diff.ts';
import { evaluate } from '../../linux/nft/evaluate.ts';
import type { Packet } from '../../linux/nft/evaluate.ts';
import { fakeNft } from '../../linux/nft/fake.ts';
import { print } from '../../linux/nft/print.ts';
import { compileRuleset, staleFlows } from '../ruleset.ts';
import type { RulesetInput } from '../ruleset.ts';
import { nothing } from '../testinput.ts';
import type { LocalPod } from './pods.ts';

const meta = (name: string, namespace: string, labels: Record<string, string> = {}) => ({
  name,
  namespace,
  uid: `${namespace}-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  labels,
});
const policy = (name: string, spec: NetworkPolicy['spec'], namespace = 'shop'): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: meta(name, namespace),
  spec,
});
const pod = (name: string, ip: string, labels: Record<string, string>, namespace = 'shop'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: meta(name, namespace, labels),
  spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 9000 }] }] },
  status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
});
const namespace = (name: string, labels: Record<string, string> = {}): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { ...meta(name, name, labels), namespace: undefined },
});
const local = (name: string, ip: string, labels: Record<string, string>, containerPort = 8080): LocalPod => ({
  uid: `shop-${name}`,
  namespace: 'shop',
  name,
  labels,
  ips: [ip],
  ports: [{ name: 'http', containerPort, protocol: 'TCP' }],
});

const base: RulesetInput = {
  ...nothing,
  namespaces: [namespace('shop'), namespace('team', { team: 'a' })],
  pods: [pod('client', '10.244.1.5', { app: 'client' }), pod('far', '10.244.1.6', { app: 'client' }, 'team')],
  localPods: [local('web', '10.244.0.5', { app: 'web' }), local('db', '10.244.0.6', { app: 'db' })],
};

/** The policy's part of a ruleset, in nft's words without hashes. */
function text(input: RulesetInput): string[] {
  return print(diff(compileRuleset(input), { tables: [] }))
    .replaceAll('inet podlan ', '')
    .replaceAll(' {\n', ' { ')
    .replaceAll(',\n', ', ')
    .replace(/-[0-9a-f]{16}/g, '')
    .split('\n')
    .filter((line) => /^add (element|rule) (ingress|egress|pods|ports|blocks|self)/.test(line))
    .map((line) => line.replace(/add (element|rule) /, ''));
}

const tcp = (saddr: string, daddr: string, dport: number): Packet => ({
  saddr,
  daddr,
  protocol: 'tcp',
  dport,
  iifname: saddr.startsWith('10.244.0.') ? 'veth1' : 'eth0',
  oifname: daddr.startsWith('10.244.0.') ? 'veth2' : 'eth0',
  ctState: 'new',
  tcpFlags: ['syn'],
});
function passes(input: RulesetInput, packet: Packet): boolean {
  const [table] = compileRuleset(input).tables;
  return table !== undefined && evaluate(table, 'forward', packet, () => 0).verdict === 'accept';
}

describe('policies compile', () => {
  it('to `return` for pods that none isolates', () => {
    expect(text(base)).toEqual([
      'ingress { 10.244.0.5 : return, 10.244.0.6 : return, }',
      'egress { 10.244.0.5 : return, 10.244.0.6 : return, }',
      'self { 10.244.0.5 . 10.244.0.5, 10.244.0.6 . 10.244.0.6, }',
    ]);
  });

  it('to one chain for all pods of one set of policies, and sets of peers', () => {
    const policies = [
      policy('deny', { podSelector: {}, policyTypes: ['Ingress'] }),
      policy('allow', {
        podSelector: {},
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          {
            from: [
              { podSelector: { matchLabels: { app: 'client' } } },
              { namespaceSelector: { matchLabels: { team: 'a' } }, podSelector: { matchLabels: { app: 'client' } } },
              { ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.128/25', '192.0.2.0/32'] } },
            ],
            ports: [
              { port: 80, protocol: 'TCP' },
              { port: 1000, endPort: 2000, protocol: 'UDP' },
            ],
          },
        ],
        egress: [{ to: [{ podSelector: {} }], ports: [{ port: 'http' }] }, { ports: [{ protocol: 'UDP', port: 53 }] }],
      }),
    ];
    expect(text({ ...base, policies })).toEqual([
      'blocks { 192.0.2.1-192.0.2.127 }',
      'pods { 10.244.1.5 }',
      'pods { 10.244.1.6 }',
      'ports { 10.244.0.5 . tcp . 8080, 10.244.0.6 . tcp . 8080, 10.244.1.5 . tcp . 9000, }',
      'ingress { 10.244.0.5 : goto ingress, 10.244.0.6 : goto ingress, }',
      'egress { 10.244.0.5 : goto egress, 10.244.0.6 : goto egress, }',
      'self { 10.244.0.5 . 10.244.0.5, 10.244.0.6 . 10.244.0.6, }',
      'egress ip daddr . meta l4proto . th dport @ports return comment "shop/allow egress[0]"',
      'egress meta l4proto udp th dport 53 return comment "shop/allow egress[1]"',
      'egress drop comment "egress isolated by shop/allow"',
      'ingress ip saddr @pods meta l4proto tcp th dport 80 return comment "shop/allow ingress[0]"',
      'ingress ip saddr @pods meta l4proto tcp th dport 80 return comment "shop/allow ingress[0]"',
      'ingress ip saddr @blocks meta l4proto tcp th dport 80 return comment "shop/allow ingress[0]"',
      'ingress ip saddr @pods meta l4proto udp th dport 1000-2000 return comment "shop/allow ingress[0]"',
      'ingress ip saddr @pods meta l4proto udp th dport 1000-2000 return comment "shop/allow ingress[0]"',
      'ingress ip saddr @blocks meta l4proto udp th dport 1000-2000 return comment "shop/allow ingress[0]"',
      'ingress drop comment "ingress isolated by shop/allow,shop/deny"',
    ]);
  });

  it('to chains of their own for pods that mean different numbers by a port name', () => {
    const policies = [policy('named', { podSelector: {}, ingress: [{ ports: [{ port: 'http' }] }] })];
    const localPods = [local('a', '10.244.0.5', {}, 8080), local('b', '10.244.0.6', {}, 9090)];
    expect(
      text({ ...base, policies, localPods })
        .filter((line) => line.includes('dport'))
        .sort(),
    ).toEqual([
      'ingress meta l4proto tcp th dport 8080 return comment "shop/named ingress[0]"',
      'ingress meta l4proto tcp th dport 9090 return comment "shop/named ingress[0]"',
    ]);
  });

  it('to element changes when a peer comes', () => {
    const policies = [
      policy('allow', { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }] }),
    ];
    const before = compileRuleset({ ...base, policies });
    const pods = [...base.pods, pod('client-2', '10.244.1.9', { app: 'client' })];
    const after = compileRuleset({ ...base, policies, pods });
    expect(print(diff(after, before)).replace(/-[0-9a-f]{16}/, '')).toBe(
      'add element inet podlan pods { 10.244.1.9 }\n',
    );
  });

  it('to rules that can be put in force and taken back', () => {
    const nft = fakeNft();
    const deny = { ...base, policies: [policy('deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })] };
    const [a, b] = [compileRuleset(base), compileRuleset(deny)];
    nft.run(print(diff(a, undefined)));
    const empty = nft.list('podlan');
    nft.run(print(diff(b, a)));
    expect(nft.list('podlan')).not.toEqual(empty);
    nft.run(print(diff(a, b)));
    expect(nft.list('podlan')).toEqual(empty);
  });
});

describe('packets', () => {
  const deny = { ...base, policies: [policy('deny', { podSelector: { matchLabels: { app: 'web' } } })] };

  it('of a pod that is not known yet are dropped, in both directions', () => {
    expect(passes(base, tcp('10.244.0.77', '10.244.1.5', 80))).toBe(false);
    expect(passes(base, tcp('10.244.1.5', '10.244.0.77', 80))).toBe(false);
  });

  it('pass between pods that no policy takes', () => {
    expect(passes(base, tcp('10.244.1.5', '10.244.0.5', 80))).toBe(true);
    expect(passes(deny, tcp('10.244.1.5', '10.244.0.6', 80))).toBe(true);
    expect(passes(deny, tcp('10.244.1.5', '10.244.0.5', 80))).toBe(false);
    expect(passes(deny, tcp('10.244.0.6', '10.244.0.5', 80))).toBe(false);
  });

  it('of a pod to itself pass always', () => {
    expect(passes(deny, tcp('10.244.0.5', '10.244.0.5', 80))).toBe(true);
  });

  it('of an allowed connection pass, and the middle of none does not', () => {
    const answer: Packet = { ...tcp('10.244.1.5', '10.244.0.5', 80), ctState: 'established', tcpFlags: ['ack'] };
    expect(passes(deny, answer)).toBe(true);
    expect(passes(base, { ...answer, ctState: 'new' })).toBe(false);
  });
});

describe('stale flows', () => {
  const flow = (src: string, dst: string, real = dst) => ({
    protocol: 'tcp',
    original: { src, dst, sport: 5000, dport: 80 },
    reply: { src: real, dst: src, sport: 80, dport: 5000 },
  });
  const policies = [
    policy('only-client', {
      podSelector: { matchLabels: { app: 'web' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }],
    }),
  ];
  const input = { ...base, policies };

  it('are those that the policies of now forbid, by where they really go', () => {
    const fromDb = flow('10.244.0.6', '10.244.0.5');
    const byService = flow('10.244.0.6', '10.96.0.20', '10.244.0.5');
    const fromClient = flow('10.244.1.5', '10.244.0.5');
    const ofTheNode = flow('172.30.0.11', '10.244.0.5');
    const toTheNode = flow('10.244.0.5', '172.30.0.11');
    const through = flow('172.30.0.1', '10.244.9.9');
    const flows = [fromDb, byService, fromClient, ofTheNode, toTheNode, through];
    expect(staleFlows(input, compileRuleset(input), flows)).toEqual([fromDb, byService]);
    expect(staleFlows(base, compileRuleset(base), flows)).toEqual([]);
  });
});

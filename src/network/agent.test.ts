import { describe, expect, it } from 'vitest';
import type { KubeObject, Node, Pod } from '../api/types.ts';
import type { ObjectChange } from '../client/types.ts';
import { concernsRules, leftOver, localPod, peersOf, podCidrsOf } from './agent.ts';

const metadata = (name: string) => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-11-23T10:00:00Z',
});
const node = (name: string, spec: Node['spec'], status: Node['status']): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: metadata(name),
  spec,
  status,
});
const at = (address: string, ready = 'True'): Node['status'] => ({
  addresses: [
    { type: 'Hostname', address: 'x' },
    { type: 'InternalIP', address },
  ],
  conditions: [
    { type: 'MemoryPressure', status: 'True' },
    { type: 'Ready', status: ready },
  ],
});
const pod = (more: Partial<Pod> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...metadata('p'), namespace: 'default', labels: { app: 'web' } },
  spec: { nodeName: 'node-1', containers: [{ name: 'c' }] },
  ...more,
});

describe('peersOf', () => {
  it('is every node with an address, in the same order everywhere', () => {
    const nodes = [
      node('node-10', { podCIDR: '10.244.10.0/24' }, at('172.30.0.20')),
      node('node-2', { podCIDRs: ['10.244.2.0/24', 'fd00::/64'] }, at('172.30.0.12', 'Unknown')),
      node('node-3', {}, undefined),
    ];
    expect(peersOf(nodes)).toEqual([
      { name: 'node-2', ip: '172.30.0.12', podCidrs: ['10.244.2.0/24', 'fd00::/64'], ready: false },
      { name: 'node-10', ip: '172.30.0.20', podCidrs: ['10.244.10.0/24'], ready: true },
    ]);
    expect([podCidrsOf(undefined), podCidrsOf(nodes[2])]).toEqual([[], []]);
  });
});

describe('concernsRules', () => {
  const change = (object: KubeObject, old?: KubeObject): ObjectChange => ({
    kind: object.kind as ObjectChange['kind'],
    type: old ? 'modified' : 'added',
    object,
    old,
  });

  it('of a pod: labels, address, phase and end, but no probe or restart', () => {
    const before = pod({ status: { phase: 'Running', podIPs: [{ ip: '10.244.1.2' }] } });
    const restarted = pod({ status: { ...before.status, containerStatuses: [], conditions: [] } });
    expect(concernsRules(change(restarted, before))).toBe(false);
    expect(concernsRules(change(before))).toBe(true);
    const labels = pod({ ...before, metadata: { ...before.metadata, labels: { app: 'db' } } });
    const failed = pod({ ...before, status: { ...before.status, phase: 'Failed' } });
    const ending = pod({ ...before, metadata: { ...before.metadata, deletionTimestamp: '2026-11-23T10:00:01Z' } });
    for (const after of [labels, failed, ending, pod()]) expect(concernsRules(change(after, before))).toBe(true);
  });

  it('of a namespace: its labels; of a node: nothing', () => {
    const ns = (labels: Record<string, string>, resourceVersion: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { ...metadata('default'), labels, resourceVersion },
    });
    expect(concernsRules(change(ns({ a: '1' }, '2'), ns({ a: '1' }, '1')))).toBe(false);
    expect(concernsRules(change(ns({ a: '2' }, '2'), ns({ a: '1' }, '1')))).toBe(true);
    expect(concernsRules(change(node('node-1', {}, undefined)))).toBe(false);
  });
});

describe('this node`s pods', () => {
  it('are given to the rules with the names of their ports', () => {
    const sidecar = { name: 's', ports: [{ name: 'metrics', containerPort: 9090, protocol: 'UDP' }] };
    const container = { name: 'c', ports: [{ name: 'http', containerPort: 80 }, { containerPort: 81 }] };
    const given = pod({ spec: { containers: [container], initContainers: [sidecar] } });
    expect(localPod(given, { uid: 'uid-p', ips: ['10.244.1.2'] })).toEqual({
      uid: 'uid-p',
      namespace: 'default',
      name: 'p',
      labels: { app: 'web' },
      ips: ['10.244.1.2'],
      ports: [
        { name: 'metrics', containerPort: 9090, protocol: 'UDP' },
        { name: 'http', containerPort: 80, protocol: 'TCP' },
      ],
    });
  });

  it('whose object is gone, or is another node`s now, are left over', () => {
    const elsewhere = pod({ metadata: { ...metadata('q') }, spec: { nodeName: 'node-2', containers: [] } });
    expect(leftOver(['uid-p', 'uid-q', 'uid-r'], [pod(), elsewhere], 'node-1')).toEqual(['uid-q', 'uid-r']);
  });
});

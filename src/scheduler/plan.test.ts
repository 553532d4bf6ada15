import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../api/types.ts';
import { fakeCluster, lineOf } from '../client/fake.ts';
import { schedule } from './plan.ts';
import { scheduler } from './scheduler.ts';

const node = (name: string, more: object = {}, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  spec,
  status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10', ...more } },
});
const pod = (name: string, spec: object = {}, meta: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'a', ...meta },
  spec: { containers: [{ name: 'main', image: 'x' }], ...spec },
});
const asking = (requests: Record<string, string>): object => ({
  containers: [{ name: 'main', image: 'x', resources: { requests } }],
});
const decide = (p: object, ...others: object[]) => {
  const c = fakeCluster(...others, p);
  return schedule(c.view.get('Pod', 'a', (p as Pod).metadata.name) as Pod, c.view);
};
const port = (hostPort: number, hostIP?: string): object => ({
  containers: [{ name: 'main', image: 'x', ports: [{ containerPort: 80, hostPort, hostIP }] }],
});
const taint = (effect: string): object => ({ taints: [{ key: 'k', value: 'v', effect }] });

describe('which nodes take a pod', () => {
  it.each<[string, object, object[], string]>([
    ['no node', pod('p'), [], 'no nodes available to schedule pods'],
    ['too little cpu', pod('p', asking({ cpu: '1500m' })), [node('n', { cpu: '1' })], '1 Insufficient cpu'],
    [
      'two things lack',
      pod('p', asking({ cpu: '3', memory: '8Gi' })),
      [node('n')],
      '1 Insufficient cpu, 1 Insufficient memory',
    ],
    ['an extended resource', pod('p', asking({ 'x.io/gpu': '1' })), [node('n')], '1 Insufficient x.io/gpu'],
    [
      'taken by another pod',
      pod('p', asking({ cpu: '1' })),
      [node('n'), pod('q', { nodeName: 'n', ...asking({ cpu: '1500m' }) })],
      '1 Insufficient cpu',
    ],
    ['no room for pods', pod('p'), [node('n', { pods: '1' }), pod('q', { nodeName: 'n' })], '1 Too many pods'],
    ['cordoned', pod('p'), [node('n', {}, { unschedulable: true })], '1 node(s) were unschedulable'],
    ['a taint', pod('p'), [node('n', {}, taint('NoSchedule'))], '1 node(s) had untolerated taint {k: v}'],
    [
      'another zone',
      pod('p', { nodeSelector: { zone: 'b' } }),
      [node('n')],
      "1 node(s) didn't match Pod's node affinity/selector",
    ],
    [
      'a taken host port',
      pod('p', port(80)),
      [node('n'), pod('q', { nodeName: 'n', ...port(80, '10.0.0.1') })],
      "1 node(s) didn't have free ports for the requested pod ports",
    ],
  ])('%s', (_name, p, others, why) => {
    const d = decide(p, ...others);
    expect(d.type).toBe('Unschedulable');
    if (d.type === 'Unschedulable') expect(d.message).toContain(why);
  });

  it('counts reasons over nodes in the words of upstream', () => {
    const d = decide(
      pod('p', asking({ cpu: '1' })),
      node('n1', { cpu: '0' }),
      node('n2', { cpu: '0' }),
      node('n3', {}, { unschedulable: true }),
    );
    expect(d).toMatchObject({
      message:
        '0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
    });
  });

  it.each<[string, object, object[]]>([
    [
      'a finished pod holds nothing',
      pod('p', asking({ cpu: '2' })),
      [{ ...pod('q', { nodeName: 'n', ...asking({ cpu: '2' }) }), status: { phase: 'Succeeded' } }],
    ],
    [
      'a toleration',
      pod('p', { tolerations: [{ key: 'k', operator: 'Exists' }] }),
      [node('n', {}, taint('NoExecute'))],
    ],
    [
      'the same host port on another address',
      pod('p', port(80, '10.0.0.2')),
      [pod('q', { nodeName: 'n', ...port(80, '10.0.0.1') })],
    ],
    [
      'tenths that add up to all',
      pod('p', asking({ cpu: '0.1' })),
      [node('n', { cpu: '0.3' }), pod('q', { nodeName: 'n', ...asking({ cpu: '0.2' }) })],
    ],
  ])('takes it: %s', (_name, p, others) => {
    expect(decide(p, node('n'), ...others)).toEqual({ type: 'Binding', node: 'n' });
  });

  it('takes the larger of the init containers one by one and the containers together', () => {
    const c = (cpu: string, restartPolicy?: string): object => ({
      name: cpu,
      image: 'x',
      restartPolicy,
      resources: { requests: { cpu } },
    });
    const spec = (side: string): object => ({
      initContainers: [c(side, 'Always'), c('1500m')],
      containers: [c('200m')],
    });
    expect(decide(pod('p', spec('500m')), node('n')).type).toBe('Binding');
    expect(decide(pod('p', spec('600m')), node('n')).type).toBe('Unschedulable');
  });
});

describe('which of the nodes', () => {
  const rs = {
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs', controller: true }],
  };
  it('spreads the pods of one owner over all nodes', () => {
    const c = fakeCluster(node('n1'), node('n2', { cpu: '64', memory: '256Gi' }), node('n3'));
    for (const name of ['p1', 'p2', 'p3']) {
      c.put(pod(name, {}, rs));
      c.settle(scheduler(), `a/${name}`);
    }
    expect(
      c.view
        .list('Pod')
        .map((p) => p.spec.nodeName ?? '')
        .toSorted(),
    ).toEqual(['n1', 'n2', 'n3']);
  });

  it('prefers the emptier node, avoids a soft taint, follows a preference', () => {
    expect(
      decide(pod('p'), node('n1'), node('n2'), pod('q', { nodeName: 'n1', ...asking({ cpu: '1' }) })),
    ).toMatchObject({ node: 'n2' });
    expect(decide(pod('p'), node('n1', {}, taint('PreferNoSchedule')), node('n2'))).toMatchObject({ node: 'n2' });
    const preference = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['n2'] }] };
    const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference }] } };
    expect(decide(pod('p', { affinity }), node('n1'), node('n2'))).toMatchObject({ node: 'n2' });
  });
});

describe('the scheduler', () => {
  it('says once why a pod waits, and binds it when a node has room', () => {
    const c = fakeCluster(pod('p', asking({ cpu: '1' })), node('n', { cpu: '500m' }));
    const s = scheduler();
    expect(c.settle(s, 'a/p')).toEqual([
      'update Pod/status p',
      expect.stringContaining('event FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu'),
    ]);
    expect(c.view.get('Pod', 'a', 'p')?.status?.conditions).toMatchObject([
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable' },
    ]);
    const old = c.view.get('Node', undefined, 'n') as Node;
    c.put(node('n'));
    expect(
      s.keys({ kind: 'Node', type: 'modified', object: c.view.get('Node', undefined, 'n') as Node, old }, c.view),
    ).toEqual(['a/p']);
    expect(c.settle(s, 'a/p')).toEqual(['bind p -> n', 'event Scheduled: Successfully assigned a/p to n']);
  });

  it('leaves gated pods alone, and those of another scheduler', () => {
    const c = fakeCluster(
      node('n'),
      pod('g', { schedulingGates: [{ name: 'x' }] }),
      pod('o', { schedulerName: 'mine' }),
    );
    expect(c.settle(scheduler(), 'a/g')).toEqual(['update Pod/status g']);
    expect(c.view.get('Pod', 'a', 'g')?.status?.conditions?.[0]?.reason).toBe('SchedulingGated');
    expect(scheduler().plan(c.view, 'a/o', 0).changes.map(lineOf)).toEqual([]);
  });

  it('is not woken by heartbeats, but by freed room', () => {
    const c = fakeCluster(node('n'), pod('w'), pod('b', { nodeName: 'n' }));
    const s = scheduler();
    const n = c.view.get('Node', undefined, 'n') as Node;
    const beat = { ...n, status: { ...n.status, conditions: [{ type: 'Ready', status: 'True' }] } };
    expect(s.keys({ kind: 'Node', type: 'modified', object: beat, old: n }, c.view)).toEqual([]);
    expect(s.keys({ kind: 'Pod', type: 'deleted', object: c.view.get('Pod', 'a', 'b') as Pod }, c.view)).toEqual([
      'a/w',
    ]);
  });

  it('ranks by priority', () => {
    const c = fakeCluster(pod('low'), pod('high', { priority: 1000 }));
    const rank = (name: string): number => scheduler().order?.(c.view, `a/${name}`) ?? 0;
    expect(rank('high')).toBeLessThan(rank('low'));
  });
});

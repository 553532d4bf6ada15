// A node that is lost, through the three controllers that see to it: each starts from what the one before wrote.
import { describe, expect, it } from 'vitest';
import { clusterSettings } from '../api/testdata/cluster.ts';
import { type FakeCluster, fakeCluster } from '../client/fake.ts';
import { plan as evict } from './taint-eviction/plan.ts';
import { plan as collect } from './pod-gc/plan.ts';
import { nodeLifecycle } from './node-lifecycle/inputs.ts';

const node = (ready: string): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n' },
  spec: { taints: [{ key: 'mine', effect: 'NoSchedule' }] },
  status: {
    conditions: [{ type: 'Ready', status: ready, reason: 'KubeletReady', lastTransitionTime: '2026-01-01T00:00:00Z' }],
  },
});
const pod = (name: string, tolerationSeconds?: number): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'a' },
  spec: {
    nodeName: 'n',
    containers: [],
    tolerations: [
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds },
    ],
  },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
});
const lease = (renewTime: string): object => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'n', namespace: 'kube-node-lease' },
  spec: { renewTime },
});
const controller = () => nodeLifecycle(clusterSettings);
const taints = (c: FakeCluster): string[] =>
  (c.view.get('Node', undefined, 'n')?.spec.taints ?? []).map((t) => `${t.key}:${t.effect}`);
const ready = (c: FakeCluster): unknown =>
  c.view.get('Node', undefined, 'n')?.status?.conditions?.find((x) => x.type === 'Ready');

describe('a node', () => {
  it('is lost when its Lease stands still, and taken back when it speaks again', () => {
    const c = fakeCluster(node('True'), pod('p', 1), lease('1'));
    const k = controller();
    const start = c.nowMs;
    expect(k.plan(c.view, 'n', start)).toEqual({ changes: [], requeueAt: start + 2_500 });
    c.nowMs = start + 2_000;
    c.put(lease('2'));
    expect(k.plan(c.view, 'n', c.nowMs).requeueAt).toBe(start + 4_500);
    c.nowMs = start + 4_500;
    expect(c.settle(k, 'n')).toEqual([
      'update Node/status n',
      'event NodeNotReady: Node n status is now: NodeNotReady',
      'update Pod/status p',
      'event NodeNotReady: Node is not ready',
      'patch Node n',
    ]);
    expect(ready(c)).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
    expect(c.view.get('Pod', 'a', 'p')?.status?.conditions).toMatchObject([{ type: 'Ready', status: 'False' }]);
    expect(taints(c)).toEqual([
      'mine:NoSchedule',
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    c.put({ ...node('True'), spec: c.view.get('Node', undefined, 'n')?.spec }, lease('3'));
    expect(c.settle(k, 'n')).toEqual(['patch Node n']);
    expect(taints(c)).toEqual(['mine:NoSchedule']);
  });

  it('that says not ready is tainted so, and a cordoned one too', () => {
    const c = fakeCluster(node('False'));
    c.settle(controller(), 'n');
    expect(taints(c)).toEqual([
      'mine:NoSchedule',
      'node.kubernetes.io/not-ready:NoSchedule',
      'node.kubernetes.io/not-ready:NoExecute',
    ]);
    c.put({ ...node('True'), spec: { unschedulable: true } });
    c.settle(controller(), 'n');
    expect(taints(c)).toEqual(['node.kubernetes.io/unschedulable:NoSchedule']);
  });

  it('is not lost by a restart of the server: what counts is what this process saw', () => {
    const c = fakeCluster(node('True'), lease('long ago'));
    expect(controller().plan(c.view, 'n', c.nowMs).changes).toEqual([]);
  });
});

describe('the pods of a lost node', () => {
  const lost = (): FakeCluster => {
    const c = fakeCluster(node('True'), pod('soon', 3), pod('ever'), lease('1'));
    const k = controller();
    k.plan(c.view, 'n', c.nowMs);
    c.nowMs += 3_000;
    c.settle(k, 'n');
    return c;
  };

  it('are evicted when they tolerate the taint no longer', () => {
    const c = lost();
    expect(evict(c.view, 'a/ever', c.nowMs)).toEqual({ changes: [] });
    const at = evict(c.view, 'a/soon', c.nowMs).requeueAt ?? 0;
    // 3 s tolerated, and the second by which timeAdded may say too early a time.
    expect(at).toBe(c.nowMs + 4_000);
    c.nowMs = at;
    const { changes } = evict(c.view, 'a/soon', c.nowMs);
    expect(changes.map((x) => x.op)).toEqual(['update', 'event', 'delete']);
    c.apply(changes.slice(0, 1));
    expect(c.view.get('Pod', 'a', 'soon')?.status?.conditions?.at(-1)).toMatchObject({
      type: 'DisruptionTarget',
      reason: 'DeletionByTaintManager',
    });
  });

  it('are evicted at once without a toleration', () => {
    const c = lost();
    c.put({ ...pod('none'), spec: { nodeName: 'n', containers: [] } });
    expect(evict(c.view, 'a/none', c.nowMs).changes).toHaveLength(3);
  });

  it('are removed without its word when they should have ended long ago', () => {
    const c = lost();
    const old = c.view.get('Pod', 'a', 'ever');
    c.put({
      ...old,
      metadata: {
        ...old?.metadata,
        deletionTimestamp: new Date(c.nowMs + 30_000).toISOString(),
        deletionGracePeriodSeconds: 30,
      },
    });
    const at = collect(c.view, 'a/ever', c.nowMs, 2_000).requeueAt ?? 0;
    expect(at).toBe(c.nowMs + 2_000);
    expect(collect(c.view, 'a/ever', at, 2_000).changes).toMatchObject([
      { op: 'update', object: { status: { phase: 'Failed' } } },
      { op: 'delete', gracePeriodSeconds: 0, uid: 'uid-ever' },
    ]);
    expect(collect(c.view, 'a/soon', at, 2_000).changes).toEqual([]);
  });

  it('are removed when the node itself is no more', () => {
    const c = fakeCluster(pod('p'));
    expect(c.settle({ plan: (v, k, now) => collect(v, k, now, 0) }, 'a/p')).toEqual([
      'update Pod/status p',
      'delete Pod p',
    ]);
  });
});

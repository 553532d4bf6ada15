import { describe, expect, it } from 'vitest';
import type { Pod, ReplicaSet } from '../../api/types.ts';
import { fakeCluster } from '../../client/fake.ts';
import { failed, plan } from './plan.ts';
import { victims } from './victims.ts';

const rs = (replicas: number, more: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'web', namespace: 'a', uid: 'rs' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
    ...more,
  },
});
const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs', controller: true };
const ready = {
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
};
const pod = (name: string, status: object = ready, meta: object = {}, spec: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'a',
      labels: { app: 'web' },
      ownerReferences: [owner],
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...meta,
    },
    spec: { containers: [], nodeName: 'n', ...spec },
    status,
  }) as unknown as Pod;
const controller = { plan };
const verbs = (lines: string[]): string[] =>
  lines.map((l) => l.replace(/ web-\w{5}$/, ' web-*').replace(/: web-\w{5}$/, ': web-*'));

describe('a ReplicaSet', () => {
  it('makes the pods that it lacks, then counts them as they get ready', () => {
    const c = fakeCluster(rs(2));
    expect(verbs(c.settle(controller, 'a/web'))).toEqual([
      'update ReplicaSet/status web',
      'create Pod web-*',
      'event SuccessfulCreate: Created pod: web-*',
      'create Pod web-*',
      'event SuccessfulCreate: Created pod: web-*',
      'update ReplicaSet/status web',
    ]);
    expect(c.view.list('Pod')[0]?.metadata).toMatchObject({
      labels: { app: 'web' },
      ownerReferences: [{ uid: 'rs', controller: true, blockOwnerDeletion: true }],
    });
    const [first] = c.view.list('Pod');
    c.put({ ...first, status: ready });
    c.settle(controller, 'a/web');
    expect(c.view.get('ReplicaSet', 'a', 'web')?.status).toMatchObject({
      replicas: 2,
      readyReplicas: 1,
      availableReplicas: 1,
      fullyLabeledReplicas: 2,
    });
  });

  it('replaces a terminating pod at once and a failed one too', () => {
    const c = fakeCluster(
      rs(2),
      pod('t', ready, { deletionTimestamp: '2026-01-01T00:00:30Z' }),
      pod('f', { phase: 'Failed' }),
    );
    expect(c.settle(controller, 'a/web').filter((l) => l.startsWith('create'))).toHaveLength(2);
  });

  it('adopts, releases, and leaves what others control', () => {
    const c = fakeCluster(
      rs(2),
      pod('free', ready, { ownerReferences: undefined }),
      pod('other', ready, { ownerReferences: [{ ...owner, uid: 'x' }] }),
      pod('relabeled', ready, { labels: { app: 'debug' } }),
    );
    const lines = verbs(c.settle(controller, 'a/web'));
    expect(lines.slice(0, 2)).toEqual(['patch Pod relabeled', 'patch Pod free']);
    expect(lines.filter((l) => l.startsWith('create'))).toHaveLength(1);
    expect(c.view.get('Pod', 'a', 'relabeled')?.metadata.ownerReferences).toEqual([]);
    expect(c.view.get('Pod', 'a', 'free')?.metadata.ownerReferences).toMatchObject([{ uid: 'rs' }]);
  });

  it('waits for minReadySeconds and says when to look again', () => {
    const c = fakeCluster(rs(1, { minReadySeconds: 10 }), pod('p'));
    c.nowMs = Date.UTC(2026, 0, 1, 0, 0, 4);
    c.settle(controller, 'a/web');
    expect(c.view.get('ReplicaSet', 'a', 'web')?.status?.availableReplicas).toBeUndefined();
    expect(plan(c.view, 'a/web', c.nowMs).requeueAt).toBe(Date.UTC(2026, 0, 1, 0, 0, 10));
    c.nowMs = Date.UTC(2026, 0, 1, 0, 0, 10);
    c.settle(controller, 'a/web');
    expect(c.view.get('ReplicaSet', 'a', 'web')?.status?.availableReplicas).toBe(1);
  });

  it('does nothing to its pods while it is being deleted', () => {
    const c = fakeCluster(
      { ...rs(3), metadata: { name: 'web', namespace: 'a', uid: 'rs', deletionTimestamp: 'x' } },
      pod('p'),
    );
    expect(c.settle(controller, 'a/web')).toEqual(['update ReplicaSet/status web']);
  });

  it('tells of a pod that the API refuses', () => {
    const c = fakeCluster(rs(1));
    const [, create] = plan(c.view, 'a/web', 0).changes;
    if (!create) throw new Error('no create');
    c.apply(failed(c.view, 'a/web', create, new Error('no'), 0));
    expect(c.events).toEqual(['Warning FailedCreate: Error creating: no']);
    const told = (c.view.get('ReplicaSet', 'a', 'web') as ReplicaSet).status?.conditions;
    expect(told).toMatchObject([{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no' }]);
  });
});

describe('which pods go first', () => {
  const at = (time: string): object => ({
    ...ready,
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: time }],
  });
  it.each<[string, Pod, Pod]>([
    ['not yet on a node', pod('goes', ready, {}, { nodeName: undefined }), pod('stays')],
    ['pending', pod('goes', { phase: 'Pending' }), pod('stays', { phase: 'Running' })],
    ['not ready', pod('goes', { phase: 'Running' }), pod('stays')],
    [
      'cheaper to delete',
      pod('goes', ready, { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } }),
      pod('stays'),
    ],
    ['ready for a shorter time', pod('goes', at('2026-01-01T01:00:00Z')), pod('stays', at('2026-01-01T00:00:00Z'))],
    ['restarted more often', pod('goes', { ...ready, containerStatuses: [{ restartCount: 3 }] }), pod('stays')],
    ['younger', pod('goes', ready, { creationTimestamp: '2026-01-02T00:00:00Z' }), pod('stays')],
  ])('%s', (_why, goes, stays) => {
    for (const pods of [
      [goes, stays],
      [stays, goes],
    ])
      expect(victims(pods, pods, 1).map((p) => p.metadata.name)).toEqual(['goes']);
  });

  it('one of two on the same node', () => {
    const pods = [
      pod('a', ready, {}, { nodeName: 'n1' }),
      pod('b', ready, {}, { nodeName: 'n2' }),
      pod('c', ready, {}, { nodeName: 'n2' }),
    ];
    expect(victims(pods, pods, 1).map((p) => p.metadata.name)).toEqual(['b']);
  });
});

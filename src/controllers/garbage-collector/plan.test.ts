import { describe, expect, it } from 'vitest';
import type { Change } from '../../client/types.ts';
import { fakeCluster } from '../../client/fake.ts';
import { garbageCollector } from './inputs.ts';
import { plan } from './plan.ts';

const rs = (meta: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'rs', namespace: 'a', uid: 'rs', ...meta },
  spec: {},
});
const to = (uid: string, more: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: uid,
  uid,
  ...more,
});
const pod = (name: string, ...ownerReferences: object[]): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'a', ownerReferences },
  spec: {},
});
const changes = (objects: object[], key: string): readonly Change[] => plan(fakeCluster(...objects).view, key).changes;

describe('the garbage collector', () => {
  it('removes what has lost all its owners, and only that', () => {
    expect(changes([pod('p', to('rs'))], 'Pod/a/p')).toMatchObject([
      { op: 'delete', uid: 'uid-p', propagationPolicy: 'Background' },
    ]);
    expect(changes([rs(), pod('p', to('rs'))], 'Pod/a/p')).toEqual([]);
    expect(changes([pod('p')], 'Pod/a/p')).toEqual([]);
    // The name is taken by another object: the owner is gone all the same.
    expect(changes([rs({ uid: 'new' }), pod('p', to('rs'))], 'Pod/a/p')).toHaveLength(1);
    // Nothing is known about kinds that are not served.
    expect(changes([pod('p', { apiVersion: 'x.io/v1', kind: 'Thing', name: 't', uid: 't' })], 'Pod/a/p')).toEqual([]);
  });

  it('takes a lost owner off a list that has others', () => {
    expect(changes([rs(), pod('p', to('rs'), to('gone'))], 'Pod/a/p')).toMatchObject([
      { op: 'patch', patch: { metadata: { ownerReferences: [{ uid: 'rs' }] } } },
    ]);
  });

  it('foreground: dependents first, then the owner', () => {
    const owner = rs({ deletionTimestamp: 'x', finalizers: ['foregroundDeletion'] });
    const dependent = pod('p', to('rs', { blockOwnerDeletion: true }));
    expect(changes([owner, dependent], 'ReplicaSet/a/rs')).toEqual([]);
    expect(changes([owner, dependent], 'Pod/a/p')).toMatchObject([{ op: 'delete', kind: 'Pod' }]);
    expect(changes([owner], 'ReplicaSet/a/rs')).toMatchObject([
      { op: 'patch', patch: { metadata: { finalizers: [] } } },
    ]);
  });

  it('orphan: dependents are let go, then the owner', () => {
    const owner = rs({ deletionTimestamp: 'x', finalizers: ['orphan'] });
    expect(changes([owner, pod('p', to('rs'))], 'ReplicaSet/a/rs')).toMatchObject([
      { op: 'patch', kind: 'Pod', patch: { metadata: { ownerReferences: [] } } },
    ]);
    expect(changes([owner], 'ReplicaSet/a/rs')).toMatchObject([
      { op: 'patch', kind: 'ReplicaSet', patch: { metadata: { finalizers: [] } } },
    ]);
  });

  it('looks at dependents when an owner goes, and reads the owner anew before it judges', () => {
    const c = fakeCluster(pod('p', to('rs')));
    const gone = fakeCluster(rs()).view.list('ReplicaSet')[0];
    if (!gone) throw new Error('no object');
    expect(garbageCollector.keys({ kind: 'ReplicaSet', type: 'deleted', object: gone }, c.view)).toEqual(['Pod/a/p']);
    expect(garbageCollector.reads?.(c.view, 'Pod/a/p')).toEqual([{ kind: 'ReplicaSet', namespace: 'a', name: 'rs' }]);
  });
});

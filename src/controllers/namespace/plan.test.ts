import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../api/types.ts';
import { fakeCluster } from '../../client/fake.ts';
import { namespace } from './inputs.ts';
import { plan } from './plan.ts';

describe('a namespace', () => {
  const terminating = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a', deletionTimestamp: 'x' },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Terminating' },
  };
  const inside = (kind: string, name: string) => ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: 'a' },
    spec: {},
  });
  it('that goes is emptied, pods first, and then let go', () => {
    const c = fakeCluster(terminating, inside('ConfigMap', 'c'), inside('Pod', 'p'), {
      ...inside('Pod', 'q'),
      metadata: { name: 'q', namespace: 'b' },
    });
    expect(c.settle({ plan }, 'a')).toEqual(['delete Pod p', 'delete ConfigMap c', 'update Namespace/finalize a']);
    expect(c.view.get('Namespace', undefined, 'a')?.spec?.finalizers).toEqual([]);
  });

  it('that cannot go says what it waits for, until that is gone', () => {
    const held = (kind: string, name: string, finalizers: string[]) => ({
      ...inside(kind, name),
      metadata: { name, namespace: 'a', deletionTimestamp: 'x', finalizers },
    });
    const c = fakeCluster(
      terminating,
      held('ConfigMap', 'm', ['x.io/f']),
      held('ConfigMap', 'n', ['x.io/f', 'x.io/g']),
      held('Deployment', 'd', ['foregroundDeletion']),
    );
    const conditions = () =>
      (c.view.get('Namespace', undefined, 'a')?.status?.conditions ?? [])
        .slice(-2)
        .map(({ type, status, reason, message, lastTransitionTime }) => [
          type,
          status,
          reason,
          message,
          lastTransitionTime,
        ]);
    expect(c.settle({ plan }, 'a')).toEqual(['patch Namespace/status a']);
    expect(c.view.get('Namespace', undefined, 'a')?.status?.conditions).toHaveLength(5);
    const [remaining, finalizers] = ['NamespaceContentRemaining', 'NamespaceFinalizersRemaining'];
    const content = 'Some resources are remaining: configmaps. has 2 resource instances';
    const some = 'Some content in the namespace has finalizers remaining: ';
    expect(conditions()).toEqual([
      [
        remaining,
        'True',
        'SomeResourcesRemain',
        `${content}, deployments.apps has 1 resource instances`,
        '2026-01-01T00:00:00Z',
      ],
      [
        finalizers,
        'True',
        'SomeFinalizersRemain',
        `${some}foregroundDeletion in 1 resource instances, x.io/f in 2 resource instances, x.io/g in 1 resource instances`,
        '2026-01-01T00:00:00Z',
      ],
    ]);
    c.nowMs += 1000;
    c.apply([{ op: 'delete', kind: 'Deployment', namespace: 'a', name: 'd', why: '' }]);
    c.put(held('ConfigMap', 'm', []), held('ConfigMap', 'n', []));
    expect(c.settle({ plan }, 'a')).toEqual(['patch Namespace/status a']);
    expect(conditions()).toEqual([
      [remaining, 'True', 'SomeResourcesRemain', content, '2026-01-01T00:00:00Z'],
      [
        finalizers,
        'False',
        'ContentHasNoFinalizers',
        'All content-preserving finalizers finished',
        '2026-01-01T00:00:01Z',
      ],
    ]);
  });

  it('is looked at again when something in it begins to end, or is held by something else', () => {
    const c = fakeCluster(terminating, { ...terminating, metadata: { name: 'b' } });
    const map = (metadata: object) =>
      ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', namespace: 'a', ...metadata } }) as KubeObject;
    const keys = (object: KubeObject, old: KubeObject) =>
      namespace.keys({ kind: 'ConfigMap', type: 'modified', object, old }, c.view);
    const ending = { deletionTimestamp: 'x' };
    expect(keys(map(ending), map({}))).toEqual(['a']);
    expect(keys(map(ending), map({ ...ending, finalizers: ['x.io/f'] }))).toEqual(['a']);
    expect(keys(map({ ...ending, labels: { a: 'b' } }), map(ending))).toEqual([]);
    expect(keys(map({ labels: { a: 'b' } }), map({}))).toEqual([]);
    expect(keys(map({ ...ending, namespace: 'b' }), map({ namespace: 'b' }))).toEqual([]);
  });
});

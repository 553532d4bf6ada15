import { describe, expect, it } from 'vitest';
import { fakeCluster } from '../../client/fake.ts';
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
});

import { describe, expect, it } from 'vitest';
import { fakeCluster } from '../../client/fake.ts';
import { plan } from './plan.ts';

describe('a namespace', () => {
  const namespace = (metadata: object): object => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a', ...metadata },
  });
  it('has an account named default', () => {
    expect(fakeCluster(namespace({})).settle({ plan }, 'a')).toEqual(['create ServiceAccount default']);
  });
  it('that goes gets none any more', () => {
    expect(plan(fakeCluster(namespace({ deletionTimestamp: 'x' })).view, 'a').changes).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { fakeCluster } from '../../client/fake.ts';
import { plan, subnets } from './plan.ts';

describe('ranges of pod addresses', () => {
  it('are the lowest that are free', () => {
    const node = (name: string, podCIDR?: string): object => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      spec: { podCIDR },
    });
    const c = fakeCluster(node('n1', '10.244.0.0/24'), node('n3', '10.244.2.0/24'), node('n2'));
    c.settle({ plan: (view, key) => plan(view, key, '10.244.0.0/16', 24) }, 'n2');
    expect(c.view.get('Node', undefined, 'n2')?.spec).toMatchObject({
      podCIDR: '10.244.1.0/24',
      podCIDRs: ['10.244.1.0/24'],
    });
    c.put(node('n4'));
    expect(plan(c.view, 'n4', '10.244.0.0/23', 24).changes).toMatchObject([
      { op: 'event', reason: 'CIDRNotAvailable' },
    ]);
    expect([...subnets('192.168.254.0/23', 25)]).toEqual([
      '192.168.254.0/25',
      '192.168.254.128/25',
      '192.168.255.0/25',
      '192.168.255.128/25',
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import { clusterSettings as settings } from '../api/testdata/cluster.ts';
import { diff } from '../linux/net/diff.ts';
import { fakeKernel } from '../linux/net/fake.ts';
import { printOps } from '../linux/net/net.ts';
import { droppingForwardChains, firstReady, hostRoutes, hostRuleset, joined, left } from './host.ts';
import type { PeerNode } from './podnet/podnet.ts';

const peer = (index: number, ready: boolean): PeerNode => ({
  name: `node-${index}`,
  ip: `172.30.0.${10 + index}`,
  podCidrs: [`10.244.${index}.0/24`],
  ready,
});

describe('the host`s routes', () => {
  const host = fakeKernel().netns('host');
  host.run({ op: 'bridge-add', name: 'podlan0' });
  host.run({ op: 'address-add', link: 'podlan0', address: '172.30.0.1/24' });
  host.run({ op: 'bridge-add', name: 'podlan1' });
  host.run({ op: 'route-replace', to: '10.245.1.0/24', dev: 'podlan1' });
  const apply = (...peers: PeerNode[]): string => {
    const ops = diff(hostRoutes(settings, peers), host.see());
    for (const op of ops) host.run(op);
    return printOps(ops);
  };

  it('lead to each node`s pods, and to Services over the first Ready node', () => {
    expect(apply(peer(1, true), peer(2, true))).toBe(
      [
        'ip route replace 10.244.1.0/24 via 172.30.0.11 dev podlan0 proto 112',
        'ip route replace 10.244.2.0/24 via 172.30.0.12 dev podlan0 proto 112',
        'ip route replace 10.96.0.0/16 via 172.30.0.11 dev podlan0 proto 112',
        'ip route replace unreachable 10.244.0.0/16 proto 112',
        '',
      ].join('\n'),
    );
    expect(apply(peer(1, true), peer(2, true))).toBe('');
  });

  it('change over in one step when that node fails; another cluster`s stay', () => {
    expect(apply(peer(1, false), peer(2, true))).toBe(
      'ip route replace 10.96.0.0/16 via 172.30.0.12 dev podlan0 proto 112\n',
    );
    expect(apply(peer(2, true))).toBe('ip route del 10.244.1.0/24 via 172.30.0.11 dev podlan0 proto 112\n');
    expect(host.see().routes.map((r) => r.to)).toContain('10.245.1.0/24');
  });

  it('without a Ready node nobody speaks for all', () => {
    expect(firstReady([peer(1, false), peer(2, false)])).toBeUndefined();
    expect(firstReady([peer(1, false), peer(2, true)])?.name).toBe('node-2');
  });
});

describe('the host`s table', () => {
  it('translates what leaves the cluster, and nothing within it', () => {
    expect(hostRuleset(settings)).toContain(
      'ip saddr { 10.244.0.0/16, 172.30.0.0/24 } ip daddr != { 10.244.0.0/16, 172.30.0.0/24 } oifname != "podlan0" masquerade',
    );
    expect(hostRuleset(settings).startsWith('add table ip podlan-podlan\ndelete table ip podlan-podlan\n')).toBe(true);
  });

  it('finds the chains of others that drop what is forwarded', () => {
    const text = `table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
	}
	chain INPUT {
		type filter hook input priority filter; policy drop;
	}
}
table inet ok {
	chain forward {
		type filter hook forward priority 0; policy accept;
	}
}
`;
    expect(droppingForwardChains(text)).toEqual(['ip filter']);
  });
});

describe('the record of the host', () => {
  it('counts each cluster once, and keeps what was before the first', () => {
    const record = { clusters: ['b'], before: { x: '0' }, netnsDir: 'was there' } as const;
    expect(joined(record, 'b')).toBe(record);
    expect(joined(record, 'a').clusters).toEqual(['a', 'b']);
    expect(left(joined(record, 'a'), 'b')).toEqual({ ...record, clusters: ['a'] });
  });
});

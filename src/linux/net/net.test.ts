import { describe, expect, it } from 'vitest';
import { comparable, netContract } from './contract.ts';
import { diff, type WantedNet } from './diff.ts';
import { fakeKernel } from './fake.ts';
import { isNetError, type Net, NetError, printOp, printOps, printState } from './net.ts';

describe('the fake kernel keeps the contract', () => {
  it.each(netContract)('$name', ({ steps, seen }) => {
    const kernel = fakeKernel();
    const nets: Record<string, Net> = { a: kernel.netns('a'), b: kernel.netns('b') };
    for (const { netns, op, refused } of steps) {
      let code: string | undefined;
      try {
        nets[netns]?.run(op);
      } catch (e) {
        if (!isNetError(e)) throw e;
        ({ code } = e);
      }
      expect(code, printOp(op)).toBe(refused);
    }
    for (const [netns, lines] of Object.entries(seen)) {
      const net = nets[netns];
      expect(net && comparable(printState(net.see()))).toEqual(lines);
    }
  });
});

const pod: WantedNet = {
  pairs: [
    {
      name: 'veth1',
      mac: 'ee:ee:ee:ee:ee:ee',
      mtu: 1500,
      peer: { name: 'eth0', mac: '0a:58:0a:f4:01:02', netns: 'p' },
    },
  ],
  neighbours: [{ link: 'veth1', ip: '10.244.1.2', mac: '0a:58:0a:f4:01:02' }],
  routes: [{ to: '10.244.1.2/32', dev: 'veth1' }],
  ownsLink: (name) => name.startsWith('veth'),
};

function apply(net: Net, wanted: WantedNet): string {
  const ops = diff(wanted, net.see());
  for (const op of ops) net.run(op);
  return printOps(ops);
}

describe('diff', () => {
  it('prints as ip lines that the kernel would take in this order', () => {
    const kernel = fakeKernel();
    kernel.netns('p');
    expect(apply(kernel.netns('n'), pod)).toBe(
      [
        'ip link add veth1 address ee:ee:ee:ee:ee:ee mtu 1500 up type veth peer name eth0 address 0a:58:0a:f4:01:02 mtu 1500 netns p',
        'ip neighbour replace 10.244.1.2 lladdr 0a:58:0a:f4:01:02 dev veth1 nud permanent',
        'ip route replace 10.244.1.2/32 dev veth1 proto 112',
        '',
      ].join('\n'),
    );
  });

  it('of equal input is nothing', () => {
    const kernel = fakeKernel();
    kernel.netns('p');
    apply(kernel.netns('n'), pod);
    expect(apply(kernel.netns('n'), pod)).toBe('');
  });

  it('removes a link that is ours and not wanted, and nothing else beside it', () => {
    const kernel = fakeKernel();
    kernel.netns('p');
    kernel.netns('q');
    const net = kernel.netns('n');
    apply(net, pod);
    net.run({ op: 'veth-add', name: 'veth2', mtu: 1500, peer: { name: 'eth0', netns: 'q' } });
    net.run({ op: 'route-replace', to: '10.244.1.3/32', dev: 'veth2' });
    net.run({ op: 'bridge-add', name: 'docker0' });
    expect(apply(net, pod)).toBe('ip link del veth2\n');
    expect(net.see().links.map((l) => l.name)).toEqual(['lo', 'veth1', 'docker0']);
  });

  it('removes routes of ours only: an operator`s own stays', () => {
    const net = fakeKernel().netns('n');
    net.run({ op: 'bridge-add', name: 'br0' });
    const wanted: WantedNet = {
      bridges: [{ name: 'br0', mac: '0a:58:00:00:00:01', mtu: 1500 }],
      ownsConfig: () => true,
    };
    net.run({ op: 'route-replace', to: '10.1.0.0/16', dev: 'br0' });
    net.run({ op: 'route-replace', to: '10.2.0.0/16', dev: 'br0', protocol: 4 });
    expect(apply(net, wanted)).toBe(
      'ip link set br0 address 0a:58:00:00:00:01\nip route del 10.1.0.0/16 dev br0 proto 112\n',
    );
  });

  it('a route that leads elsewhere now is replaced, not deleted and added', () => {
    const net = fakeKernel().netns('n');
    net.run({ op: 'bridge-add', name: 'br0' });
    net.run({ op: 'address-add', link: 'br0', address: '172.30.0.1/24' });
    const via = (ip: string): WantedNet => ({
      addresses: [{ link: 'br0', address: '172.30.0.1/24' }],
      routes: [{ to: '10.96.0.0/16', via: ip, dev: 'br0' }],
    });
    apply(net, via('172.30.0.11'));
    expect(apply(net, via('172.30.0.12'))).toBe('ip route replace 10.96.0.0/16 via 172.30.0.12 dev br0 proto 112\n');
  });

  it('brings a link up before it routes over it, and leaves what the kernel adds to it', () => {
    const net = fakeKernel().netns('n');
    const wanted: WantedNet = { links: [{ name: 'lo' }], addresses: [{ link: 'lo', address: '10.96.0.10/32' }] };
    expect(apply(net, wanted)).toBe('ip link set lo up\nip address add 10.96.0.10/32 dev lo\n');
    expect(apply(net, wanted)).toBe('');
    expect(apply(net, { ...wanted, addresses: [], ownsConfig: () => true })).toBe(
      'ip address del 10.96.0.10/32 dev lo\n',
    );
  });

  it('something else under a wanted name makes room', () => {
    const net = fakeKernel().netns('n');
    net.run({ op: 'bridge-add', name: 'veth1' });
    expect(printOps(diff({ pairs: pod.pairs }, net.see()))).toMatch(/^ip link del veth1\nip link add veth1 /);
  });
});

describe('errors', () => {
  it('say what was wanted and what the kernel answered', () => {
    const run = () => fakeKernel().netns('n').run({ op: 'link-set', name: 'eth9', up: true });
    expect(run).toThrow('ip link set eth9 up: ENODEV');
    expect(isNetError(new NetError('EEXIST', 17, 'x'), 'ENODEV')).toBe(false);
  });
});

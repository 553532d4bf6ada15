import { describe, expect, it } from 'vitest';
import { clusterSettings as settings } from '../../api/testdata/cluster.ts';
import { diff, type WantedNet } from '../../linux/net/diff.ts';
import { fakeKernel } from '../../linux/net/fake.ts';
import { type Net, type NetState, printOps, printState } from '../../linux/net/net.ts';
import {
  adoptable,
  clusterLinks,
  clusterRoutes,
  hostBase,
  macOf,
  nodeBase,
  nodeWanted,
  type PeerNode,
  podInside,
  uplinkMtu,
  unpaired,
  vethName,
} from './podnet.ts';

const one = { name: 'node-1', index: 1, ip: '172.30.0.11' };
const peer = (index: number, ready = true): PeerNode => ({
  name: `node-${index}`,
  ip: `172.30.0.${10 + index}`,
  podCidrs: [`10.244.${index}.0/24`],
  ready,
});
const uid = '1a2b3c4d-0000-4000-8000-000000000001';
const pod = { uid, ips: ['10.244.1.2'] };

function apply(net: Net, wanted: WantedNet): string {
  const ops = diff(wanted, net.see());
  for (const op of ops) net.run(op);
  return printOps(ops);
}

/** A host with node-1 made on it. */
function machine(): { host: Net; node: Net; pod: Net } {
  const kernel = fakeKernel();
  const nets = {
    host: kernel.netns('host'),
    node: kernel.netns('podlan.node-1'),
    pod: kernel.netns(`podlan.node-1.${uid}`),
  };
  apply(nets.host, hostBase(settings, one, 1500));
  apply(nets.node, nodeBase(settings, one));
  return nets;
}

describe('names and numbers', () => {
  it('a MAC follows from the address, a veth`s name from the uid', () => {
    expect(macOf('10.244.1.2')).toBe('0a:58:0a:f4:01:02');
    expect(macOf('fd00::1:2')).toBe('0a:58:00:01:00:02');
    expect(vethName(uid)).toBe('veth1a2b3c4d');
  });

  it('the MTU is that of the way out, and never above 1500', () => {
    const host = (mtu: number): NetState => ({
      links: [
        { name: 'wg0', kind: 'other', up: true, mtu },
        { name: 'eth0', kind: 'other', up: true, mtu: 900 },
      ],
      addresses: [],
      routes: [{ to: '0.0.0.0/0', dev: 'wg0', protocol: 3 }],
      neighbours: [],
    });
    expect([1420, 9000].map((mtu) => uplinkMtu(host(mtu)))).toEqual([1420, 1500]);
    expect(uplinkMtu({ links: [], addresses: [], routes: [], neighbours: [] })).toBe(1500);
  });
});

describe('a node', () => {
  it('has its address, the way out, cluster DNS, and no way to pods that nobody has', () => {
    expect(printState(machine().node.see())).toEqual([
      'address 10.96.0.10/32 dev lo',
      'address 127.0.0.1/8 dev lo',
      'address 172.30.0.11/24 dev eth0',
      'link eth0 veth up mtu 1500 address 0a:58:ac:1e:00:0b',
      'link lo loopback up mtu 65536',
      'route 0.0.0.0/0 via 172.30.0.1 dev eth0 proto 112',
      'route 172.30.0.0/24 dev eth0 src 172.30.0.11 proto 2',
      'route unreachable 10.244.0.0/16 proto 112',
    ]);
  });

  it('gets a way per other node and a link per pod, and loses them with them', () => {
    const { node, pod: inside } = machine();
    const wanted = (peers: PeerNode[], pods: (typeof pod)[]) => nodeWanted(settings, one, { peers, pods, mtu: 1500 });
    const lines = apply(node, wanted([peer(1), peer(2)], [pod]));
    expect(lines.split('\n').map((line) => line.replace(/^(ip \S+ \S+ \S+).*/, '$1'))).toEqual([
      'ip link add veth1a2b3c4d',
      'ip neighbour replace 10.244.1.2',
      'ip route replace 10.244.1.2/32',
      'ip route replace 10.244.2.0/24',
      '',
    ]);
    apply(inside, podInside(pod));
    expect(printState(inside.see())).toContain('route 0.0.0.0/0 via 169.254.1.1 dev eth0 onlink proto 112');
    expect(apply(node, wanted([peer(1), peer(2)], [pod]))).toBe('');
    expect(apply(node, wanted([peer(1)], []))).toBe(
      'ip route del 10.244.2.0/24 via 172.30.0.12 dev eth0 proto 112\nip link del veth1a2b3c4d\n',
    );
  });

  it('an end without its other is found out; the bridge and other clusters stay', () => {
    const { host, node } = machine();
    expect(unpaired(settings, one, host.see(), node.see())).toEqual({ host: [], node: [] });
    // Another veth took the place of the node's end.
    const elsewhere = fakeKernel().netns('x');
    expect(unpaired(settings, one, host.see(), elsewhere.see())).toEqual({
      host: [{ op: 'link-del', name: 'pl0n1' }],
      node: [],
    });
    node.run({ op: 'link-set', name: 'eth0', mac: '0a:00:00:00:00:01' });
    expect(unpaired(settings, one, host.see(), node.see())).toEqual({
      host: [{ op: 'link-del', name: 'pl0n1' }],
      node: [],
    });
  });
});

describe('a pod found after a restart', () => {
  function found(change: (nets: ReturnType<typeof machine>) => void, savedIps: string[] = []) {
    const nets = machine();
    apply(nets.node, nodeWanted(settings, one, { peers: [], pods: [pod], mtu: 1500 }));
    apply(nets.pod, podInside(pod));
    change(nets);
    return adoptable(uid, nets.node.see(), nets.pod.see(), savedIps);
  }

  it('is adopted when its link and address are whole', () => {
    expect(found(() => {})).toEqual(pod);
    expect(found(({ pod: inside }) => inside.run({ op: 'route-del', to: '0.0.0.0/0', dev: 'eth0' }))).toEqual(pod);
  });

  it('keeps the address that it was given, whatever it added itself', () => {
    const more = ({ pod: inside }: { pod: Net }) => {
      inside.run({ op: 'address-add', link: 'eth0', address: '10.244.9.9/32' });
      inside.run({ op: 'address-del', link: 'eth0', address: '10.244.1.2/32' });
      inside.run({ op: 'address-add', link: 'eth0', address: '10.244.1.2/32' });
    };
    expect(found(more, ['10.244.1.2'])).toEqual(pod);
    expect(found(more)).toEqual(pod);
  });

  it('is not, without its link or without an address', () => {
    expect(found(({ node }) => node.run({ op: 'link-del', name: vethName(uid) }))).toBeUndefined();
    expect(
      found(({ pod: inside }) => inside.run({ op: 'address-del', link: 'eth0', address: '10.244.1.2/32' })),
    ).toBeUndefined();
  });
});

describe('what is the cluster`s on the host', () => {
  it('its links and routes, and nobody else`s', () => {
    const { host } = machine();
    host.run({ op: 'route-replace', to: '10.244.1.0/24', via: '172.30.0.11', dev: 'podlan0' });
    host.run({ op: 'route-replace', to: '10.244.0.0/16', unreachable: true });
    host.run({ op: 'route-replace', to: '10.245.0.0/16', unreachable: true });
    host.run({ op: 'bridge-add', name: 'podlan1' });
    host.run({ op: 'bridge-add', name: 'pl0n9' });
    expect(clusterLinks(settings, host.see()).map((l) => l.name)).toEqual(['pl0n1', 'podlan0']);
    expect(clusterRoutes(settings, host.see()).map((r) => r.to)).toEqual(['10.244.1.0/24', '10.244.0.0/16']);
  });
});

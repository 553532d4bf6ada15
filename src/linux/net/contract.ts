// What any Net does, the fake and the kernel alike: steps in two namespaces, the refusals in between, and what is seen then.
// The namespaces have IPv6 disabled on new links (the fake knows no link-local addresses).
import type { NetOp } from './net.ts';

export interface ContractStep {
  readonly netns: 'a' | 'b';
  readonly op: NetOp;
  /** The kernel's word for no; absent: it is done. */
  readonly refused?: string;
}

export interface ContractCase {
  readonly name: string;
  readonly steps: readonly ContractStep[];
  /** printState() of a namespace afterwards, without lo while that is down. */
  readonly seen: { readonly a?: readonly string[]; readonly b?: readonly string[] };
}

const mac = (last: number) => `0a:58:0a:01:00:${last.toString(16).padStart(2, '0')}`;
const veth: NetOp = {
  op: 'veth-add',
  name: 'v0',
  mac: mac(1),
  mtu: 1400,
  peer: { name: 'eth0', mac: mac(2), netns: 'b' },
};
const near = `link v0 veth up mtu 1400 address ${mac(1)}`;
const inA = (op: NetOp, refused?: string): ContractStep => ({ netns: 'a', op, refused });
const inB = (op: NetOp, refused?: string): ContractStep => ({ netns: 'b', op, refused });

export const netContract: readonly ContractCase[] = [
  {
    name: 'a veth pair across namespaces; the far end is born down',
    steps: [inA(veth)],
    seen: { a: [near], b: [`link eth0 veth down mtu 1400 address ${mac(2)}`] },
  },
  {
    name: 'a second link of the name, here or there, is refused and leaves nothing',
    steps: [
      inA(veth),
      inA(veth, 'EEXIST'),
      inA({ ...veth, name: 'v1' }, 'EEXIST'),
      inA({ op: 'bridge-add', name: 'v0' }, 'EEXIST'),
    ],
    seen: { a: [near] },
  },
  {
    name: 'deleting one end deletes the other, with all it carries',
    steps: [
      inA(veth),
      inA({ op: 'address-add', link: 'v0', address: '10.1.0.1/24' }),
      inA({ op: 'neighbour-replace', link: 'v0', ip: '10.1.0.9', mac: mac(9) }),
      inA({ op: 'route-replace', to: '10.9.0.0/16', via: '10.1.0.9', dev: 'v0' }),
      inB({ op: 'link-del', name: 'eth0' }),
      inB({ op: 'link-del', name: 'eth0' }, 'ENODEV'),
    ],
    seen: { a: [], b: [] },
  },
  {
    name: 'a link that is not there has no settings, addresses, routes or neighbours',
    steps: [
      inA({ op: 'link-set', name: 'nope', up: true }, 'ENODEV'),
      inA({ op: 'address-add', link: 'nope', address: '10.1.0.1/24' }, 'ENODEV'),
      inA({ op: 'route-replace', to: '10.1.0.0/24', dev: 'nope' }, 'ENODEV'),
      inA({ op: 'neighbour-replace', link: 'nope', ip: '10.1.0.1', mac: mac(1) }, 'ENODEV'),
    ],
    seen: { a: [] },
  },
  {
    name: 'a bridge, its port, its address and the route that comes with it',
    steps: [
      inA({ op: 'bridge-add', name: 'br0', mac: mac(7), mtu: 1400 }),
      inA(veth),
      inA({ op: 'link-set', name: 'v0', master: 'nope' }, 'ENODEV'),
      inA({ op: 'link-set', name: 'v0', master: 'br0' }),
      inA({ op: 'address-add', link: 'br0', address: '10.1.0.1/24' }),
      inA({ op: 'address-add', link: 'br0', address: '10.1.0.1/24' }, 'EEXIST'),
    ],
    seen: {
      a: [
        'address 10.1.0.1/24 dev br0',
        `link br0 bridge up mtu 1400 address ${mac(7)}`,
        `${near} master br0`,
        'route 10.1.0.0/24 dev br0 src 10.1.0.1 proto 2',
      ],
    },
  },
  {
    name: 'a gateway must be a neighbour, unless the route says that it is',
    steps: [
      inA(veth),
      // Without any address in the namespace, even onlink is refused (EINVAL): there is no table of local addresses yet.
      inA({ op: 'address-add', link: 'v0', address: '10.1.0.1/32' }),
      inA({ op: 'route-replace', to: '0.0.0.0/0', via: '169.254.1.1', dev: 'v0' }, 'ENETUNREACH'),
      inA({ op: 'route-replace', to: '0.0.0.0/0', via: '169.254.1.1', dev: 'v0', onlink: true }),
      inA({ op: 'route-replace', to: '10.2.0.2/32', dev: 'v0' }),
      inA({ op: 'route-replace', to: '10.3.0.0/24', via: '10.2.0.2', dev: 'v0' }),
      inA({ op: 'route-replace', to: '10.3.0.0/24', via: '10.2.0.3', dev: 'v0' }, 'ENETUNREACH'),
    ],
    seen: {
      a: [
        'address 10.1.0.1/32 dev v0',
        near,
        'route 0.0.0.0/0 via 169.254.1.1 dev v0 onlink proto 112',
        'route 10.2.0.2/32 dev v0 proto 112',
        'route 10.3.0.0/24 via 10.2.0.2 dev v0 proto 112',
      ],
    },
  },
  {
    name: 'replace leaves one route to a place; a route that leads nowhere needs no link',
    steps: [
      inA(veth),
      inA({ op: 'route-replace', to: '10.2.0.0/16', dev: 'v0' }),
      inA({ op: 'route-replace', to: '10.2.0.0/16', unreachable: true }),
      inA({ op: 'route-replace', to: '10.4.0.0/16', unreachable: true }),
      inA({ op: 'route-del', to: '10.4.0.0/16', unreachable: true }),
      inA({ op: 'route-del', to: '10.4.0.0/16', unreachable: true }, 'ESRCH'),
    ],
    seen: { a: [near, 'route unreachable 10.2.0.0/16 proto 112'] },
  },
  {
    name: 'over a link that is down there is no route, and its routes go when it goes down',
    steps: [
      inA(veth),
      inB({ op: 'route-replace', to: '10.2.0.0/16', dev: 'eth0' }, 'ENETDOWN'),
      inB({ op: 'link-set', name: 'eth0', up: true }),
      inB({ op: 'address-add', link: 'eth0', address: '10.1.0.2/32' }),
      inB({ op: 'route-replace', to: '10.2.0.0/16', dev: 'eth0' }),
      inB({ op: 'link-set', name: 'eth0', up: false }),
    ],
    seen: { b: ['address 10.1.0.2/32 dev eth0', `link eth0 veth down mtu 1400 address ${mac(2)}`] },
  },
  {
    name: 'permanent neighbours are replaced and deleted',
    steps: [
      inA(veth),
      inA({ op: 'neighbour-replace', link: 'v0', ip: '10.1.0.9', mac: mac(9) }),
      inA({ op: 'neighbour-replace', link: 'v0', ip: '10.1.0.9', mac: mac(8) }),
      inA({ op: 'neighbour-replace', link: 'v0', ip: '10.1.0.7', mac: mac(7) }),
      inA({ op: 'neighbour-del', link: 'v0', ip: '10.1.0.7', mac: mac(7) }),
      inA({ op: 'neighbour-del', link: 'v0', ip: '10.1.0.6', mac: mac(7) }, 'ENOENT'),
    ],
    seen: { a: [near, `neighbour 10.1.0.9 lladdr ${mac(8)} dev v0`] },
  },
  {
    name: 'with its last address a link loses its routes and neighbours',
    steps: [
      inA(veth),
      inA({ op: 'address-add', link: 'v0', address: '10.1.0.1/32' }),
      inA({ op: 'address-add', link: 'v0', address: '10.1.0.2/32' }),
      inA({ op: 'neighbour-replace', link: 'v0', ip: '10.1.0.9', mac: mac(9) }),
      inA({ op: 'route-replace', to: '10.1.0.9/32', dev: 'v0' }),
      inA({ op: 'address-del', link: 'v0', address: '10.1.0.1/32' }),
      inA({ op: 'address-del', link: 'v0', address: '10.1.0.1/32' }, 'EADDRNOTAVAIL'),
      inA({ op: 'route-replace', to: '10.1.0.9/32', dev: 'v0' }),
      inA({ op: 'neighbour-del', link: 'v0', ip: '10.1.0.9', mac: mac(9) }),
      inA({ op: 'neighbour-replace', link: 'v0', ip: '10.1.0.9', mac: mac(9) }),
      inA({ op: 'address-del', link: 'v0', address: '10.1.0.2/32' }),
    ],
    seen: { a: [near] },
  },
  {
    name: 'lo comes up with its address',
    steps: [
      inA({ op: 'link-set', name: 'lo', up: true }),
      inA({ op: 'address-add', link: 'lo', address: '10.96.0.10/32' }),
    ],
    seen: { a: ['address 10.96.0.10/32 dev lo', 'address 127.0.0.1/8 dev lo', 'link lo loopback up mtu 65536'] },
  },
];

/** What a case compares: without lo while it is down, and without IPv6's own. */
export const comparable = (lines: readonly string[]): string[] =>
  lines.filter((line) => !line.startsWith('link lo loopback down') && !line.startsWith('address ::1/128'));

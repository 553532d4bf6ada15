// A working machine's network in memory: namespaces with links, addresses and routes that refuse what the kernel refuses.
import { containsIp, formatCidr, parseCidr } from '../../lib/ip.ts';
import {
  type Link,
  type Net,
  NetError,
  type NetOp,
  type NetState,
  printOp,
  ROUTE_PROTOCOL,
  type Route,
} from './net.ts';

export interface FakeKernel {
  /** Makes the namespace if it is not there. */
  netns(name: string): Net;
}

const ERRNO: Readonly<Record<string, number>> = {
  ENOENT: 2,
  ESRCH: 3,
  EEXIST: 17,
  ENODEV: 19,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
};
const PROTO_KERNEL = 2;
const LOOPBACK_MTU = 65_536;
const DEFAULT_MTU = 1_500;

interface FakeLink extends Link {
  readonly index: number;
  /** The other end of a veth: its namespace and index. */
  readonly peer?: { readonly netns: string; readonly index: number };
}
interface Space {
  links: FakeLink[];
  addresses: NetState['addresses'][number][];
  routes: Route[];
  neighbours: NetState['neighbours'][number][];
}

interface Machine {
  readonly spaces: Map<string, Space>;
  lastIndex: number;
}

export function fakeKernel(): FakeKernel {
  const machine: Machine = { spaces: new Map(), lastIndex: 1 };
  return {
    netns(name) {
      const space = machine.spaces.get(name) ?? createSpace(machine, name);
      return {
        see: () => ({
          links: space.links.map(shown),
          addresses: [...space.addresses],
          routes: [...space.routes],
          neighbours: [...space.neighbours],
        }),
        run: (op) => run(machine, name, space, op),
        close() {},
      };
    },
  };
}

function createSpace(machine: Machine, name: string): Space {
  const lo: FakeLink = { name: 'lo', kind: 'loopback', up: false, mtu: LOOPBACK_MTU, index: 1 };
  const space: Space = { links: [lo], addresses: [], routes: [], neighbours: [] };
  machine.spaces.set(name, space);
  return space;
}

function refuse(o: NetOp, code: string): never {
  throw new NetError(code, ERRNO[code] ?? 0, printOp(o));
}

const find = (space: Space, o: NetOp, name: string): FakeLink =>
  space.links.find((l) => l.name === name) ?? refuse(o, 'ENODEV');

function run(machine: Machine, netns: string, space: Space, o: NetOp): void {
  switch (o.op) {
    case 'bridge-add': {
      if (space.links.some((l) => l.name === o.name)) refuse(o, 'EEXIST');
      const { op: _, ...link } = o;
      space.links.push({ mtu: DEFAULT_MTU, ...link, kind: 'bridge', up: true, index: ++machine.lastIndex });
      return;
    }
    case 'veth-add':
      return addVeth(machine, netns, space, o);
    case 'link-set':
      return setLink(space, o);
    case 'link-del': {
      const { peer } = find(space, o, o.name);
      drop(space, o.name);
      const far = peer && machine.spaces.get(peer.netns);
      const end = far?.links.find((l) => l.index === peer?.index);
      if (far && end) drop(far, end.name);
      return;
    }
    case 'address-add':
    case 'address-del':
      return changeAddress(space, o);
    case 'route-replace':
    case 'route-del':
      return changeRoute(space, o);
    default: {
      find(space, o, o.link);
      const is = (n: { link: string; ip: string }) => n.link === o.link && n.ip === o.ip;
      if (o.op === 'neighbour-del' && !space.neighbours.some(is)) refuse(o, 'ENOENT');
      space.neighbours = space.neighbours.filter((n) => !is(n));
      if (o.op === 'neighbour-replace') space.neighbours.push({ link: o.link, ip: o.ip, mac: o.mac });
    }
  }
}

function addVeth(machine: Machine, netns: string, space: Space, o: NetOp & { op: 'veth-add' }): void {
  const farNetns = o.peer.netns ?? netns;
  const far = machine.spaces.get(farNetns) ?? refuse(o, 'ENOENT');
  if (space.links.some((l) => l.name === o.name) || far.links.some((l) => l.name === o.peer.name)) refuse(o, 'EEXIST');
  const near = ++machine.lastIndex;
  const end = ++machine.lastIndex;
  const { name, mac, mtu } = o;
  const peer = { netns: farNetns, index: end };
  space.links.push({ kind: 'veth', name, mac, mtu, up: true, index: near, peerIndex: end, peer });
  const back = { index: end, peerIndex: near, peer: { netns, index: near } };
  far.links.push({ kind: 'veth', name: o.peer.name, mac: o.peer.mac, mtu, up: false, ...back });
}

function setLink(space: Space, o: NetOp & { op: 'link-set' }): void {
  const { op: _, ...change } = o;
  if (o.master !== undefined) find(space, o, o.master);
  const was = find(space, o, o.name);
  space.links = space.links.map((l) => (l.index === was.index ? { ...was, ...change } : l));
  if (o.up && !was.up) connect(space, was);
  if (o.up === false) space.routes = space.routes.filter((r) => r.dev !== o.name);
}

function drop(space: Space, name: string): void {
  space.links = space.links.filter((l) => l.name !== name).map((l) => (l.master === name ? without(l) : l));
  space.addresses = space.addresses.filter((a) => a.link !== name);
  space.routes = space.routes.filter((r) => r.dev !== name);
  space.neighbours = space.neighbours.filter((n) => n.link !== name);
}

function changeAddress(space: Space, o: NetOp & { op: 'address-add' | 'address-del' }): void {
  const link = find(space, o, o.link);
  const there = space.addresses.some((a) => a.link === o.link && a.address === o.address);
  if (o.op === 'address-add') {
    if (there) refuse(o, 'EEXIST');
    space.addresses.push({ link: o.link, address: o.address });
    if (link.up) space.routes.push(...connected(o.link, o.address));
    return;
  }
  if (!there) refuse(o, 'EADDRNOTAVAIL');
  space.addresses = space.addresses.filter((a) => a.link !== o.link || a.address !== o.address);
  const src = o.address.replace(/\/.*/, '');
  // A link without any address takes no part in IPv4: its routes and neighbours are flushed.
  const last = !space.addresses.some((a) => a.link === o.link);
  space.routes = space.routes.filter((r) => r.dev !== o.link || (!last && r.src !== src));
  if (last) space.neighbours = space.neighbours.filter((n) => n.link !== o.link);
}

function changeRoute(space: Space, o: NetOp & { op: 'route-replace' | 'route-del' }): void {
  const link = o.dev === undefined ? undefined : find(space, o, o.dev);
  if (o.op === 'route-del') {
    const is = (r: Route) => r.to === o.to && r.table === o.table && (o.dev === undefined || r.dev === o.dev);
    if (!space.routes.some(is)) refuse(o, 'ESRCH');
    space.routes = space.routes.filter((r) => !is(r));
    return;
  }
  if (link && !link.up) refuse(o, 'ENETDOWN');
  const { op: _, ...route } = o;
  const { via } = o;
  const near = (r: Route) => r.dev === o.dev && r.via === undefined && !r.unreachable && containsIp(r.to, via ?? '');
  if (via !== undefined && !o.onlink && !space.routes.some(near)) refuse(o, 'ENETUNREACH');
  space.routes = space.routes.filter((r) => r.to !== o.to || r.table !== o.table);
  space.routes.push({ protocol: ROUTE_PROTOCOL, ...route });
}

function without(link: FakeLink): FakeLink {
  const { master: _, ...rest } = link;
  return rest;
}

function shown(link: FakeLink): Link {
  const { peer: _, ...rest } = link;
  return rest;
}

/** The route that comes with an address on a link that is up; one address alone (/32, /128) is a neighbour of nobody. */
function connected(dev: string, address: string): Route[] {
  const cidr = parseCidr(address);
  if (cidr.prefix === cidr.base.length * 8) return [];
  return [{ to: formatCidr(cidr), dev, src: address.replace(/\/.*/, ''), protocol: PROTO_KERNEL }];
}

/** A link comes up: lo with its own addresses, any other with the routes of those that it has. */
function connect(space: Space, link: FakeLink): void {
  if (link.kind === 'loopback') {
    space.addresses.push({ link: link.name, address: '127.0.0.1/8' });
    return;
  }
  for (const a of space.addresses) if (a.link === link.name) space.routes.push(...connected(a.link, a.address));
}

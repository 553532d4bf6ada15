// A working machine's network in memory: namespaces with links, addresses and routes that refuse what the kernel refuses.
import { containsIp, formatCidr, parseCidr } from './ip.ts';
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

export function fakeKernel(): FakeKernel {
  const spaces = new Map<string, Space>();
  let lastIndex = 1;

  const create = (name: string): Space => {
    const lo: FakeLink = { name: 'lo', kind: 'loopback', up: false, mtu: LOOPBACK_MTU, index: 1 };
    const space: Space = { links: [lo], addresses: [], routes: [], neighbours: [] };
    spaces.set(name, space);
    return space;
  };

  const drop = (space: Space, name: string): void => {
    space.links = space.links.filter((l) => l.name !== name).map((l) => (l.master === name ? without(l) : l));
    space.addresses = space.addresses.filter((a) => a.link !== name);
    space.routes = space.routes.filter((r) => r.dev !== name);
    space.neighbours = space.neighbours.filter((n) => n.link !== name);
  };

  const run = (netns: string, space: Space, o: NetOp): void => {
    const refuse = (code: string): never => {
      throw new NetError(code, ERRNO[code] ?? 0, printOp(o));
    };
    const find = (name: string): FakeLink => space.links.find((l) => l.name === name) ?? refuse('ENODEV');
    const put = (link: FakeLink): void => {
      space.links = space.links.map((l) => (l.index === link.index ? link : l));
    };
    switch (o.op) {
      case 'bridge-add': {
        if (space.links.some((l) => l.name === o.name)) refuse('EEXIST');
        const { op: _, ...link } = o;
        space.links.push({ mtu: DEFAULT_MTU, ...link, kind: 'bridge', up: true, index: ++lastIndex });
        return;
      }
      case 'veth-add': {
        const farNetns = o.peer.netns ?? netns;
        const far = spaces.get(farNetns) ?? refuse('ENOENT');
        if (space.links.some((l) => l.name === o.name) || far.links.some((l) => l.name === o.peer.name))
          refuse('EEXIST');
        const [near, peer] = [++lastIndex, ++lastIndex];
        const { name, mac, mtu } = o;
        const common = { kind: 'veth', mtu } as const;
        space.links.push({
          ...common,
          name,
          mac,
          up: true,
          index: near,
          peerIndex: peer,
          peer: { netns: farNetns, index: peer },
        });
        const end = { ...common, name: o.peer.name, mac: o.peer.mac, up: false };
        far.links.push({ ...end, index: peer, peerIndex: near, peer: { netns, index: near } });
        return;
      }
      case 'link-set': {
        const { op: _, ...change } = o;
        if (o.master !== undefined) find(o.master);
        const was = find(o.name);
        put({ ...was, ...change });
        if (o.up && !was.up) connect(space, was);
        if (o.up === false) space.routes = space.routes.filter((r) => r.dev !== o.name);
        return;
      }
      case 'link-del': {
        const { peer } = find(o.name);
        drop(space, o.name);
        const far = peer && spaces.get(peer.netns);
        const end = far?.links.find((l) => l.index === peer?.index);
        if (far && end) drop(far, end.name);
        return;
      }
      case 'address-add': {
        const link = find(o.link);
        if (space.addresses.some((a) => a.link === o.link && a.address === o.address)) refuse('EEXIST');
        space.addresses.push({ link: o.link, address: o.address });
        if (link.up) space.routes.push(...connected(o.link, o.address));
        return;
      }
      case 'address-del': {
        find(o.link);
        if (!space.addresses.some((a) => a.link === o.link && a.address === o.address)) refuse('EADDRNOTAVAIL');
        space.addresses = space.addresses.filter((a) => a.link !== o.link || a.address !== o.address);
        const src = o.address.replace(/\/.*/, '');
        const last = !space.addresses.some((a) => a.link === o.link);
        space.routes = space.routes.filter((r) => r.dev !== o.link || (!last && r.src !== src));
        if (last) space.neighbours = space.neighbours.filter((n) => n.link !== o.link);
        return;
      }
      case 'route-replace': {
        const link = o.dev === undefined ? undefined : find(o.dev);
        if (link && !link.up) refuse('ENETDOWN');
        const via = o.via;
        const near = (r: Route) =>
          r.dev === o.dev && r.via === undefined && !r.unreachable && containsIp(r.to, via ?? '');
        if (via !== undefined && !o.onlink && !space.routes.some(near)) refuse('ENETUNREACH');
        const { op: _, ...route } = o;
        space.routes = space.routes.filter((r) => r.to !== o.to || r.table !== o.table);
        space.routes.push({ protocol: ROUTE_PROTOCOL, ...route });
        return;
      }
      case 'route-del': {
        if (o.dev !== undefined) find(o.dev);
        const is = (r: Route) => r.to === o.to && r.table === o.table && (o.dev === undefined || r.dev === o.dev);
        if (!space.routes.some(is)) refuse('ESRCH');
        space.routes = space.routes.filter((r) => !is(r));
        return;
      }
      default: {
        find(o.link);
        const is = (n: { link: string; ip: string }) => n.link === o.link && n.ip === o.ip;
        if (o.op === 'neighbour-del' && !space.neighbours.some(is)) refuse('ENOENT');
        space.neighbours = space.neighbours.filter((n) => !is(n));
        if (o.op === 'neighbour-replace') space.neighbours.push({ link: o.link, ip: o.ip, mac: o.mac });
      }
    }
  };

  return {
    netns(name) {
      const space = spaces.get(name) ?? create(name);
      return {
        see: () => ({
          links: space.links.map(shown),
          addresses: [...space.addresses],
          routes: [...space.routes],
          neighbours: [...space.neighbours],
        }),
        run: (op) => run(name, space, op),
        close() {},
      };
    },
  };
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

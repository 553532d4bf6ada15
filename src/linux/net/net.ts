// The network of one namespace as data: what is wanted, what is seen, and the operations from one to the other.
// Words are iproute2's; every operation prints as the `ip` line that would do the same.

/** Routes that podlan made carry this protocol number, so that nobody else's are ever taken for ours. */
export const ROUTE_PROTOCOL = 112;

export interface Link {
  readonly name: string;
  readonly kind: 'veth' | 'bridge' | 'loopback' | 'other';
  readonly up: boolean;
  /** Lower case, colons. */
  readonly mac?: string;
  readonly mtu?: number;
  /** Bridge that it is a port of. */
  readonly master?: string;
  readonly index?: number;
  /** veth: the other end's index, in whichever namespace that is. */
  readonly peerIndex?: number;
}

export interface Address {
  readonly link: string;
  /** With prefix length: 10.244.1.2/32. */
  readonly address: string;
}

export interface Route {
  /** Range; 0.0.0.0/0 is the default route. */
  readonly to: string;
  readonly via?: string;
  /** Absent only in a route that leads nowhere. */
  readonly dev?: string;
  /** Answered with ICMP host unreachable, so that a connection to nobody fails at once. */
  readonly unreachable?: boolean;
  /** The gateway counts as a neighbour on dev although no address of ours covers it. */
  readonly onlink?: boolean;
  /** Source address of what this host sends by it. */
  readonly src?: string;
  /** Who made it (rtnetlink's protocol number). Absent in what is wanted: ours. */
  readonly protocol?: number;
  /** Absent: main. */
  readonly table?: number;
}

/** A permanent entry: never asked for, never forgotten. */
export interface Neighbour {
  readonly link: string;
  readonly ip: string;
  readonly mac: string;
}

export interface NetState {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
}

/** A veth pair as it is wanted; `netns` is where the peer is born (absent: beside it). */
export interface VethPair {
  readonly name: string;
  readonly mac?: string;
  readonly peer: { readonly name: string; readonly mac?: string; readonly netns?: string };
  readonly mtu: number;
}

export type NetOp =
  | { readonly op: 'bridge-add'; readonly name: string; readonly mac?: string; readonly mtu?: number }
  /** The near end is born up, the peer down (the kernel refuses it otherwise). */
  | ({ readonly op: 'veth-add' } & VethPair)
  | {
      readonly op: 'link-set';
      readonly name: string;
      readonly up?: boolean;
      readonly mtu?: number;
      readonly mac?: string;
      readonly master?: string;
    }
  | { readonly op: 'link-del'; readonly name: string }
  | ({ readonly op: 'address-add' | 'address-del' } & Address)
  | ({ readonly op: 'route-replace' | 'route-del' } & Route)
  | ({ readonly op: 'neighbour-replace' | 'neighbour-del' } & Neighbour);

/** A namespace's network, real or fake. Calls are synchronous: netlink answers before send() returns. */
export interface Net {
  see(): NetState;
  /** Throws NetError, with nothing done. */
  run(op: NetOp): void;
  close(): void;
}

/** The kernel's refusal of one operation. */
export class NetError extends Error {
  /** e.g. EEXIST, ENODEV, ENETUNREACH. */
  readonly code: string;
  readonly errno: number;
  constructor(code: string, errno: number, what: string, detail?: string) {
    super(`${what}: ${code}${detail ? ` (${detail})` : ''}`);
    this.name = 'NetError';
    this.code = code;
    this.errno = errno;
  }
}
export const isNetError = (e: unknown, ...codes: string[]): e is NetError =>
  e instanceof NetError && (codes.length === 0 || codes.includes(e.code));

const words = (...parts: (string | number | false | undefined)[]): string =>
  parts.filter((p) => p !== undefined && p !== false).join(' ');
const opt = (name: string, value: string | number | undefined) =>
  value === undefined ? undefined : `${name} ${value}`;

const pair = (o: VethPair): string =>
  words(o.name, opt('address', o.mac), 'mtu', o.mtu, 'up type veth peer name', o.peer.name) +
  words('', opt('address', o.peer.mac), 'mtu', o.mtu, opt('netns', o.peer.netns));

const route = (o: Route): string =>
  words(o.unreachable && 'unreachable', o.to, opt('via', o.via), opt('dev', o.dev), o.onlink && 'onlink') +
  words('', opt('src', o.src), 'proto', o.protocol ?? ROUTE_PROTOCOL, opt('table', o.table));

/** The operation as an `ip` command line. */
export function printOp(o: NetOp): string {
  switch (o.op) {
    case 'bridge-add':
      return words('ip link add', o.name, opt('address', o.mac), opt('mtu', o.mtu), 'up type bridge');
    case 'veth-add':
      return `ip link add ${pair(o)}`;
    case 'link-set': {
      const up = o.up === undefined ? undefined : o.up ? 'up' : 'down';
      return words('ip link set', o.name, opt('address', o.mac), opt('mtu', o.mtu), opt('master', o.master), up);
    }
    case 'link-del':
      return `ip link del ${o.name}`;
    case 'address-add':
    case 'address-del':
      return `ip address ${o.op === 'address-add' ? 'add' : 'del'} ${o.address} dev ${o.link}`;
    case 'route-replace':
    case 'route-del':
      return `ip route ${o.op === 'route-del' ? 'del' : 'replace'} ${route(o)}`;
    case 'neighbour-replace':
      return `ip neighbour replace ${o.ip} lladdr ${o.mac} dev ${o.link} nud permanent`;
    default:
      return `ip neighbour del ${o.ip} dev ${o.link}`;
  }
}

export const printOps = (ops: readonly NetOp[]): string => ops.map((op) => `${printOp(op)}\n`).join('');

/** What is seen, a line each, for comparisons and people. Without what the kernel makes up (indexes, IPv6 link-local). */
export function printState(state: NetState): string[] {
  const own = (text: string) => !text.startsWith('fe80:');
  return [
    ...state.links.map((l) => {
      const mac = l.kind === 'loopback' ? undefined : l.mac;
      const up = l.up ? 'up' : 'down';
      return words('link', l.name, l.kind, up, opt('mtu', l.mtu), opt('address', mac), opt('master', l.master));
    }),
    ...state.addresses.filter((a) => own(a.address)).map((a) => `address ${a.address} dev ${a.link}`),
    ...state.routes.filter((r) => own(r.to)).map((r) => `route ${route(r)}`),
    ...state.neighbours.map((n) => `neighbour ${n.ip} lladdr ${n.mac} dev ${n.link}`),
  ].sort();
}

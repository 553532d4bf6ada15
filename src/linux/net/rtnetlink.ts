// rtnetlink messages as bytes: operations out, dumps in. Little-endian machines only (x64, arm64: all that Node is built for).
//
//   nlmsghdr  | len u32 | type u16 | flags u16 | seq u32 | port u32 |
//   then one fixed struct by type (ifinfomsg, ifaddrmsg, rtmsg, ndmsg), then attributes, each padded to 4:
//   rtattr    | len u16 | type u16 | value ... |      len counts its own 4 bytes, not the padding
import { joinBytes } from '../../lib/bytes.ts';
import { formatIp, parseIp } from '../../lib/ip.ts';
import { type Link, type NetOp, ROUTE_PROTOCOL, type VethPair } from './net.ts';

export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
} as const;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const F_REQUEST = 1;
const F_ACK = 4;
const F_DUMP = 0x300;
const F_REPLACE = 0x100;
const F_EXCL = 0x200;
const F_CREATE = 0x400;
/** In an answer: attributes with the kernel's own words follow; the refused request is cut to its header. */
const F_CAPPED = 0x100;
const F_ACK_TLVS = 0x200;

const AF_INET = 2;
const AF_INET6 = 10;
const IFF_UP = 1;
const IFLA = { ADDRESS: 1, IFNAME: 3, MTU: 4, LINK: 5, MASTER: 10, LINKINFO: 18, NET_NS_FD: 28, EXT_MASK: 29 } as const;
const INFO = { KIND: 1, DATA: 2 } as const;
const VETH_INFO_PEER = 1;
const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const;
/** IPv6: usable at once; without it a pod's first second goes to duplicate address detection. */
const IFA_F_NODAD = 2;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PREFSRC: 7, TABLE: 15 } as const;
const RTNH_F_ONLINK = 4;
const RTM_F_CLONED = 0x200;
const RTN_UNICAST = 1;
const RTN_UNREACHABLE = 7;
const SCOPE_UNIVERSE = 0;
const SCOPE_LINK = 253;
const SCOPE_NOWHERE = 255;
const TABLE_MAIN = 254;
const TABLE_LOCAL = 255;
const NDA = { DST: 1, LLADDR: 2 } as const;
const NUD_PERMANENT = 0x80;
const SKIP_STATS = 8;

const text = new TextEncoder();
const untext = new TextDecoder();

function struct(
  size: number,
  ...fields: readonly (readonly [at: number, bits: 8 | 16 | 32, value: number])[]
): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [at, bits, value] of fields) {
    if (bits === 8) view.setUint8(at, value);
    else if (bits === 16) view.setUint16(at, value, true);
    else view.setUint32(at, value >>> 0, true);
  }
  return bytes;
}

const u32 = (value: number) => struct(4, [0, 32, value]);

function attr(type: number, ...value: readonly Uint8Array[]): Uint8Array {
  const body = joinBytes(value);
  const padded = new Uint8Array((4 + body.length + 3) & ~3);
  padded.set(struct(4, [0, 16, 4 + body.length], [2, 16, type]));
  padded.set(body, 4);
  return padded;
}

const name = (link: string) => attr(IFLA.IFNAME, text.encode(`${link}\0`));
const macBytes = (mac: string) => Uint8Array.from(mac.split(':'), (hex) => Number.parseInt(hex, 16));
const mac = (value: string | undefined) => (value === undefined ? [] : [attr(IFLA.ADDRESS, macBytes(value))]);
const mtu = (value: number | undefined) => (value === undefined ? [] : [attr(IFLA.MTU, u32(value))]);

const ifinfo = (up?: boolean) => struct(16, [8, 32, up ? IFF_UP : 0], [12, 32, up === undefined ? 0 : IFF_UP]);
const family = (ip: Uint8Array) => (ip.length === 4 ? AF_INET : AF_INET6);

function message(type: number, flags: number, seq: number, ...body: readonly Uint8Array[]): Uint8Array {
  const payload = joinBytes(body);
  const header = struct(16, [0, 32, 16 + payload.length], [4, 16, type], [6, 16, F_REQUEST | flags], [8, 32, seq]);
  return joinBytes([header, payload]);
}

/** What a message must know of the namespace that it is sent into. */
export interface References {
  /** Interface index of a link's name; throws NetError ENODEV. */
  index(link: string): number;
  /** A descriptor of the named network namespace, open while the message is sent. */
  netns(name: string): number;
}

function veth(pair: VethPair, refs: References): Uint8Array[] {
  const { peer } = pair;
  const far = attr(
    VETH_INFO_PEER,
    // Not up: the kernel configures the peer before the two know each other, and up is ENOTCONN then.
    ifinfo(),
    name(peer.name),
    ...mac(peer.mac),
    ...mtu(pair.mtu),
    ...(peer.netns === undefined ? [] : [attr(IFLA.NET_NS_FD, u32(refs.netns(peer.netns)))]),
  );
  const info = attr(IFLA.LINKINFO, attr(INFO.KIND, text.encode('veth')), attr(INFO.DATA, far));
  return [ifinfo(true), name(pair.name), ...mac(pair.mac), ...mtu(pair.mtu), info];
}

function address(op: NetOp & { op: 'address-add' | 'address-del' }, refs: References): Uint8Array[] {
  const [ip = '', prefix] = op.address.split('/');
  const bytes = parseIp(ip);
  const fixed = struct(
    8,
    [0, 8, family(bytes)],
    [1, 8, Number(prefix ?? bytes.length * 8)],
    [2, 8, IFA_F_NODAD],
    [4, 32, refs.index(op.link)],
  );
  return [fixed, attr(IFA.LOCAL, bytes), attr(IFA.ADDRESS, bytes), attr(IFA.FLAGS, u32(IFA_F_NODAD))];
}

function route(op: NetOp & { op: 'route-replace' | 'route-del' }, refs: References): Uint8Array[] {
  const [ip = '', length] = op.to.split('/');
  const to = parseIp(ip);
  const prefix = Number(length ?? to.length * 8);
  const removing = op.op === 'route-del';
  const scope = removing
    ? SCOPE_NOWHERE
    : op.via === undefined && !op.unreachable && to.length === 4
      ? SCOPE_LINK
      : SCOPE_UNIVERSE;
  const table = op.table ?? TABLE_MAIN;
  const fixed = struct(
    12,
    [0, 8, family(to)],
    [1, 8, prefix],
    [4, 8, table < 256 ? table : 0],
    [5, 8, op.protocol ?? ROUTE_PROTOCOL],
    [6, 8, scope],
    [7, 8, op.unreachable ? RTN_UNREACHABLE : removing ? 0 : RTN_UNICAST],
    [8, 32, op.onlink ? RTNH_F_ONLINK : 0],
  );
  return [
    fixed,
    ...(prefix === 0 ? [] : [attr(RTA.DST, to)]),
    attr(RTA.TABLE, u32(table)),
    ...(op.dev === undefined ? [] : [attr(RTA.OIF, u32(refs.index(op.dev)))]),
    ...(op.via === undefined ? [] : [attr(RTA.GATEWAY, parseIp(op.via))]),
    ...(op.src === undefined ? [] : [attr(RTA.PREFSRC, parseIp(op.src))]),
  ];
}

function neighbour(op: NetOp & { op: 'neighbour-replace' | 'neighbour-del' }, refs: References): Uint8Array[] {
  const ip = parseIp(op.ip);
  const fixed = struct(12, [0, 8, family(ip)], [4, 32, refs.index(op.link)], [8, 16, NUD_PERMANENT]);
  return [fixed, attr(NDA.DST, ip), attr(NDA.LLADDR, macBytes(op.mac))];
}

/** One operation as one message that asks for an acknowledgement. */
export function encodeOp(op: NetOp, seq: number, refs: References): Uint8Array {
  const create = F_ACK | F_CREATE | F_EXCL;
  const replace = F_ACK | F_CREATE | F_REPLACE;
  switch (op.op) {
    case 'bridge-add': {
      const kind = attr(IFLA.LINKINFO, attr(INFO.KIND, text.encode('bridge')));
      return message(RTM.NEWLINK, create, seq, ifinfo(true), name(op.name), ...mac(op.mac), ...mtu(op.mtu), kind);
    }
    case 'veth-add':
      return message(RTM.NEWLINK, create, seq, ...veth(op, refs));
    case 'link-set': {
      const master = op.master === undefined ? [] : [attr(IFLA.MASTER, u32(refs.index(op.master)))];
      // By name, index 0, and without CREATE: a link that is gone is ENODEV.
      return message(RTM.NEWLINK, F_ACK, seq, ifinfo(op.up), name(op.name), ...mac(op.mac), ...mtu(op.mtu), ...master);
    }
    case 'link-del':
      return message(RTM.DELLINK, F_ACK, seq, ifinfo(), name(op.name));
    case 'address-add':
      return message(RTM.NEWADDR, create, seq, ...address(op, refs));
    case 'address-del':
      return message(RTM.DELADDR, F_ACK, seq, ...address(op, refs));
    case 'route-replace':
      return message(RTM.NEWROUTE, replace, seq, ...route(op, refs));
    case 'route-del':
      return message(RTM.DELROUTE, F_ACK, seq, ...route(op, refs));
    case 'neighbour-replace':
      return message(RTM.NEWNEIGH, replace, seq, ...neighbour(op, refs));
    default:
      return message(RTM.DELNEIGH, F_ACK, seq, ...neighbour(op, refs));
  }
}

/** Asks for one link by its name. */
export const encodeGetLink = (link: string, seq: number): Uint8Array =>
  message(RTM.GETLINK, 0, seq, struct(16), name(link), attr(IFLA.EXT_MASK, u32(SKIP_STATS)));

/** Asks for all links, addresses, routes or neighbours. */
export function encodeDump(what: 'links' | 'addresses' | 'routes' | 'neighbours', seq: number): Uint8Array {
  if (what === 'links') return message(RTM.GETLINK, F_DUMP, seq, struct(16), attr(IFLA.EXT_MASK, u32(SKIP_STATS)));
  if (what === 'addresses') return message(RTM.GETADDR, F_DUMP, seq, struct(8));
  return what === 'routes'
    ? message(RTM.GETROUTE, F_DUMP, seq, struct(12))
    : message(RTM.GETNEIGH, F_DUMP, seq, struct(12));
}

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly payload: Uint8Array;
}

const viewOf = (b: Uint8Array) => new DataView(b.buffer, b.byteOffset, b.byteLength);

/** Splits what one recv() brought. */
export function decodeMessages(bytes: Uint8Array): Message[] {
  const view = viewOf(bytes);
  const found: Message[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < 16 || at + length > bytes.length) throw new Error(`netlink: a message of ${length} bytes is cut`);
    const payload = bytes.subarray(at + 16, at + length);
    const head = { type: view.getUint16(at + 4, true), flags: view.getUint16(at + 6, true) };
    found.push({ ...head, seq: view.getUint32(at + 8, true), payload });
    at += (length + 3) & ~3;
  }
  return found;
}

function attributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const view = viewOf(bytes);
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) break;
    // The two top bits say "nested" and "big-endian".
    found.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

const number32 = (b: Uint8Array | undefined) => (b && b.length >= 4 ? viewOf(b).getUint32(0, true) : undefined);
const string = (b: Uint8Array | undefined) => (b ? untext.decode(b).replace(/\0.*$/s, '') : '');
const hexMac = (b: Uint8Array) => Array.from(b, (x) => x.toString(16).padStart(2, '0')).join(':');

/** errno 0 is the acknowledgement. */
export function decodeError(m: Message): { errno: number; text?: string } {
  const errno = Math.abs(viewOf(m.payload).getInt32(0, true));
  if (!(m.flags & F_ACK_TLVS)) return { errno };
  const echoed = m.flags & F_CAPPED ? 16 : (number32(m.payload.subarray(4)) ?? 16);
  const said = string(attributes(m.payload.subarray(4 + ((echoed + 3) & ~3))).get(1));
  return said ? { errno, text: said } : { errno };
}

export function decodeLink(payload: Uint8Array): Link & { index: number; masterIndex?: number } {
  const view = viewOf(payload);
  const a = attributes(payload.subarray(16));
  const kind = string(attributes(a.get(IFLA.LINKINFO) ?? new Uint8Array()).get(INFO.KIND));
  const index = view.getUint32(4, true);
  const peerIndex = number32(a.get(IFLA.LINK));
  const address = a.get(IFLA.ADDRESS);
  const ARPHRD_LOOPBACK = 772;
  const loopback = view.getUint16(2, true) === ARPHRD_LOOPBACK;
  const masterIndex = number32(a.get(IFLA.MASTER));
  const size = number32(a.get(IFLA.MTU));
  return {
    name: string(a.get(IFLA.IFNAME)),
    kind: kind === 'veth' || kind === 'bridge' ? kind : loopback ? 'loopback' : 'other',
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    index,
    ...(address && address.length === 6 ? { mac: hexMac(address) } : {}),
    ...(size === undefined ? {} : { mtu: size }),
    ...(masterIndex === undefined ? {} : { masterIndex }),
    ...(kind === 'veth' && peerIndex !== undefined ? { peerIndex } : {}),
  };
}

export function decodeAddress(payload: Uint8Array): { linkIndex: number; address: string } | undefined {
  const view = viewOf(payload);
  const a = attributes(payload.subarray(8));
  const ip = a.get(IFA.LOCAL) ?? a.get(IFA.ADDRESS);
  if (!ip || (ip.length !== 4 && ip.length !== 16)) return undefined;
  return { linkIndex: view.getUint32(4, true), address: `${formatIp(ip)}/${view.getUint8(1)}` };
}

export interface SeenRoute {
  readonly to: string;
  readonly devIndex?: number;
  readonly via?: string;
  readonly src?: string;
  readonly onlink?: boolean;
  readonly unreachable?: boolean;
  readonly protocol: number;
  readonly table?: number;
}

/** undefined for what is no route of a routing table: local addresses, broadcast, cached entries. */
export function decodeRoute(payload: Uint8Array): SeenRoute | undefined {
  const view = viewOf(payload);
  const a = attributes(payload.subarray(12));
  const table = number32(a.get(RTA.TABLE)) ?? view.getUint8(4);
  const flags = view.getUint32(8, true);
  const fam = view.getUint8(0);
  const type = view.getUint8(7);
  if (table === TABLE_LOCAL || flags & RTM_F_CLONED) return undefined;
  if (type !== RTN_UNICAST && type !== RTN_UNREACHABLE) return undefined;
  if (fam !== AF_INET && fam !== AF_INET6) return undefined;
  const dst = a.get(RTA.DST) ?? new Uint8Array(fam === AF_INET ? 4 : 16);
  const devIndex = number32(a.get(RTA.OIF));
  const via = a.get(RTA.GATEWAY);
  const src = a.get(RTA.PREFSRC);
  return {
    to: `${formatIp(dst)}/${view.getUint8(1)}`,
    protocol: view.getUint8(5),
    ...(devIndex === undefined ? {} : { devIndex }),
    ...(via ? { via: formatIp(via) } : {}),
    ...(src ? { src: formatIp(src) } : {}),
    ...(type === RTN_UNREACHABLE ? { unreachable: true } : {}),
    ...(flags & RTNH_F_ONLINK ? { onlink: true } : {}),
    ...(table === TABLE_MAIN ? {} : { table }),
  };
}

/** Permanent entries only. */
export function decodeNeighbour(payload: Uint8Array): { linkIndex: number; ip: string; mac: string } | undefined {
  const view = viewOf(payload);
  const a = attributes(payload.subarray(12));
  const ip = a.get(NDA.DST);
  const lladdr = a.get(NDA.LLADDR);
  if (!(view.getUint16(8, true) & NUD_PERMANENT) || !ip || lladdr?.length !== 6) return undefined;
  if (ip.length !== 4 && ip.length !== 16) return undefined;
  return { linkIndex: view.getUint32(4, true), ip: formatIp(ip), mac: hexMac(lladdr) };
}

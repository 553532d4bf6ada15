// diff(wanted, seen): the operations that make a namespace what is wanted. Equal input is no operation; adds come before
// deletes, and each only after what it stands on (link, then address, then route).
import {
  type Address,
  type Link,
  type NetOp,
  type NetState,
  type Neighbour,
  ROUTE_PROTOCOL,
  type Route,
  type VethPair,
} from './net.ts';

/** What a namespace shall have. Only what it owns is ever removed; everything else there is left alone. */
export interface WantedNet {
  readonly bridges?: readonly { readonly name: string; readonly mac: string; readonly mtu: number }[];
  readonly pairs?: readonly VethPair[];
  /** Links that something else makes (lo; a pair's far end): they must be there and be like this. */
  readonly links?: readonly { readonly name: string; readonly master?: string; readonly mtu?: number }[];
  readonly addresses?: readonly Address[];
  readonly routes?: readonly Route[];
  readonly neighbours?: readonly Neighbour[];
  /** Which links may be removed when they are not wanted, e.g. /^veth/. Default: none. */
  readonly ownsLink?: (name: string) => boolean;
  /** Links whose addresses, neighbours and routes (of our protocol) are all ours. Default: those named in the wanted. */
  readonly ownsConfig?: (link: string) => boolean;
  /** Which routes of our protocol are this wanted state's. Default: those over a link whose configuration is ours. */
  readonly ownsRoute?: (route: Route) => boolean;
}

const routeKey = (r: Route): string =>
  [
    r.to,
    r.via ?? '',
    r.dev ?? '',
    r.unreachable ? 'unreachable' : '',
    r.onlink ? 'onlink' : '',
    r.src ?? '',
    r.table ?? '',
  ].join(' ');
/** The kernel knows one route by where it goes and its table; what else it says, `replace` overwrites. */
const routePlace = (r: Route): string => `${r.to} ${r.table ?? ''}`;
const addressKey = (a: Address): string => `${a.link} ${a.address}`;
const neighbourKey = (n: Neighbour): string => `${n.link} ${n.ip}`;

/** Addresses that come with a link that is up. */
const isKernelMade = (a: Address): boolean =>
  a.address.startsWith('fe80:') || a.address === '127.0.0.1/8' || a.address === '::1/128';

function linkOps(wanted: WantedNet, seen: ReadonlyMap<string, Link>): NetOp[] {
  const ops: NetOp[] = [];
  for (const bridge of wanted.bridges ?? []) {
    const there = seen.get(bridge.name);
    // A veth or a bond under our bridge's name: the kernel's EEXIST would say less than this.
    if (there && there.kind !== 'bridge') ops.push({ op: 'link-del', name: bridge.name });
    if (there?.kind !== 'bridge') ops.push({ op: 'bridge-add', ...bridge });
    else ops.push(...settings(there, { ...bridge, up: true }));
  }
  for (const pair of wanted.pairs ?? []) {
    const there = seen.get(pair.name);
    if (there && there.kind !== 'veth') ops.push({ op: 'link-del', name: pair.name });
    if (there?.kind !== 'veth') ops.push({ op: 'veth-add', ...pair });
    else ops.push(...settings(there, { mac: pair.mac, mtu: pair.mtu, up: true }));
  }
  const pairs = new Set((wanted.pairs ?? []).map((p) => p.name));
  for (const link of wanted.links ?? []) {
    const born = { name: link.name, up: pairs.has(link.name) };
    ops.push(...settings(seen.get(link.name) ?? born, { ...link, up: true }));
  }
  return ops;
}

function settings(
  there: Pick<Link, 'name' | 'up' | 'mac' | 'mtu' | 'master'>,
  want: { mac?: string; mtu?: number; master?: string; up: boolean },
): NetOp[] {
  const change = {
    ...(want.mac !== undefined && want.mac !== there.mac ? { mac: want.mac } : {}),
    ...(want.mtu !== undefined && want.mtu !== there.mtu ? { mtu: want.mtu } : {}),
    ...(want.master !== undefined && want.master !== there.master ? { master: want.master } : {}),
    ...(want.up && !there.up ? { up: true } : {}),
  };
  return Object.keys(change).length === 0 ? [] : [{ op: 'link-set', name: there.name, ...change }];
}

export function diff(wanted: WantedNet, seen: NetState): NetOp[] {
  const links = new Map(seen.links.map((l) => [l.name, l]));
  const wantedAddresses = new Map((wanted.addresses ?? []).map((a) => [addressKey(a), a]));
  const wantedPlaces = new Set((wanted.routes ?? []).map(routePlace));
  const wantedNeighbours = new Map((wanted.neighbours ?? []).map((n) => [neighbourKey(n), n]));
  const named = new Set([
    ...(wanted.addresses ?? []).map((a) => a.link),
    ...(wanted.routes ?? []).flatMap((r) => r.dev ?? []),
    ...(wanted.neighbours ?? []).map((n) => n.link),
  ]);
  const owns = wanted.ownsConfig ?? ((link: string) => named.has(link));
  const wantedLinks = new Set([
    ...(wanted.bridges ?? []).map((l) => l.name),
    ...(wanted.pairs ?? []).flatMap((p) => (p.peer.netns === undefined ? [p.name, p.peer.name] : [p.name])),
    ...(wanted.links ?? []).map((l) => l.name),
  ]);
  const going = seen.links.filter((l) => !wantedLinks.has(l.name) && (wanted.ownsLink?.(l.name) ?? false));
  const gone = new Set(going.map((l) => l.name));

  const seenAddresses = new Set(seen.addresses.map(addressKey));
  const seenRoutes = new Set(
    seen.routes.filter((r) => (r.protocol ?? ROUTE_PROTOCOL) === ROUTE_PROTOCOL).map(routeKey),
  );
  const seenNeighbours = new Map(seen.neighbours.map((n) => [neighbourKey(n), n]));

  // What a link carries goes with the link.
  const stays = (link: string) => owns(link) && !gone.has(link);
  const ownsRoute = wanted.ownsRoute ?? ((r: Route) => r.dev !== undefined && owns(r.dev));
  const removeNeighbours = seen.neighbours.filter((n) => !wantedNeighbours.has(neighbourKey(n)) && stays(n.link));
  const removeRoutes = seen.routes.filter(
    (r) =>
      (r.protocol ?? ROUTE_PROTOCOL) === ROUTE_PROTOCOL &&
      !wantedPlaces.has(routePlace(r)) &&
      ownsRoute(r) &&
      !gone.has(r.dev ?? ''),
  );
  const removeAddresses = seen.addresses.filter(
    (a) => !wantedAddresses.has(addressKey(a)) && stays(a.link) && !isKernelMade(a),
  );
  return [
    ...linkOps(wanted, links),
    ...[...wantedAddresses.values()]
      .filter((a) => !seenAddresses.has(addressKey(a)))
      .map((a): NetOp => ({ op: 'address-add', ...a })),
    ...[...wantedNeighbours.values()]
      .filter((n) => seenNeighbours.get(neighbourKey(n))?.mac !== n.mac)
      .map((n): NetOp => ({ op: 'neighbour-replace', ...n })),
    ...(wanted.routes ?? [])
      .filter((r) => !seenRoutes.has(routeKey(r)))
      .map((r): NetOp => ({ op: 'route-replace', ...r })),
    ...removeRoutes.map((r): NetOp => ({ op: 'route-del', ...r })),
    ...removeNeighbours.map((n): NetOp => ({ op: 'neighbour-del', ...n })),
    ...removeAddresses.map((a): NetOp => ({ op: 'address-del', ...a })),
    ...going.map((l): NetOp => ({ op: 'link-del', name: l.name })),
  ];
}

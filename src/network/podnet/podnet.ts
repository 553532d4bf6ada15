// The pod network as wanted state: what a pod, its node and the host have of links, addresses and routes.
//
//   pod          eth0 10.244.1.7/32, default via 169.254.1.1 onlink            (both ends know the other's MAC for good:
//     | veth                                                                    no ARP, nothing to expire or to spoof)
//   node         veth1a2b3c4d, route 10.244.1.7/32; eth0 172.30.0.11/24, default via the host
//     | veth                   route 10.244.2.0/24 via 172.30.0.12 per other node
//   host         podlan0 172.30.0.1/24, route 10.244.1.0/24 via 172.30.0.11 per node
import type { ClusterSettings, NodeSettings } from '../../api/cluster.ts';
import { nodeNetns, podNetns } from '../../api/cluster.ts';
import type { WantedNet } from '../../linux/net/diff.ts';
import { parseCidr, parseIp } from '../../lib/ip.ts';
import { type Link, type NetOp, type NetState, ROUTE_PROTOCOL, type Route } from '../../linux/net/net.ts';

/** Every pod's gateway: link-local, so it takes no address of the pod range, and the same in each pod. */
const GATEWAY_IP = '169.254.1.1';
/** MAC of the node's end of every pod's veth. */
const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee';
const DEFAULT_ROUTE = '0.0.0.0/0';
const DEFAULT_MTU = 1500;

export const POD_LINK = 'eth0';

/** A pod's network, whoever made it. */
export interface PodNet {
  readonly uid: string;
  readonly ips: readonly string[];
}

/** A fixed MAC by address: one that comes back with its address is known already, and udev leaves set ones alone. */
export const macOf = (ip: string): string =>
  `0a:58:${Array.from(parseIp(ip).slice(-4), (x) => x.toString(16).padStart(2, '0')).join(':')}`;

/** The node's end of a pod's veth: 12 of the 15 characters that a link's name may have. */
export const vethName = (podUid: string): string => `veth${podUid.replaceAll('-', '').slice(0, 8)}`;
export const isPodVeth = (link: string): boolean => /^veth[0-9a-f]{8}$/.test(link);

/** The host's end of a node's veth. */
export const nodeVethName = (slot: number, nodeIndex: number): string => `pl${slot}n${nodeIndex}`;

const hostPrefix = (ip: string): string => `${ip}/${ip.includes(':') ? 128 : 32}`;
const macOfPod = (pod: PodNet): string => macOf(pod.ips[0] ?? '0.0.0.0');

/** Inside the pod's namespace. */
export function podInside(pod: PodNet): WantedNet {
  return {
    links: [{ name: 'lo' }, { name: POD_LINK }],
    addresses: pod.ips.map((ip) => ({ link: POD_LINK, address: hostPrefix(ip) })),
    neighbours: [{ link: POD_LINK, ip: GATEWAY_IP, mac: GATEWAY_MAC }],
    routes: [{ to: DEFAULT_ROUTE, via: GATEWAY_IP, dev: POD_LINK, onlink: true }],
  };
}

/** What the node's namespace has for its pods. */
export function podsOutside(cluster: string, node: string, pods: readonly PodNet[], mtu: number): WantedNet {
  return {
    pairs: pods.map((pod) => ({
      name: vethName(pod.uid),
      mac: GATEWAY_MAC,
      mtu,
      peer: { name: POD_LINK, mac: macOfPod(pod), netns: podNetns(cluster, node, pod.uid) },
    })),
    neighbours: pods.flatMap((pod) => pod.ips.map((ip) => ({ link: vethName(pod.uid), ip, mac: macOfPod(pod) }))),
    routes: pods.flatMap((pod) => pod.ips.map((ip) => ({ to: hostPrefix(ip), dev: vethName(pod.uid) }))),
    ownsLink: isPodVeth,
  };
}

/** Another node, as the routes to its pods need it. */
export interface PeerNode {
  readonly name: string;
  readonly ip: string;
  readonly podCidrs: readonly string[];
  readonly ready: boolean;
}

/** The node's namespace but for its pods and the ways to other nodes. */
export function nodeBase(settings: ClusterSettings, node: NodeSettings): WantedNet {
  return {
    links: [{ name: 'lo' }, { name: 'eth0' }],
    addresses: [
      { link: 'eth0', address: `${node.ip}/${parseCidr(settings.nodeNetwork).prefix}` },
      // Cluster DNS is a local address of every node: a pod's question never leaves its node.
      { link: 'lo', address: `${settings.dnsIp}/32` },
    ],
    routes: [
      { to: DEFAULT_ROUTE, via: settings.hostIp, dev: 'eth0' },
      // A pod that is gone is refused here. Without it the packet would go round between host and node until its TTL ends.
      { to: settings.podNetwork, unreachable: true },
    ],
  };
}

/** The ways from a node to the pods of all others. */
export const routesToPeers = (node: string, peers: readonly PeerNode[]): Route[] =>
  peers
    .filter((peer) => peer.name !== node)
    .flatMap((peer) => peer.podCidrs.map((to) => ({ to, via: peer.ip, dev: 'eth0' })));

/** All that the node's namespace shall have: what the agent holds it to. */
export function nodeWanted(
  settings: ClusterSettings,
  node: NodeSettings,
  seen: { peers: readonly PeerNode[]; pods: readonly PodNet[]; mtu: number },
): WantedNet {
  const base = nodeBase(settings, node);
  const pods = podsOutside(settings.name, node.name, seen.pods, seen.mtu);
  return {
    ...pods,
    links: base.links,
    addresses: base.addresses,
    routes: [...(base.routes ?? []), ...(pods.routes ?? []), ...routesToPeers(node.name, seen.peers)],
    ownsConfig: (link) => link === 'eth0' || link === 'lo' || isPodVeth(link),
    // The namespace is the node's alone.
    ownsRoute: () => true,
  };
}

/** The host's side of one node: bridge, its address, and the node's veth as a port of it. */
export function hostBase(settings: ClusterSettings, node: NodeSettings, mtu: number): WantedNet {
  const port = nodeVethName(settings.slot, node.index);
  return {
    // The MAC is set: a bridge without one takes the lowest of its ports', and every node's ARP entry for the host goes
    // stale when a port joins.
    bridges: [{ name: settings.bridge, mac: macOf(settings.hostIp), mtu }],
    pairs: [
      { name: port, mtu, peer: { name: 'eth0', mac: macOf(node.ip), netns: nodeNetns(settings.name, node.name) } },
    ],
    links: [{ name: port, master: settings.bridge }],
    addresses: [{ link: settings.bridge, address: `${settings.hostIp}/${parseCidr(settings.nodeNetwork).prefix}` }],
  };
}

/** The largest packet that leaves the machine whole: pods must not send bigger ones to the outside. */
export function uplinkMtu(host: NetState): number {
  const uplinks = new Set(host.routes.filter((r) => r.to === DEFAULT_ROUTE && !r.table).map((r) => r.dev));
  return Math.min(DEFAULT_MTU, ...host.links.filter((l) => uplinks.has(l.name)).map((l) => l.mtu ?? DEFAULT_MTU));
}

/** Settings of a node's namespace, before there is a link in it. */
export const NODE_SYSCTLS: Readonly<Record<string, string>> = {
  'net/ipv4/ip_forward': '1',
  // The effective value is the larger of all and the link's. A pod's link checks strictly (default): who sends with another's
  // address is dropped before any policy looks at it. The uplink does not: answers may come another way.
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/default/rp_filter': '1',
  // Nobody outside speaks with 127.0.0.1.
  'net/ipv4/conf/all/route_localnet': '0',
  'net/ipv4/conf/all/send_redirects': '0',
  'net/ipv4/conf/default/send_redirects': '0',
  'net/ipv4/conf/all/accept_redirects': '0',
  'net/ipv4/conf/default/accept_redirects': '0',
  // No IPv6 on links until the cluster has addresses of it; lo keeps ::1.
  'net/ipv6/conf/default/disable_ipv6': '1',
};

/** ... and once eth0 is there. */
export const NODE_UPLINK_SYSCTLS: Readonly<Record<string, string>> = { 'net/ipv4/conf/eth0/rp_filter': '0' };

/** Settings of a pod's namespace, before there is a link in it. */
export const POD_SYSCTLS: Readonly<Record<string, string>> = {
  // As container runtimes set them: ping and ports below 1024 need no capability in a namespace of one's own.
  'net/ipv4/ping_group_range': '0 2147483647',
  'net/ipv4/ip_unprivileged_port_start': '0',
  'net/ipv4/ip_forward': '0',
  'net/ipv6/conf/default/disable_ipv6': '1',
};

/** A crash leaves one end, or an end whose other end is somewhere else: both go, to be made together. */
export function unpaired(
  settings: ClusterSettings,
  node: NodeSettings,
  host: NetState,
  inside: NetState,
): { host: NetOp[]; node: NetOp[] } {
  const near = host.links.find((l) => l.name === nodeVethName(settings.slot, node.index));
  const far = inside.links.find((l) => l.name === 'eth0');
  const pair = near && far && near.peerIndex === far.index && far.peerIndex === near.index;
  if (pair && far.mac === macOf(node.ip)) return { host: [], node: [] };
  // Deleting one end of a pair deletes the other: a pair that is only wrong is deleted once.
  return {
    host: near ? [{ op: 'link-del', name: near.name }] : [],
    node: far && !pair ? [{ op: 'link-del', name: far.name }] : [],
  };
}

/** The host's links that are this cluster's: node links, then the bridge. */
export const clusterLinks = (settings: ClusterSettings, host: NetState): Link[] => [
  ...host.links.filter((l) => l.kind === 'veth' && new RegExp(`^pl${settings.slot}n\\d+$`).test(l.name)),
  ...host.links.filter((l) => l.name === settings.bridge),
];

/** The host's routes that podlan made for this cluster. */
export const clusterRoutes = (settings: ClusterSettings, host: NetState): Route[] =>
  host.routes.filter(
    (r) =>
      r.protocol === ROUTE_PROTOCOL && (r.dev === settings.bridge || (r.unreachable && r.to === settings.podNetwork)),
  );

/** What the node's own uplink was given: its pods get the same. */
export const uplinkMtuOfNode = (node: NetState): number =>
  node.links.find((l) => l.name === 'eth0')?.mtu ?? DEFAULT_MTU;

/**
 * A pod found in the kernel after a restart, if its link and address are whole. It may have more addresses than it was
 * given (its own doing), so what was saved decides; without that, where the node sends its packets.
 */
export function adoptable(
  uid: string,
  node: NetState,
  inside: NetState,
  savedIps: readonly string[],
): PodNet | undefined {
  const near = node.links.find((l) => l.name === vethName(uid));
  const far = inside.links.find((l) => l.name === POD_LINK);
  if (!near || !far || near.peerIndex !== far.index || far.peerIndex !== near.index) return undefined;
  const routed = node.routes.filter((r) => r.dev === near.name && r.protocol === ROUTE_PROTOCOL);
  const ips = savedIps.length > 0 ? savedIps : routed.map((r) => ipOf(r.to));
  const has = inside.addresses.filter((a) => a.link === POD_LINK).map((a) => ipOf(a.address));
  return ips.length > 0 && ips.every((ip) => has.includes(ip)) ? { uid, ips } : undefined;
}

const ipOf = (address: string): string => address.replace(/\/.*/, '');

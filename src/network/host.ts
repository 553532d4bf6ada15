// The host's side of a cluster as data: ways to the pods and Services, source translation to the outside, settings.
import type { ClusterSettings } from '../api/cluster.ts';
import type { WantedNet } from '../linux/net/diff.ts';
import type { PeerNode } from './podnet/podnet.ts';

/** The node that speaks for all: it keeps the host's routes, and Service addresses lead from the host through it. */
export const firstReady = (peers: readonly PeerNode[]): PeerNode | undefined => peers.find((peer) => peer.ready);

/** Every node's agent computes the same; the first Ready one acts. */
export function hostRoutes(settings: ClusterSettings, peers: readonly PeerNode[]): WantedNet {
  const dev = settings.bridge;
  const gateway = firstReady(peers);
  const ours = new Set([settings.podNetwork, settings.serviceNetwork]);
  return {
    routes: [
      ...peers.flatMap((peer) => peer.podCidrs.map((to) => ({ to, via: peer.ip, dev }))),
      ...(gateway ? [{ to: settings.serviceNetwork, via: gateway.ip, dev }] : []),
      // An address of no node must not leave the machine by its default route.
      { to: settings.podNetwork, unreachable: true },
    ],
    ownsConfig: () => false,
    ownsRoute: (route) => route.dev === dev || ours.has(route.to),
  };
}

/** Table of the host's namespace, in family ip; nothing else in the host's ruleset is podlan's. */
export const hostTable = (cluster: string): string => `podlan-${cluster}`;

/** One transaction that makes the table what it shall be, whatever it was. */
export function hostRuleset(settings: ClusterSettings): string {
  const table = hostTable(settings.name);
  const inside = `{ ${settings.podNetwork}, ${settings.nodeNetwork} }`;
  return `add table ip ${table}
delete table ip ${table}
table ip ${table} {
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ip saddr ${inside} ip daddr != ${inside} oifname != "${settings.bridge}" masquerade
  }
}
`;
}

/** An absent table is no error: it is added first. */
export const hostRulesetGone = (cluster: string): string =>
  `add table ip ${hostTable(cluster)}\ndelete table ip ${hostTable(cluster)}\n`;

/** The host forwards: pods reach the outside and its answers reach them. */
export const IP_FORWARD = 'net/ipv4/ip_forward';

export const bridgeSysctls = (bridge: string, ports: readonly string[]): Record<string, string> => ({
  [`net/ipv4/conf/${bridge}/forwarding`]: '1',
  // Nodes are told no shorter ways: their own routes are right.
  [`net/ipv4/conf/${bridge}/send_redirects`]: '0',
  ...Object.fromEntries([bridge, ...ports].map((link) => [`net/ipv6/conf/${link}/disable_ipv6`, '1'])),
});

/** What the machine was before the first cluster, and which clusters keep it changed. Saved as sysctl.json. */
export interface HostRecord {
  readonly clusters: readonly string[];
  /** Sysctls, and how /run/netns came to be. */
  readonly before: Readonly<Record<string, string>>;
  readonly netnsDir: 'was there' | 'mounted' | 'made';
}

export const joined = (record: HostRecord, cluster: string): HostRecord =>
  record.clusters.includes(cluster) ? record : { ...record, clusters: [...record.clusters, cluster].sort() };

export const left = (record: HostRecord, cluster: string): HostRecord => ({
  ...record,
  clusters: record.clusters.filter((name) => name !== cluster),
});

/** How `nft list chains` shows a chain that everything forwarded passes and that drops what no rule accepts. */
export function droppingForwardChains(nftChains: string): string[] {
  const found: string[] = [];
  let table = '';
  for (const line of nftChains.split('\n')) {
    const opened = /^table (\S+ \S+) \{/.exec(line);
    if (opened) table = opened[1] ?? '';
    if (/type filter hook forward .*policy drop;/.test(line)) found.push(table);
  }
  return found;
}

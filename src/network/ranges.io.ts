// Chooses a new cluster's ranges by what the host's routing tables say now.
import { openNet } from '../linux/net/net.io.ts';
import { type ClusterRanges, pickRanges } from './ranges.ts';

/** Throws NoFreeRange. All tables are read: VPNs (wg-quick, tailscale) keep their routes in tables of their own. */
export function chooseRanges(usedSlots: readonly number[]): ClusterRanges {
  const net = openNet();
  try {
    const { routes, addresses } = net.see();
    return pickRanges(
      routes.map((r) => r.to),
      addresses.map((a) => a.address),
      usedSlots,
    );
  } finally {
    net.close();
  }
}

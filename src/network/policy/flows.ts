// Established connections against the rules of today: which of them would not be let begin.
import { evaluate } from '../../linux/nft/evaluate.ts';
import type { Packet } from '../../linux/nft/evaluate.ts';
import type { Flow } from '../../linux/conntrack/flow.ts';
import type { Table } from '../../linux/nft/nft.ts';
import type { LocalPod } from './pods.ts';

export interface FlowContext {
  readonly node: { readonly ips: readonly string[] };
  readonly dnsIp: string;
  readonly localPods: readonly LocalPod[];
}

export function forbiddenFlows({ node, dnsIp, localPods }: FlowContext, table: Table, flows: readonly Flow[]): Flow[] {
  const pods = new Set(localPods.flatMap(({ ips }) => ips));
  const own = new Set([...node.ips, dnsIp]);
  return flows.filter((flow) => {
    const packet = firstPacket(flow, pods);
    // To and from the node itself: those never pass the forward hook.
    if (own.has(packet.saddr) || own.has(packet.daddr) || isLinkLocal(packet.daddr)) return false;
    if (!pods.has(packet.saddr) && !pods.has(packet.daddr)) return false;
    return evaluate(table, 'forward', packet, () => 0).verdict !== 'accept';
  });
}

/** As it met the forward hook: destination translated already, source not yet. */
function firstPacket({ protocol, original, reply }: Flow, pods: ReadonlySet<string>): Packet {
  const link = (ip: string): string => (pods.has(ip) ? 'veth' : 'eth0');
  return {
    saddr: original.src,
    daddr: reply.src,
    protocol,
    ...(original.sport !== undefined && { sport: original.sport }),
    ...(reply.sport !== undefined && { dport: reply.sport }),
    iifname: link(original.src),
    oifname: link(reply.src),
    ctState: 'new',
    tcpFlags: ['syn'],
  };
}

const isLinkLocal = (ip: string): boolean => ip.startsWith('169.254.');

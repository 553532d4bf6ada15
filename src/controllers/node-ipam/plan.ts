// Every node gets a range of pod addresses of its own, the lowest that is free.
import { eventsFrom } from '../../client/events.ts';
import type { Plan, View } from '../../client/types.ts';
import { nthIp, parseCidr, sizeOf } from '../../lib/ip.ts';

const event = eventsFrom('cidrAllocator');

export function plan(view: View, key: string, podNetwork: string, nodePodPrefix: number): Plan {
  const node = view.get('Node', undefined, key);
  if (!node || node.spec.podCIDR || node.metadata.deletionTimestamp) return { changes: [] };
  const taken = new Set(view.list('Node').flatMap((n) => [n.spec.podCIDR ?? '', ...(n.spec.podCIDRs ?? [])]));
  for (const podCIDR of subnets(podNetwork, nodePodPrefix)) {
    if (taken.has(podCIDR)) continue;
    const patch = { metadata: { uid: node.metadata.uid }, spec: { podCIDR, podCIDRs: [podCIDR] } };
    return { changes: [{ op: 'patch', kind: 'Node', name: key, patch, why: `${key} gets ${podCIDR}` }] };
  }
  const message = `Node ${key} status is now: CIDRNotAvailable`;
  return { changes: [event(node, 'Normal', 'CIDRNotAvailable', message)] };
}

/** The subnets of a prefix length within a network, ascending. */
export function* subnets(network: string, prefix: number): Generator<string> {
  const cidr = parseCidr(network);
  const size = sizeOf({ base: cidr.base, prefix });
  for (let at = 0; at < sizeOf(cidr); at += size) yield `${nthIp(cidr, at)}/${prefix}`;
}

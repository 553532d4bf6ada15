// Every node gets a range of pod addresses of its own, the lowest that is free.
import type { Change, Plan, View } from '../../client/types.ts';

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
  const event: Change = {
    op: 'event',
    regarding: node,
    type: 'Normal',
    reason: 'CIDRNotAvailable',
    message,
    source: 'cidrAllocator',
    why: message,
  };
  return { changes: [event] };
}

/** The subnets of a prefix length within an IPv4 network, ascending. */
export function* subnets(network: string, prefix: number): Generator<string> {
  const [address = '', bits = ''] = network.split('/');
  const base = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - prefix);
  const count = 2 ** (prefix - Number(bits));
  for (let i = 0; i < count; i++) {
    const at = base + i * size;
    yield `${[24, 16, 8, 0].map((shift) => Math.floor(at / 2 ** shift) % 256).join('.')}/${prefix}`;
  }
}

// The datapath of a node in one ordered table: where each part hangs in the kernel, at which priority, and why there.
// A packet that a pod sends meets raw -300, conntrack -200 (the kernel's), dstnat -100, routing, forward 0, srcnat 100.
import type { BaseHook, Chain, NftSet, Rule } from '../linux/nft/nft.ts';

/** The one table of a node's namespace; everything in it is podlan's, so at start it is replaced as a whole. */
export const tableName = 'podlan';

/** A pod's end in its node is veth<8 hex digits>, and nothing else there is called so: it tells local pods' packets. */
export const podLinks = 'veth*';

/** ct mark of connections whose source must be kept: they came in by a Service with externalTrafficPolicy Local. */
export const keepSourceMark = 1;

/** Set of every local pod's address with itself: packets of a pod to itself. */
export const selfSet = 'self';

export const hooks = [
  {
    chain: 'raw-prerouting',
    base: base('filter', 'prerouting', -300),
    owner: 'dns',
    why: 'questions to the cluster DNS are not tracked: no conntrack race of A and AAAA, no entry per question',
  },
  {
    chain: 'raw-output',
    base: base('filter', 'output', -300),
    owner: 'dns',
    why: 'the answers, and questions of the node itself',
  },
  {
    chain: 'dstnat-prerouting',
    base: base('nat', 'prerouting', -100),
    owner: 'proxy',
    why: 'Service address to endpoint before routing, so that policy sees the pod; no endpoint: refused at once',
  },
  {
    chain: 'dstnat-output',
    base: base('nat', 'output', -100),
    owner: 'proxy',
    why: 'the same for what the node itself sends: kubelet, pods with hostNetwork',
  },
  {
    chain: 'forward',
    base: base('filter', 'forward', 0),
    owner: 'policy',
    why: 'every packet of a pod is routed and passes here once per node, after dstnat and before srcnat: real pod addresses',
  },
  {
    chain: 'srcnat-postrouting',
    base: base('nat', 'postrouting', 100),
    owner: 'proxy',
    why: 'answers must come back through the node that translated the destination',
  },
] as const satisfies readonly Hook[];

interface Hook {
  readonly chain: string;
  readonly base: BaseHook;
  readonly owner: 'dns' | 'proxy' | 'policy';
  readonly why: string;
}

export type HookChain = (typeof hooks)[number]['chain'];

/** What a part of the datapath puts into the table. */
export interface Part {
  readonly sets: readonly NftSet[];
  readonly chains: readonly Chain[];
  readonly rules: Partial<Record<HookChain, readonly Rule[]>>;
}

function base(type: BaseHook['type'], hook: BaseHook['hook'], priority: number): BaseHook {
  return { type, hook, priority, policy: 'accept' };
}

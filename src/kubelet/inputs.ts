// What the kubelet is handed: the pod network, and the view of the cluster that a pod's files and variables are made of.
import type { Pod } from '../api/types.ts';

/** A pod's sandbox is its network namespace with its addresses. */
export interface Sandbox {
  readonly netnsPath: string;
  readonly ips: readonly string[];
}

export interface PodNetwork {
  /** netns, veth, addresses, routes and policy in force; idempotent; the same pod keeps its IP. */
  attach(pod: Pod): Promise<{ netnsPath: string; ips: string[] }>;
  detach(podUid: string): Promise<void>;
  /** After a restart of the process: which pods have a sandbox, by uid. */
  attached(): ReadonlyMap<string, { netnsPath: string; ips: string[] }>;
  /** The node's own network is set up (its podCIDR is known). */
  ready(): boolean;
}

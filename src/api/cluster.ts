// What a cluster is set to: written once by `podlan up`, read by every process of the cluster.

export interface Timeouts {
  /** A node says that it lives this often (Lease renewal). */
  readonly leaseRenewMs: number;
  /** A Lease older than this: the node is not ready, its endpoints are dropped. */
  readonly nodeGraceMs: number;
  /** Default tolerationSeconds of the not-ready and unreachable taints (upstream 300): then pods are evicted. */
  readonly evictAfterSeconds: number;
  /** Pods of a node still lost after this long are removed without its word, so that a StatefulSet can go on. */
  readonly lostPodsAfterMs: number;
}

export interface ClusterSettings {
  /** DNS label; names of the cluster's namespaces, mounts and cgroups start with it. */
  readonly name: string;
  /** Small number, unique among the clusters of this machine: picks address ranges and link names. */
  readonly slot: number;
  /** podlan<slot>, the bridge that is the node network. */
  readonly bridge: string;
  /** e.g. 172.30.0.0/24; the host is .1, node-<i> is .(10+i). */
  readonly nodeNetwork: string;
  readonly hostIp: string;
  /** e.g. 10.244.0.0/16, from which every node gets one podCIDR of nodePodPrefix bits. */
  readonly podNetwork: string;
  readonly nodePodPrefix: number;
  /** e.g. 10.96.0.0/16: ClusterIPs. */
  readonly serviceNetwork: string;
  /** First address of serviceNetwork: the Service default/kubernetes. */
  readonly apiServiceIp: string;
  /** Tenth address of serviceNetwork: cluster DNS, on every node. */
  readonly dnsIp: string;
  /** cluster.local */
  readonly clusterDomain: string;
  readonly apiPort: number;
  readonly nodePorts: { readonly from: number; readonly to: number };
  readonly timeouts: Timeouts;
  /** Directory of what outlives a reboot: store, keys, images, pods' files. */
  readonly stateDir: string;
  /** Directory of what does not: pids, runtime state. */
  readonly runDir: string;
  readonly nodes: readonly NodeSettings[];
}

export interface NodeSettings {
  /** node-1, node-2, ... */
  readonly name: string;
  /** 1, 2, ... */
  readonly index: number;
  readonly ip: string;
}

export const defaultTimeouts: Timeouts = {
  leaseRenewMs: 500,
  nodeGraceMs: 2_500,
  evictAfterSeconds: 1,
  lostPodsAfterMs: 2_000,
};

/** Network namespace of a node, and of a pod on it (/run/netns/<that>). Names have no dots, so they never meet. */
export const nodeNetns = (cluster: string, node: string): string => `${cluster}.${node}`;
export const podNetns = (cluster: string, node: string, podUid: string): string => `${cluster}.${node}.${podUid}`;
/** cgroup of a node's pods, below each controller's root. */
export const clusterCgroup = (cluster: string): string => `/podlan/${cluster}`;
export const nodeCgroup = (cluster: string, node: string): string => `${clusterCgroup(cluster)}/${node}`;

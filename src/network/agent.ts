// What the network agent makes of the cluster's objects: its peers, its rules' input, and which changes matter to it.
import type { ClusterSettings, NodeSettings } from '../api/cluster.ts';
import type { Node, Pod } from '../api/types.ts';
import { isReady } from '../client/pods.ts';
import type { ObjectChange, View } from '../client/types.ts';
import type { Nft } from '../linux/nft/nft.ts';
import type { PeerNode, PodNet } from './podnet/podnet.ts';
import type { RulesetInput } from './ruleset.ts';

/** A hand into the network namespace that the thread is in when it is called. */
export type NftFactory = () => Nft;

/** What the kubelet needs of the pod network. */
export interface PodNetwork {
  /** Namespace, link, addresses, routes, rules: all in force when it resolves. The same pod keeps its addresses. */
  attach(pod: Pod): Promise<{ netnsPath: string; ips: string[] }>;
  detach(podUid: string): Promise<void>;
  /** Pods that have a network now, also those from before a restart of the process. */
  attached(): ReadonlyMap<string, { netnsPath: string; ips: string[] }>;
  /** The node's share of the pod network is known and its rules are in force. */
  ready(): boolean;
}

/** node-2 before node-10, and the same order on every node. */
const byName = (a: PeerNode, b: PeerNode): number => a.name.localeCompare(b.name, 'en', { numeric: true });

export const podCidrsOf = (node: Node | undefined): readonly string[] =>
  node?.spec.podCIDRs ?? (node?.spec.podCIDR ? [node.spec.podCIDR] : []);

/** The nodes that have an address. */
export const peersOf = (nodes: readonly Node[]): PeerNode[] =>
  nodes
    .flatMap((node) => {
      const ip = node.status?.addresses?.find((a) => a.type === 'InternalIP')?.address;
      const ready = isReady(node);
      return ip ? [{ name: node.metadata.name, ip, podCidrs: podCidrsOf(node), ready }] : [];
    })
    .sort(byName);

type LocalPod = RulesetInput['localPods'][number];

export const localPod = (pod: Pod, net: PodNet): LocalPod => ({
  uid: net.uid,
  namespace: pod.metadata.namespace ?? '',
  name: pod.metadata.name,
  labels: pod.metadata.labels ?? {},
  ips: [...net.ips],
  ports: [...(pod.spec.initContainers ?? []), ...pod.spec.containers].flatMap((container) =>
    (container.ports ?? []).flatMap((port) =>
      port.name ? [{ name: port.name, containerPort: port.containerPort, protocol: port.protocol ?? 'TCP' }] : [],
    ),
  ),
});

export function rulesetInput(
  view: View,
  settings: ClusterSettings,
  node: NodeSettings,
  localPods: readonly LocalPod[],
): RulesetInput {
  return {
    node: { name: node.name, ips: [node.ip] },
    podNetwork: settings.podNetwork,
    serviceNetwork: settings.serviceNetwork,
    dnsIp: settings.dnsIp,
    services: view.list('Service'),
    slices: view.list('EndpointSlice'),
    policies: view.list('NetworkPolicy'),
    namespaces: view.list('Namespace'),
    pods: view.list('Pod'),
    localPods,
  };
}

/** Of a pod, what rules can depend on: a status that only moves (probes, restarts) must not recompute them. */
const podFacts = (pod: Pod): string =>
  JSON.stringify([
    pod.metadata.labels,
    pod.metadata.uid,
    pod.metadata.deletionTimestamp,
    pod.spec.nodeName,
    pod.spec.hostNetwork,
    pod.status?.phase,
    pod.status?.podIPs,
  ]);

export function concernsRules(change: ObjectChange): boolean {
  const { kind, object, old } = change;
  switch (kind) {
    case 'Service':
    case 'EndpointSlice':
    case 'NetworkPolicy':
      return true;
    case 'Namespace':
      return !old || JSON.stringify(object.metadata.labels) !== JSON.stringify(old.metadata.labels);
    case 'Pod':
      return change.type !== 'modified' || !old || podFacts(object as Pod) !== podFacts(old as Pod);
    default:
      return false;
  }
}

/** Networks whose pods are no longer this node's: left over from a time when nobody was there to remove them. */
export function leftOver(attached: Iterable<string>, pods: readonly Pod[], node: string): string[] {
  const here = new Set(pods.filter((pod) => pod.spec.nodeName === node).map((pod) => pod.metadata.uid));
  return [...attached].filter((uid) => !here.has(uid));
}

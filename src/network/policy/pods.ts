// The pods that policies speak of, brought together by labels: pods of one template are looked at once per selector.
import type { Namespace, Pod } from '../../api/types.ts';
import { isIpv4 } from '../../lib/ip.ts';

/** A pod of this node, as the pod network knows it: its address may not stand in the API yet. */
export interface LocalPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ips: readonly string[];
  readonly ports: readonly ContainerPort[];
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol?: string;
}

export interface Peer {
  readonly ips: readonly string[];
  readonly ports: readonly ContainerPort[];
}

/** Pods with equal labels in one namespace. */
export interface PodClass {
  readonly namespace: string;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly peers: readonly Peer[];
}

export interface PolicyPods {
  readonly namespaces: readonly Namespace[];
  /** All pods of the cluster: peers. */
  readonly pods: readonly Pod[];
  /** Pods of this node that have an address. Packets of any other local address are dropped. */
  readonly localPods: readonly LocalPod[];
}

export function classifyPods({ namespaces, pods, localPods }: PolicyPods): PodClass[] {
  const namespaceLabels = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
  const classes = new Map<string, PodClass & { peers: Peer[] }>();
  const add = (namespace: string, labels: Readonly<Record<string, string>>, key: string, peer: Peer): void => {
    const id = `${namespace} ${key}`;
    let found = classes.get(id);
    if (!found) {
      found = { namespace, namespaceLabels: namespaceLabels.get(namespace) ?? {}, labels, peers: [] };
      classes.set(id, found);
    }
    found.peers.push(peer);
  };
  const known = new Set<string>();
  for (const pod of localPods) {
    known.add(pod.uid);
    add(pod.namespace, pod.labels, labelsKey(pod.labels), { ips: pod.ips.filter(isIpv4), ports: pod.ports });
  }
  for (const pod of pods) {
    const facts = known.has(pod.metadata.uid) ? undefined : factsOf(pod);
    if (facts) add(pod.metadata.namespace ?? '', pod.metadata.labels ?? {}, facts.key, facts.peer);
  }
  return [...classes.values()];
}

interface Facts {
  readonly key: string;
  readonly peer: Peer;
}
/** Objects of a cache are never changed, so what was read from one holds for as long as it lives. */
const facts = new WeakMap<Pod, { of: Facts | undefined }>();

function factsOf(pod: Pod): Facts | undefined {
  let known = facts.get(pod);
  if (!known) facts.set(pod, (known = { of: readFacts(pod) }));
  return known.of;
}

/** undefined: no peer. A finished pod's address may be another's by now; a pod on the node's own network has the node's. */
function readFacts({ metadata, spec, status }: Pod): Facts | undefined {
  if (spec.hostNetwork || status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined;
  const all = status?.podIPs?.map(({ ip }) => ip ?? '') ?? [status?.podIP ?? ''];
  const ips = all.filter(isIpv4);
  if (ips.length === 0) return undefined;
  // Sidecars are init containers, and their ports are the pod's too.
  const containers = [...spec.containers, ...(spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always')];
  return {
    key: labelsKey(metadata.labels ?? {}),
    peer: { ips, ports: containers.flatMap(({ ports }) => ports ?? []) },
  };
}

const labelsKey = (labels: Readonly<Record<string, string>>): string =>
  Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]}`)
    .join();

/** The numbers behind a port name: one per container that names it so, for this protocol. */
export const namedPorts = (ports: readonly ContainerPort[], name: string, protocol: string): number[] => [
  ...new Set(ports.filter((p) => p.name === name && (p.protocol ?? 'TCP') === protocol).map((p) => p.containerPort)),
];

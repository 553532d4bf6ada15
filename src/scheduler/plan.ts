// Where a pod goes: filter the nodes, each refusal with its reason, then score what is left. Pure.
import type { core, Node, Pod } from '../api/types.ts';
import { controllerOf, isActive, isTolerated } from '../client/pods.ts';
import type { View } from '../client/types.ts';
import { nodeAllowed, preferredWeight } from './affinity.ts';
import { allocatableOf, hostPortsOf, lacking, portsConflict, requestsOf, type Use, useOf } from './fit.ts';

export type Decision =
  | { readonly type: 'Binding'; readonly node: string }
  | { readonly type: 'Unschedulable'; readonly message: string; readonly why: ReadonlyMap<string, readonly string[]> };

const unschedulableTaint: core.Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Why this node does not take the pod; empty: it does. Upstream's words, first failing filter only. */
export function refusals(pod: Pod, node: Node, use: Use): readonly string[] {
  if (node.spec.unschedulable && !isTolerated(pod.spec.tolerations, unschedulableTaint)) {
    return ['node(s) were unschedulable'];
  }
  const taint = (node.spec.taints ?? []).find(
    (t) => (t.effect === 'NoSchedule' || t.effect === 'NoExecute') && !isTolerated(pod.spec.tolerations, t),
  );
  if (taint) return [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`];
  if (!nodeAllowed(pod, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  const wanted = hostPortsOf(pod);
  if (wanted.some((p) => use.hostPorts.some((taken) => portsConflict(p, taken)))) {
    return ["node(s) didn't have free ports for the requested pod ports"];
  }
  return lacking(pod, node, use);
}

export function schedule(pod: Pod, view: View): Decision {
  const nodes = view.list('Node');
  const why = new Map<string, readonly string[]>();
  const fitting: Node[] = [];
  for (const node of nodes) {
    const reasons = refusals(pod, node, useOf(view.podsOn(node.metadata.name)));
    if (reasons.length === 0) fitting.push(node);
    else why.set(node.metadata.name, reasons);
  }
  if (fitting.length === 0) return { type: 'Unschedulable', message: unschedulableMessage(nodes.length, why), why };
  const siblings = siblingsByNode(pod, view);
  let best: Node | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const node of fitting) {
    const score = scoreOf(pod, node, view, siblings, fitting);
    // Of equals the first by name, so that the same state gives the same choice.
    if (score > bestScore || (score === bestScore && best && node.metadata.name < best.metadata.name)) {
      best = node;
      bestScore = score;
    }
  }
  return { type: 'Binding', node: (best as Node).metadata.name };
}

/** '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. ...' */
function unschedulableMessage(total: number, why: ReadonlyMap<string, readonly string[]>): string {
  if (total === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const reasons of why.values()) for (const r of reasons) counts.set(r, (counts.get(r) ?? 0) + 1);
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  const preemption = `preemption: 0/${total} nodes are available: ${total} Preemption is not helpful for scheduling.`;
  return `0/${total} nodes are available: ${parts.join(', ')}. ${preemption}`;
}

/** How many pods of the same controller are on each node. */
function siblingsByNode(pod: Pod, view: View): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const owner = controllerOf(pod);
  if (!owner) return counts;
  for (const other of view.owned('Pod', owner.uid)) {
    const { nodeName } = other.spec;
    if (nodeName && isActive(other)) counts.set(nodeName, (counts.get(nodeName) ?? 0) + 1);
  }
  return counts;
}

// Spreading outweighs the rest: three replicas land on three nodes even when one of them is emptier.
const weights = { spread: 4, taint: 3, affinity: 2, leastAllocated: 1 } as const;

function scoreOf(
  pod: Pod,
  node: Node,
  view: View,
  siblings: ReadonlyMap<string, number>,
  fitting: readonly Node[],
): number {
  const mostSiblings = Math.max(0, ...fitting.map((n) => siblings.get(n.metadata.name) ?? 0));
  const spread =
    mostSiblings === 0 ? 100 : (100 * (mostSiblings - (siblings.get(node.metadata.name) ?? 0))) / mostSiblings;
  const mostTaints = Math.max(0, ...fitting.map((n) => preferNotTaints(pod, n)));
  const taint = mostTaints === 0 ? 100 : (100 * (mostTaints - preferNotTaints(pod, node))) / mostTaints;
  const mostWeight = Math.max(0, ...fitting.map((n) => preferredWeight(pod, n)));
  const affinity = mostWeight === 0 ? 0 : (100 * preferredWeight(pod, node)) / mostWeight;
  const least = leastAllocated(pod, node, useOf(view.podsOn(node.metadata.name)));
  return weights.spread * spread + weights.taint * taint + weights.affinity * affinity + weights.leastAllocated * least;
}

const preferNotTaints = (pod: Pod, node: Node): number =>
  (node.spec.taints ?? []).filter((t) => t.effect === 'PreferNoSchedule' && !isTolerated(pod.spec.tolerations, t))
    .length;

/** A pod that asks for nothing counts as a small one, or a hundred of them would all go to one node. */
const nonZero: Readonly<Record<string, number>> = { cpu: 0.1, memory: 200 << 20 };

function leastAllocated(pod: Pod, node: Node, use: Use): number {
  const allocatable = allocatableOf(node);
  let sum = 0;
  for (const name of ['cpu', 'memory']) {
    const total = allocatable.get(name) ?? 0;
    if (total <= 0) continue;
    const small = nonZero[name] ?? 0;
    const asked = Math.max(requestsOf(pod).get(name) ?? 0, small);
    const used = Math.max(use.requested.get(name) ?? 0, use.pods * small);
    sum += (100 * Math.max(0, total - used - asked)) / total;
  }
  return sum / 2;
}

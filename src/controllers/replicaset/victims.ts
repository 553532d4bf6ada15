// Which pods go first when there are too many. The order is upstream's, as people rely on it.
import { parseTime } from '../../api/time.ts';
import type { Pod } from '../../api/types.ts';
import { conditionOf, isReady } from '../../client/pods.ts';

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

/** The `count` pods of `active` that are missed least; `related` are the pods that count as their like on a node. */
export function victims(active: readonly Pod[], related: readonly Pod[], count: number): readonly Pod[] {
  if (count >= active.length) return active;
  const perNode = new Map<string, number>();
  for (const { spec } of related) perNode.set(spec.nodeName ?? '', (perNode.get(spec.nodeName ?? '') ?? 0) + 1);
  const rank = (pod: Pod): number[] => [
    pod.spec.nodeName ? 1 : 0,
    phaseRank[pod.status?.phase ?? 'Pending'] ?? 0,
    isReady(pod) ? 1 : 0,
    Number(pod.metadata.annotations?.[costAnnotation] ?? 0) || 0,
    -(perNode.get(pod.spec.nodeName ?? '') ?? 0),
    -readySince(pod),
    -restarts(pod),
    -parseTime(pod.metadata.creationTimestamp),
  ];
  return active
    .map((pod) => ({ pod, rank: rank(pod) }))
    .sort((a, b) => compare(a.rank, b.rank) || (a.pod.metadata.name < b.pod.metadata.name ? -1 : 1))
    .slice(0, count)
    .map((r) => r.pod);
}

const readySince = (pod: Pod): number =>
  isReady(pod) ? parseTime(conditionOf(pod, 'Ready')?.lastTransitionTime ?? '') || 0 : 0;

const restarts = (pod: Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((c) => c.restartCount ?? 0));

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

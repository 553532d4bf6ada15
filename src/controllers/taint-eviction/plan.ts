// Pods that do not (or not for so long) tolerate a NoExecute taint of their node are deleted; the node then stops them.
import { parseTime } from '../../api/time.ts';
import type { core, KubeObject, Pod } from '../../api/types.ts';
import { isFinished, isTerminating, splitKey, tolerates, withCondition } from '../../client/pods.ts';
import type { Plan, View } from '../../client/types.ts';

export function plan(view: View, key: string, nowMs: number): Plan {
  const { namespace, name } = splitKey(key);
  const pod = view.get('Pod', namespace, name);
  if (!pod?.spec.nodeName || isTerminating(pod) || isFinished(pod)) return { changes: [] };
  const node = view.get('Node', undefined, pod.spec.nodeName);
  const taints = (node?.spec.taints ?? []).filter((t) => t.effect === 'NoExecute');
  const atMs = evictAt(pod, taints, nowMs);
  if (atMs === undefined) return { changes: [] };
  if (atMs > nowMs) return { changes: [], requeueAt: atMs };
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
  };
  const conditions = withCondition(pod.status?.conditions, condition, nowMs);
  const object = { ...pod, status: { ...pod.status, conditions } } as KubeObject;
  const message = `Marking for deletion Pod ${key}`;
  const why = `${pod.spec.nodeName} has taint ${taints.map((t) => t.key).join(', ')}`;
  return {
    changes: [
      { op: 'update', kind: 'Pod', object, subresource: 'status', why },
      {
        op: 'event',
        regarding: pod,
        type: 'Normal',
        reason: 'TaintManagerEviction',
        message,
        source: 'taint-eviction-controller',
        why,
      },
      { op: 'delete', kind: 'Pod', namespace, name, uid: pod.metadata.uid, why },
    ],
  };
}

/** The moment when the first of the taints is tolerated no longer; undefined: never. */
export function evictAt(pod: Pod, taints: readonly core.Taint[], nowMs: number): number | undefined {
  let first: number | undefined;
  for (const taint of taints) {
    const matching = (pod.spec.tolerations ?? []).filter((t) => tolerates(t, taint));
    const limits = matching.flatMap((t) =>
      t.tolerationSeconds === undefined ? [] : [Math.max(0, t.tolerationSeconds)],
    );
    if (matching.length > 0 && limits.length === 0) continue;
    // timeAdded is cut to whole seconds: the taint may be up to one second younger than it says, and nobody's time is cut.
    const addedMs = taint.timeAdded ? parseTime(taint.timeAdded) + 1000 : nowMs;
    const atMs = matching.length === 0 ? nowMs : addedMs + Math.min(...limits) * 1000;
    first = Math.min(atMs, first ?? atMs);
  }
  return first;
}

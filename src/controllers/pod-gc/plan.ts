// Pods that no node will ever finish are removed without a node's word.
import { parseTime } from '../../api/time.ts';
import type { KubeObject, Pod } from '../../api/types.ts';
import { conditionOf, isFinished, isTerminating, splitKey, withCondition } from '../../client/pods.ts';
import type { Change, Plan, View } from '../../client/types.ts';

const source = 'DeletionByPodGC';

export function plan(view: View, key: string, nowMs: number, lostPodsAfterMs: number): Plan {
  const { namespace, name } = splitKey(key);
  const pod = view.get('Pod', namespace, name);
  if (!pod) return { changes: [] };
  const { nodeName } = pod.spec;
  if (!nodeName) {
    return isTerminating(pod)
      ? { changes: remove(pod, 'PodGC: pod is terminating and was never scheduled', nowMs) }
      : { changes: [] };
  }
  const node = view.get('Node', undefined, nodeName);
  if (!node) return { changes: remove(pod, 'PodGC: node no longer exists', nowMs) };
  const ready = conditionOf(node, 'Ready');
  if (!isTerminating(pod) || ready?.status !== 'Unknown') return { changes: [] };
  // Its stop was asked for at the earliest when the deletion began; deletionTimestamp is the end of the grace period.
  const askedMs =
    parseTime(pod.metadata.deletionTimestamp ?? '') - (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  const atMs = Math.max(parseTime(ready.lastTransitionTime ?? ''), askedMs) + lostPodsAfterMs;
  if (atMs > nowMs) return { changes: [], requeueAt: atMs };
  return { changes: remove(pod, `PodGC: node ${nodeName} is lost`, nowMs) };
}

function remove(pod: Pod, message: string, nowMs: number): Change[] {
  const { namespace, name, uid } = pod.metadata;
  const gone: Change = { op: 'delete', kind: 'Pod', namespace, name, uid, gracePeriodSeconds: 0, why: message };
  if (isFinished(pod)) return [gone];
  // A pod that was stopped by nobody must not look as if it had ended well.
  const condition = { type: 'DisruptionTarget', status: 'True', reason: source, message };
  const known = conditionOf(pod, 'DisruptionTarget');
  const conditions = known ? pod.status?.conditions : withCondition(pod.status?.conditions, condition, nowMs);
  const object = { ...pod, status: { ...pod.status, phase: 'Failed', conditions } } as KubeObject;
  return [{ op: 'update', kind: 'Pod', object, subresource: 'status', why: message }, gone];
}

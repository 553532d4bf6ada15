// The scheduler as a controller: one pod at a time, highest priority first, every binding seen by the next decision.
import { parseTime } from '../api/time.ts';
import type { Node, Pod } from '../api/types.ts';
import { eventsFrom } from '../client/events.ts';
import { sameJson } from '../client/hash.ts';
import { conditionOf, isFinished, isTerminating, keyOf, splitKey, withCondition } from '../client/pods.ts';
import type { Change, Controller, ObjectChange, Plan, View } from '../client/types.ts';
import { schedule } from './plan.ts';

const schedulerName = 'default-scheduler';
const event = eventsFrom(schedulerName);

/** Waits for a node: not bound, not ending, ours. */
const isPending = (pod: Pod): boolean =>
  !pod.spec.nodeName &&
  !isFinished(pod) &&
  !isTerminating(pod) &&
  (pod.spec.schedulerName ?? schedulerName) === schedulerName;

export function scheduler(): Controller {
  return {
    name: schedulerName,
    watches: ['Pod', 'Node'],
    writes: ['Pod/binding', 'Pod/status', 'Event'],
    concurrency: 1,
    keys,
    plan,
    order: (view, key) => {
      const { namespace, name } = splitKey(key);
      return -(view.get('Pod', namespace, name)?.spec.priority ?? 0);
    },
  };
}

function keys(change: ObjectChange, view: View): readonly string[] {
  if (change.kind === 'Pod') {
    const pod = change.object as Pod;
    if (change.type !== 'deleted' && isPending(pod)) return [keyOf(pod)];
    // What a bound pod held may be free now, and only then may another one fit that did not before.
    const held = (change.old ?? change.object) as Pod;
    const freed = held.spec.nodeName && !isFinished(held) && (change.type === 'deleted' || isFinished(pod));
    return freed ? waiting(view) : [];
  }
  return change.type === 'deleted' || !mattersToPods(change) ? [] : waiting(view);
}

/** A heartbeat of a node changes nothing for the pods that wait. */
function mattersToPods(change: ObjectChange): boolean {
  if (!change.old) return true;
  const [a, b] = [change.object as Node, change.old as Node];
  return !(
    sameJson(a.spec, b.spec) &&
    sameJson(a.metadata.labels, b.metadata.labels) &&
    sameJson(a.status?.allocatable, b.status?.allocatable)
  );
}

const waiting = (view: View): string[] =>
  view
    .podsOn('')
    .filter(isPending)
    .sort((a, b) => parseTime(a.metadata.creationTimestamp) - parseTime(b.metadata.creationTimestamp))
    .map(keyOf);

function plan(view: View, key: string, nowMs: number): Plan {
  const { namespace, name } = splitKey(key);
  const pod = view.get('Pod', namespace, name);
  if (!pod || !isPending(pod)) return { changes: [] };
  if ((pod.spec.schedulingGates?.length ?? 0) > 0) {
    return {
      changes: notScheduled(pod, 'SchedulingGated', 'Scheduling is blocked due to non-empty scheduling gates', nowMs),
    };
  }
  const decision = schedule(pod, view);
  if (decision.type === 'Unschedulable') {
    const changes = notScheduled(pod, 'Unschedulable', decision.message, nowMs);
    if (changes.length === 0) return { changes };
    return { changes: [...changes, event(pod, 'Warning', 'FailedScheduling', decision.message)] };
  }
  const { node } = decision;
  const message = `Successfully assigned ${namespace}/${name} to ${node}`;
  return {
    changes: [
      { op: 'bind', namespace, name, uid: pod.metadata.uid, node, why: `${namespace}/${name} goes to ${node}` },
      event(pod, 'Normal', 'Scheduled', message),
    ],
  };
}

/** Says in the pod's status that and why it waits; nothing when it already stands there. */
function notScheduled(pod: Pod, reason: string, message: string, nowMs: number): Change[] {
  const condition = { type: 'PodScheduled', status: 'False', reason, message };
  const conditions = withCondition(pod.status?.conditions, condition, nowMs);
  if (conditionOf(pod, 'PodScheduled') && conditions === pod.status?.conditions) return [];
  const object = { ...pod, status: { ...pod.status, conditions } };
  return [{ op: 'update', kind: 'Pod', object, subresource: 'status', why: message }];
}

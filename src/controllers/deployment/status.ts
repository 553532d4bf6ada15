// What a Deployment's status says: counts, Available, Progressing (which `kubectl rollout status` reads).
import { parseTime, rfc3339 } from '../../api/time.ts';
import type { Deployment, ReplicaSet } from '../../api/types.ts';
import { conditionOf } from '../../client/pods.ts';
import { replicasOf, sum } from './revisions.ts';
import { boundsOf } from './sizes.ts';

type Status = NonNullable<Deployment['status']>;
type Condition = NonNullable<Status['conditions']>[number];

/** Why the Deployment is (or is not) moving, where a step of the rollout has a word for it. */
export interface Step {
  readonly reason: 'NewReplicaSetCreated' | 'FoundNewReplicaSet' | 'DeploymentPaused' | 'DeploymentResumed';
  readonly message: string;
  /** Of the condition; True when absent. */
  readonly status?: 'Unknown';
}

export interface StatusPlan {
  readonly status: Status;
  readonly requeueAt?: number;
}

export function statusOf(
  d: Deployment,
  fresh: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  step: Step | undefined,
  nowMs: number,
): StatusPlan {
  const all = fresh ? [...old, fresh] : [...old];
  const counts = countsOf(all, fresh);
  const before = d.status ?? {};
  const b = boundsOf(d);
  let conditions = before.conditions ?? [];
  const enough = (counts.availableReplicas ?? 0) >= b.replicas - b.maxUnavailable;
  conditions = set(
    conditions,
    enough
      ? available('True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
      : available('False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'),
    nowMs,
  );
  const status: Status = { ...before, ...counts, observedGeneration: d.metadata.generation };
  let requeueAt: number | undefined;
  if (d.spec.progressDeadlineSeconds != null) {
    const wanted = step
      ? progressing(step.status ?? 'True', { reason: step.reason, message: step.message })
      : undefined;
    if (wanted) conditions = set(conditions, wanted, nowMs);
    else if (!d.spec.paused) {
      const next = progress(d, before, status, fresh, conditions, nowMs);
      conditions = next.conditions;
      requeueAt = next.requeueAt;
    }
  }
  conditions = failureOf(conditions, fresh, all, nowMs);
  return { status: { ...status, conditions }, requeueAt };
}

function countsOf(all: readonly ReplicaSet[], fresh: ReplicaSet | undefined): Partial<Status> {
  const count = (n: number): number | undefined => (n === 0 ? undefined : n);
  const availableReplicas = sum(all, (rs) => rs.status?.availableReplicas ?? 0);
  return {
    replicas: count(sum(all, (rs) => rs.status?.replicas ?? 0)),
    updatedReplicas: count(fresh?.status?.replicas ?? 0),
    readyReplicas: count(sum(all, (rs) => rs.status?.readyReplicas ?? 0)),
    availableReplicas: count(availableReplicas),
    unavailableReplicas: count(Math.max(0, sum(all, replicasOf) - availableReplicas)),
  };
}

/** Everything is updated and available, and nothing old is left. */
export const isComplete = (d: Deployment, s: Status): boolean => {
  const replicas = d.spec.replicas ?? 1;
  return (
    (s.updatedReplicas ?? 0) === replicas &&
    (s.replicas ?? 0) === replicas &&
    (s.availableReplicas ?? 0) === replicas &&
    (s.observedGeneration ?? 0) >= (d.metadata.generation ?? 0)
  );
};

function progress(
  d: Deployment,
  before: Status,
  now: Status,
  fresh: ReplicaSet | undefined,
  conditions: readonly Condition[],
  nowMs: number,
): { conditions: Condition[]; requeueAt?: number } {
  const current = conditionOf({ status: { conditions } }, 'Progressing');
  const subject = fresh ? `ReplicaSet "${fresh.metadata.name}"` : `Deployment "${d.metadata.name}"`;
  const finished = (now.replicas ?? 0) === (now.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (finished) return { conditions: [...conditions] };
  if (isComplete(d, now)) {
    const message = `${subject} has successfully progressed.`;
    return { conditions: set(conditions, progressing('True', { reason: 'NewReplicaSetAvailable', message }), nowMs) };
  }
  const deadlineMs = (d.spec.progressDeadlineSeconds ?? 600) * 1000;
  if (hasProgressed(before, now)) {
    const wanted = progressing('True', { reason: 'ReplicaSetUpdated', message: `${subject} is progressing.` });
    // Each step forward starts the deadline anew.
    return { conditions: set(conditions, wanted, nowMs, true), requeueAt: nowMs + deadlineMs };
  }
  if (!current || current.reason === 'ProgressDeadlineExceeded') return { conditions: [...conditions] };
  const dueMs = parseTime(current.lastUpdateTime ?? '') + deadlineMs;
  if (current.reason !== 'NewReplicaSetAvailable' && nowMs > dueMs) {
    const message = `${subject} has timed out progressing.`;
    return {
      conditions: set(conditions, progressing('False', { reason: 'ProgressDeadlineExceeded', message }), nowMs),
    };
  }
  return { conditions: [...conditions], requeueAt: Math.max(nowMs, dueMs) + 1 };
}

const hasProgressed = (a: Status, b: Status): boolean =>
  (b.updatedReplicas ?? 0) > (a.updatedReplicas ?? 0) ||
  (b.replicas ?? 0) - (b.updatedReplicas ?? 0) < (a.replicas ?? 0) - (a.updatedReplicas ?? 0) ||
  (b.readyReplicas ?? 0) > (a.readyReplicas ?? 0) ||
  (b.availableReplicas ?? 0) > (a.availableReplicas ?? 0);

/** A set that cannot make its pods says so in the Deployment too. */
function failureOf(
  conditions: readonly Condition[],
  fresh: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  nowMs: number,
): Condition[] {
  const from =
    fresh && conditionOf(fresh, 'ReplicaFailure') ? fresh : all.find((rs) => conditionOf(rs, 'ReplicaFailure'));
  const failure = from && conditionOf(from, 'ReplicaFailure');
  if (!failure) return conditions.filter((c) => c.type !== 'ReplicaFailure');
  const { type, status, reason, message } = failure;
  return set(conditions, { type, status, reason, message }, nowMs);
}

const available = (status: string, reason: string, message: string): Condition => ({
  type: 'Available',
  status,
  reason,
  message,
});
const progressing = (status: string, o: { reason: string; message: string }): Condition => ({
  type: 'Progressing',
  status,
  ...o,
});

/** As upstream: the same status and reason change nothing (a new message alone is not news), unless asked to. */
function set(list: readonly Condition[], wanted: Condition, nowMs: number, touch = false): Condition[] {
  const old = list.find((c) => c.type === wanted.type);
  if (old && !touch && old.status === wanted.status && old.reason === wanted.reason) return [...list];
  const lastTransitionTime = old?.status === wanted.status ? old.lastTransitionTime : rfc3339(nowMs);
  const next = { ...wanted, lastUpdateTime: rfc3339(nowMs), lastTransitionTime };
  return old ? list.map((c) => (c === old ? next : c)) : [...list, next];
}

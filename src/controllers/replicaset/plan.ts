// A ReplicaSet has exactly as many active pods as it says.
import { rfc3339 } from '../../api/time.ts';
import type { Draft, KubeObject, Pod, ReplicaSet } from '../../api/types.ts';
import { eventsFrom } from '../../client/events.ts';
import { nameSuffix, sameJson } from '../../client/hash.ts';
import { claim } from '../../client/owned.ts';
import { availableAt, controllerOf, controllerReference, isActive, isReady, splitKey } from '../../client/pods.ts';
import type { Change, Plan, View } from '../../client/types.ts';
import { victims } from './victims.ts';

const event = eventsFrom('replicaset-controller');
/** Most pods made or removed in one look: the rest follows in the next ones. */
const burst = 500;

export function plan(view: View, key: string, nowMs: number): Plan {
  const { namespace, name } = splitKey(key);
  const rs = view.get('ReplicaSet', namespace, name);
  if (!rs) return { changes: [] };
  const claimed = claim(view, 'Pod', rs, rs.spec.selector);
  const active = claimed.objects.filter(isActive);
  const manage = rs.metadata.deletionTimestamp === undefined ? replicas(view, rs, active, nowMs) : [];
  const { status, requeueAt } = statusOf(rs, active, nowMs);
  const changes: Change[] = [...claimed.changes];
  if (!sameJson(status, rs.status)) {
    changes.push({
      op: 'update',
      kind: 'ReplicaSet',
      object: { ...rs, status } as KubeObject,
      subresource: 'status',
      why: `${key} has ${status.replicas} pods, ${status.readyReplicas ?? 0} ready`,
    });
  }
  return { changes: [...changes, ...manage], requeueAt };
}

function replicas(view: View, rs: ReplicaSet, active: readonly Pod[], nowMs: number): Change[] {
  const missing = (rs.spec.replicas ?? 1) - active.length;
  if (missing > 0) {
    return newPods(rs, Math.min(missing, burst), active, nowMs).flatMap((pod): Change[] => [
      { op: 'create', kind: 'Pod', object: pod, why: `${rs.metadata.name} lacks ${missing} pods` },
      event(rs, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`),
    ]);
  }
  if (missing === 0) return [];
  return victims(active, related(view, rs, active), Math.min(-missing, burst)).flatMap((pod): Change[] => [
    {
      op: 'delete',
      kind: 'Pod',
      namespace: pod.metadata.namespace,
      name: pod.metadata.name,
      uid: pod.metadata.uid,
      why: `${rs.metadata.name} has ${-missing} pods too many`,
    },
    event(rs, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`),
  ]);
}

/** Pods of all ReplicaSets of the same owner: on a node with many of them one is missed least. */
function related(view: View, rs: ReplicaSet, active: readonly Pod[]): readonly Pod[] {
  const owner = controllerOf(rs);
  if (!owner) return active;
  const sets = view.owned('ReplicaSet', owner.uid);
  return sets.flatMap((set) => view.owned('Pod', set.metadata.uid)).filter(isActive);
}

function newPods(rs: ReplicaSet, count: number, active: readonly Pod[], nowMs: number): Draft<Pod>[] {
  const { template } = rs.spec;
  const prefix = `${rs.metadata.name.slice(0, 57)}-`;
  // Names are part of the plan, so that it can be read. The time makes them new ones after a failed try.
  const taken = new Set(active.map((p) => p.metadata.name));
  const drafts: Draft<Pod>[] = [];
  for (let i = 0; drafts.length < count; i++) {
    const name = prefix + nameSuffix(`${rs.metadata.uid}/${rs.metadata.resourceVersion}/${nowMs}/${i}`);
    if (taken.has(name)) continue;
    taken.add(name);
    drafts.push({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        generateName: prefix,
        namespace: rs.metadata.namespace,
        labels: { ...template?.metadata?.labels },
        annotations: { ...template?.metadata?.annotations },
        finalizers: [...(template?.metadata?.finalizers ?? [])],
        ownerReferences: [controllerReference(rs)],
      },
      spec: template?.spec ?? { containers: [] },
    });
  }
  return drafts;
}

type Status = NonNullable<ReplicaSet['status']>;

function statusOf(rs: ReplicaSet, active: readonly Pod[], nowMs: number): { status: Status; requeueAt?: number } {
  const minReadySeconds = rs.spec.minReadySeconds ?? 0;
  const labels = Object.entries(rs.spec.template?.metadata?.labels ?? {});
  let available = 0;
  let requeueAt: number | undefined;
  for (const pod of active) {
    const at = availableAt(pod, minReadySeconds);
    if (at === undefined) continue;
    if (at <= nowMs) available++;
    else requeueAt = Math.min(at, requeueAt ?? at);
  }
  const conditions = rs.status?.conditions?.filter(
    (c) => c.type !== 'ReplicaFailure' || active.length < (rs.spec.replicas ?? 1),
  );
  const count = (n: number): number | undefined => (n === 0 ? undefined : n);
  const status: Status = {
    ...rs.status,
    replicas: active.length,
    fullyLabeledReplicas: count(active.filter((p) => labels.every(([k, v]) => p.metadata.labels?.[k] === v)).length),
    readyReplicas: count(active.filter(isReady).length),
    availableReplicas: count(available),
    observedGeneration: rs.metadata.generation,
    conditions: conditions?.length ? conditions : undefined,
  };
  return { status, requeueAt };
}

/** A pod that the API refuses (a policy, a namespace on its way out) is told where people look for it. */
export function failed(view: View, key: string, change: Change, error: Error, nowMs: number): readonly Change[] {
  const { namespace, name } = splitKey(key);
  const rs = view.get('ReplicaSet', namespace, name);
  if (!rs || !('kind' in change) || change.kind !== 'Pod') return [];
  if (change.op !== 'create' && change.op !== 'delete') return [];
  const creating = change.op === 'create';
  const reason = creating ? 'FailedCreate' : 'FailedDelete';
  const message = creating ? `Error creating: ${error.message}` : `Error deleting: ${error.message}`;
  const told = event(rs, 'Warning', reason, message);
  const others = (rs.status?.conditions ?? []).filter((c) => c.type !== 'ReplicaFailure');
  const known = rs.status?.conditions?.find((c) => c.type === 'ReplicaFailure');
  if (known?.message === error.message) return [told];
  const lastTransitionTime = known?.lastTransitionTime ?? rfc3339(nowMs);
  const condition = { type: 'ReplicaFailure', status: 'True', reason, message: error.message, lastTransitionTime };
  const status = { ...rs.status, replicas: rs.status?.replicas ?? 0, conditions: [...others, condition] };
  return [
    told,
    { op: 'update', kind: 'ReplicaSet', object: { ...rs, status } as KubeObject, subresource: 'status', why: message },
  ];
}

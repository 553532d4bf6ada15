// What a Pod's and a condition's fields mean, in the words that the scheduler, the controllers and the node agree on.
import { parseTime, rfc3339 } from '../api/time.ts';
import type { core, KubeObject, OwnerReference, Pod } from '../api/types.ts';

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export const conditionOf = <C extends { type: string }>(
  o: { status?: { conditions?: readonly C[] } },
  type: string,
): C | undefined => o.status?.conditions?.find((c) => c.type === type);

/** The list with this condition in it; lastTransitionTime moves only when status does. The same list when nothing changes. */
export function withCondition<C extends Condition>(list: readonly C[] | undefined, wanted: C, nowMs: number): C[] {
  const conditions = (list ?? []) as C[];
  const old = conditions.find((c) => c.type === wanted.type);
  if (
    old &&
    old.status === wanted.status &&
    (old.reason ?? '') === (wanted.reason ?? '') &&
    (old.message ?? '') === (wanted.message ?? '')
  ) {
    return conditions;
  }
  const same = old?.status === wanted.status;
  const next = { ...wanted, lastTransitionTime: same ? old?.lastTransitionTime : rfc3339(nowMs) };
  return old ? conditions.map((c) => (c === old ? next : c)) : [...conditions, next];
}

/** Of a pod or a node. */
export const isReady = (o: { status?: { conditions?: readonly { type: string; status: string }[] } }): boolean =>
  conditionOf(o, 'Ready')?.status === 'True';

/** Finished for good: Succeeded or Failed. */
export const isFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export const isTerminating = (o: KubeObject): boolean => o.metadata.deletionTimestamp !== undefined;

/** Counts as a replica: neither finished nor on its way out. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && !isTerminating(pod);

/** When the pod has been ready for minReadySeconds: ms since the epoch; undefined: it is not ready. */
export function availableAt(pod: Pod, minReadySeconds: number): number | undefined {
  const ready = conditionOf(pod, 'Ready');
  if (ready?.status !== 'True') return undefined;
  if (minReadySeconds === 0) return 0;
  return parseTime(ready.lastTransitionTime ?? pod.metadata.creationTimestamp) + minReadySeconds * 1000;
}

export const controllerOf = (o: KubeObject): OwnerReference | undefined =>
  o.metadata.ownerReferences?.find((r) => r.controller);

export const controllerReference = (owner: KubeObject): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

export const keyOf = (o: KubeObject): string =>
  o.metadata.namespace === undefined ? o.metadata.name : `${o.metadata.namespace}/${o.metadata.name}`;

/** 'my-app/web' -> both; 'node-1' -> the name alone. */
export function splitKey(key: string): { namespace: string; name: string } {
  const at = key.indexOf('/');
  return { namespace: key.slice(0, Math.max(at, 0)), name: key.slice(at + 1) };
}

/** Whether a toleration takes this taint. */
export function tolerates(toleration: core.Toleration, taint: core.Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  const operator = toleration.operator || 'Equal';
  if (operator === 'Exists') return true;
  return Boolean(toleration.key) && operator === 'Equal' && (toleration.value ?? '') === (taint.value ?? '');
}

export const isTolerated = (tolerations: readonly core.Toleration[] | undefined, taint: core.Taint): boolean =>
  (tolerations ?? []).some((t) => tolerates(t, taint));

// What upstream does to an object of a kind beside checking it: what the server sets itself on create, which half of the
// object a path may write, and who may be deleted with a delay.
import { kindRow, type KindRow } from '../api/kinds.ts';
import type { KubeObject, Namespace, Pod } from '../api/types.ts';

export const hasStatus = (row: KindRow): boolean => row.subresources.includes('status');

type WithStatus = KubeObject & { status?: unknown; spec?: unknown };

/** A client's status of a new object is not taken; a node, which registers itself, is the exception. */
export function withoutStatus(row: KindRow, object: KubeObject): KubeObject {
  if (!hasStatus(row) || row.kind === 'Node') return object;
  const { status: _notTheirs, ...rest } = object as WithStatus;
  return rest;
}

/** After the defaults, in place: what is left of upstream's preparation for a create. */
export function setOnCreate(row: KindRow, object: KubeObject): void {
  if (row.generation) object.metadata.generation = 1;
  // Go's zero values of the statuses that have required fields.
  const zero = { ReplicaSet: { replicas: 0 }, StatefulSet: { replicas: 0, availableReplicas: 0 } } as const;
  if (hasStatus(row)) (object as WithStatus).status ??= { ...(zero as Record<string, object>)[row.kind] };
}

/**
 * What of `incoming` may replace `old`: through the object's own path everything but the status, through /status the status
 * alone (and, as upstream, labels and annotations).
 */
export function writable(row: KindRow, incoming: KubeObject, old: KubeObject, subresource?: string): KubeObject {
  const status = (old as WithStatus).status;
  if (subresource === 'status') {
    const { ownerReferences: _o, finalizers: _f, ...meta } = incoming.metadata;
    const kept = {
      ...(old.metadata.ownerReferences ? { ownerReferences: old.metadata.ownerReferences } : {}),
      ...(old.metadata.finalizers ? { finalizers: old.metadata.finalizers } : {}),
    };
    const next = { ...old, metadata: { ...meta, ...kept }, status: (incoming as WithStatus).status };
    if (next.status === undefined) delete next.status;
    return next;
  }
  if (!hasStatus(row)) return incoming;
  const next: WithStatus = { ...incoming, status };
  if (status === undefined) delete next.status;
  // Its finalizers have a path of their own.
  if (row.kind === 'Namespace' && subresource !== 'finalize') {
    next.spec = { ...(next.spec as object), finalizers: (old as Namespace).spec?.finalizers };
  }
  return next;
}

/** Seconds that a pod is given to end; undefined: objects of this kind go at once. */
export function gracePeriod(object: KubeObject, asked: number | undefined): number | undefined {
  if (object.kind !== 'Pod') return undefined;
  const pod = object as Pod;
  const phase = pod.status?.phase;
  // Nothing runs, or nothing runs any more.
  if (!pod.spec.nodeName || phase === 'Succeeded' || phase === 'Failed') return 0;
  const period = asked ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  return period < 0 ? 1 : period;
}

/** Kinds whose delete answers with the object and not with a Status. */
export const answersWithObject = (row: KindRow): boolean =>
  row === kindRow('Pod') || row === kindRow('Service') || row === kindRow('ServiceAccount');

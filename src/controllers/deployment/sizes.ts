// How many pods each ReplicaSet may have: rolling updates and proportional scaling, as numbers.
import { intOrPercent } from '../../api/quantity.ts';
import type { Deployment, ReplicaSet } from '../../api/types.ts';
import { desiredAnnotation, isActiveSet, maxAnnotation, oldestFirst, replicasOf, sum } from './revisions.ts';

export interface Bounds {
  readonly replicas: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

export function boundsOf(d: Deployment): Bounds {
  const replicas = d.spec.replicas ?? 1;
  if (d.spec.strategy?.type === 'Recreate') return { replicas, maxSurge: 0, maxUnavailable: 0 };
  const rolling = d.spec.strategy?.rollingUpdate;
  const maxSurge = intOrPercent(rolling?.maxSurge ?? '25%', replicas, true);
  const maxUnavailable = intOrPercent(rolling?.maxUnavailable ?? '25%', replicas, false);
  // Both zero after rounding would let nothing ever move.
  const unavailable = maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable;
  return { replicas, maxSurge, maxUnavailable: Math.min(unavailable, replicas) };
}

const availableOf = (rs: ReplicaSet): number => rs.status?.availableReplicas ?? 0;

/** Size of the new set now: grows as far as the surge allows. */
export function newSetSize(d: Deployment, b: Bounds, all: readonly ReplicaSet[], current: number): number {
  if (d.spec.strategy?.type === 'Recreate') return b.replicas;
  const room = b.replicas + b.maxSurge - sum(all, replicasOf);
  if (room <= 0) return current;
  return current + Math.min(room, b.replicas - current);
}

/** New sizes of the old sets: first what is unhealthy anyway goes, then as much as availability allows. */
export function oldSetSizes(
  b: Bounds,
  fresh: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): ReadonlyMap<ReplicaSet, number> {
  const sizes = new Map<ReplicaSet, number>();
  const size = (rs: ReplicaSet): number => sizes.get(rs) ?? replicasOf(rs);
  const all = fresh ? [...old, fresh] : [...old];
  const minAvailable = b.replicas - b.maxUnavailable;
  const freshUnavailable = fresh ? replicasOf(fresh) - availableOf(fresh) : 0;
  let removable = sum(all, replicasOf) - minAvailable - freshUnavailable;
  if (removable <= 0) return sizes;
  const sorted = oldestFirst(old).filter(isActiveSet);
  for (const rs of sorted) {
    // A set whose status still counts pods from before it shrank has nothing unhealthy that we know of.
    const unhealthy = Math.max(0, replicasOf(rs) - availableOf(rs));
    const fewer = Math.min(removable, unhealthy);
    if (fewer > 0) sizes.set(rs, replicasOf(rs) - fewer);
    removable -= fewer;
  }
  let spare = sum(all, (rs) => Math.min(availableOf(rs), size(rs))) - minAvailable;
  for (const rs of sorted) {
    const fewer = Math.min(size(rs), Math.max(0, spare));
    if (fewer > 0) sizes.set(rs, size(rs) - fewer);
    spare -= fewer;
  }
  return sizes;
}

/** Whether the Deployment was scaled since its sets were last sized. */
export const wasScaled = (d: Deployment, sets: readonly ReplicaSet[]): boolean =>
  sets.some((rs) => {
    const desired = rs.metadata.annotations?.[desiredAnnotation];
    return isActiveSet(rs) && desired !== undefined && Number(desired) !== (d.spec.replicas ?? 1);
  });

/** Sizes after the Deployment was scaled in the middle of a rollout, shared in proportion to what each set has. */
export function scaledSizes(
  d: Deployment,
  b: Bounds,
  fresh: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): ReadonlyMap<ReplicaSet, number> {
  const sizes = new Map<ReplicaSet, number>();
  const all = fresh ? [...old, fresh] : [...old];
  const active = all.filter(isActiveSet);
  const only = active.length === 0 ? (fresh ?? oldestFirst(old).at(-1)) : active[0];
  if (active.length <= 1) {
    if (only) sizes.set(only, b.replicas);
    return sizes;
  }
  if (fresh && isSaturated(fresh, b.replicas)) {
    for (const rs of old) if (isActiveSet(rs)) sizes.set(rs, 0);
    return sizes;
  }
  if (d.spec.strategy?.type === 'Recreate') return sizes;
  const allowed = b.replicas > 0 ? b.replicas + b.maxSurge : 0;
  const toAdd = allowed - sum(active, replicasOf);
  // When growing, of equals the newer first; when shrinking, the older.
  const bySize = (toAdd > 0 ? oldestFirst(active).toReversed() : oldestFirst(active)).sort(
    (x, y) => replicasOf(y) - replicasOf(x),
  );
  let added = 0;
  for (const rs of bySize) {
    const part = toAdd === 0 ? 0 : proportion(rs, d, b, toAdd, added);
    sizes.set(rs, replicasOf(rs) + part);
    added += part;
  }
  const first = bySize[0];
  if (first && toAdd !== 0) sizes.set(first, Math.max(0, (sizes.get(first) ?? 0) + toAdd - added));
  return sizes;
}

const isSaturated = (rs: ReplicaSet, replicas: number): boolean =>
  replicasOf(rs) === replicas &&
  Number(rs.metadata.annotations?.[desiredAnnotation]) === replicas &&
  availableOf(rs) === replicas;

function proportion(rs: ReplicaSet, d: Deployment, b: Bounds, toAdd: number, added: number): number {
  if (replicasOf(rs) === 0 || toAdd === added) return 0;
  const share = fraction(rs, d, b);
  return toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added);
}

function fraction(rs: ReplicaSet, d: Deployment, b: Bounds): number {
  if (b.replicas === 0) return -replicasOf(rs);
  const before = Number(rs.metadata.annotations?.[maxAnnotation] ?? 0) || (d.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((replicasOf(rs) * (b.replicas + b.maxSurge)) / before) - replicasOf(rs);
}

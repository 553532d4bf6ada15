// A StatefulSet: pods with numbers, at most one of each at any time.
//
//   OrderedReady: 0, 1, 2, ... each waits for the one before it; scaling down goes from the top, updates too.
//   Parallel: all at once; updates still from the top.
import { intOrPercent } from '../../api/quantity.ts';
import type { ControllerRevision, KubeObject, Pod, StatefulSet } from '../../api/types.ts';
import { eventsFrom } from '../../client/events.ts';
import { sameJson } from '../../client/hash.ts';
import { claim } from '../../client/owned.ts';
import { isFinished, isTerminating, splitKey } from '../../client/pods.ts';
import type { Change, Plan, View } from '../../client/types.ts';
import { healthyAt, isHealthy, isRunningAndReady, newPod, ordinalOf, podName } from './ordinals.ts';
import { expired, podRevision, type Revision, type Revisions, revisionsOf } from './revisions.ts';

const event = eventsFrom('statefulset-controller');

interface Context {
  readonly set: StatefulSet;
  readonly revisions: Revisions;
  readonly nowMs: number;
  /** One per wanted number, undefined where there is none. */
  readonly replicas: readonly (Pod | undefined)[];
  /** Above (or below) the wanted numbers, highest first. */
  readonly condemned: readonly Pod[];
  readonly start: number;
  /** One at a time. */
  readonly ordered: boolean;
}

export function plan(view: View, key: string, nowMs: number): Plan {
  const { namespace, name } = splitKey(key);
  const set = view.get('StatefulSet', namespace, name);
  if (!set) return { changes: [] };
  const claimed = claim(view, 'Pod', set, set.spec.selector);
  const ours = claimed.objects.filter((pod) => ordinalOf(set, pod) !== undefined);
  const history = claim(view, 'ControllerRevision', set, set.spec.selector);
  // What an earlier set of this name left behind is this one's before its names are needed again.
  if (history.changes.length > 0) return { changes: history.changes };
  const held = history.objects;
  const named = (revision: string): ControllerRevision | undefined =>
    view.get('ControllerRevision', namespace, revision);
  const c = contextOf(set, revisionsOf(set, held, named), ours, nowMs);
  const { status, requeueAt } = statusOf(c, ours);
  const changes: Change[] = claimed.changes.filter(
    (change) => 'name' in change && ours.some((p) => p.metadata.name === change.name),
  );
  if (!isTerminating(set)) changes.push(...c.revisions.changes);
  if (!sameJson(status, set.status)) {
    const why = `${key}: ${status.replicas} pods, ${status.readyReplicas ?? 0} ready`;
    changes.push({
      op: 'update',
      kind: 'StatefulSet',
      object: { ...set, status } as KubeObject,
      subresource: 'status',
      why,
    });
  }
  if (!isTerminating(set)) {
    changes.push(...step(c), ...expired(set, held, ours, [c.revisions.current.name, c.revisions.update.name]));
  }
  return { changes, requeueAt };
}

function contextOf(set: StatefulSet, revisions: Revisions, pods: readonly Pod[], nowMs: number): Context {
  const count = set.spec.replicas ?? 1;
  const start = set.spec.ordinals?.start ?? 0;
  const replicas: (Pod | undefined)[] = Array.from({ length: count });
  const condemned: Pod[] = [];
  const number = (pod: Pod): number => ordinalOf(set, pod) ?? 0;
  for (const pod of pods) {
    const at = number(pod) - start;
    if (at >= 0 && at < count) replicas[at] = pod;
    else condemned.push(pod);
  }
  condemned.sort((a, b) => number(b) - number(a));
  return { set, revisions, nowMs, replicas, condemned, start, ordered: set.spec.podManagementPolicy !== 'Parallel' };
}

/** Creating comes first, then scaling down, then updating; ordered sets stop at the first pod that must be waited for. */
function step(c: Context): Change[] {
  const changes: Change[] = [];
  for (const [i, pod] of c.replicas.entries()) {
    const waited = placeReplica(c, c.start + i, pod, changes);
    if (c.ordered && waited) return changes;
  }
  const first = lowestUnhealthy(c);
  for (const pod of c.condemned) {
    if (isTerminating(pod)) {
      if (c.ordered) return changes;
      continue;
    }
    // An ordered set shrinks only while all pods are well, unless the one to go is the first that is not.
    if (c.ordered && !isRunningAndReady(pod) && pod !== first) return changes;
    changes.push(...remove(c.set, pod, 'has too many pods'));
    if (c.ordered) return changes;
  }
  return changes.length > 0 && c.ordered ? changes : [...changes, ...rollOut(c)];
}

function lowestUnhealthy(c: Context): Pod | undefined {
  const all = [...c.replicas.flatMap((p) => (p ? [p] : [])), ...c.condemned];
  const number = (pod: Pod): number => ordinalOf(c.set, pod) ?? 0;
  return all.filter((p) => !isHealthy(p)).sort((a, b) => number(a) - number(b))[0];
}

/** Brings one number into place; true: the next one has to wait for it. */
function placeReplica(c: Context, ordinal: number, pod: Pod | undefined, changes: Change[]): boolean {
  const name = podName(c.set, ordinal);
  if (!pod) {
    const revision = revisionFor(c, ordinal);
    changes.push(
      {
        op: 'create',
        kind: 'Pod',
        object: newPod(c.set, ordinal, revision),
        why: `${c.set.metadata.name} lacks ${name}`,
      },
      event(c.set, 'Normal', 'SuccessfulCreate', `create Pod ${name} in StatefulSet ${c.set.metadata.name} successful`),
    );
    return true;
  }
  if (isTerminating(pod)) return true;
  if (isFinished(pod)) {
    // It can only be made anew under its name once this one is gone.
    const message = `StatefulSet ${c.set.metadata.namespace}/${c.set.metadata.name} is recreating ${pod.status?.phase?.toLowerCase()} Pod ${name}`;
    const reason = pod.status?.phase === 'Failed' ? 'RecreatingFailedPod' : 'RecreatingTerminatedPod';
    changes.push(event(c.set, 'Warning', reason, message), ...remove(c.set, pod, 'replaces a finished pod'));
    return true;
  }
  const healthy = healthyAt(c.set, pod);
  return healthy === undefined || healthy > c.nowMs;
}

/** Numbers below the partition keep the current revision; where none is set, those that the update has not reached. */
function revisionFor(c: Context, ordinal: number): Revision {
  const { updateStrategy: strategy, replicas = 1 } = c.set.spec;
  if (strategy?.type === 'OnDelete') return c.revisions.update;
  const partition = strategy?.rollingUpdate?.partition;
  const bound = partition ?? Math.min(replicas, c.set.status?.currentReplicas ?? 0);
  return ordinal < c.start + bound ? c.revisions.current : c.revisions.update;
}

/** From the top down: pods of an older revision go, as many at a time as may be unavailable. */
function rollOut(c: Context): Change[] {
  const { updateStrategy: strategy } = c.set.spec;
  if (strategy?.type === 'OnDelete') return [];
  const from = Math.max(0, (strategy?.rollingUpdate?.partition ?? 0) - c.start);
  const limit = Math.max(1, intOrPercent(strategy?.rollingUpdate?.maxUnavailable ?? 1, c.replicas.length, true));
  const changes: Change[] = [];
  let unavailable = 0;
  for (let i = c.replicas.length - 1; i >= from; i--) {
    const pod = c.replicas[i];
    const healthy = pod && healthyAt(c.set, pod);
    const old = pod && podRevision(pod) !== c.revisions.update.name;
    if (pod && old && !isTerminating(pod)) {
      changes.push(...remove(c.set, pod, `updates to ${c.revisions.update.name}`));
      unavailable++;
    } else if (healthy === undefined || healthy > c.nowMs) unavailable++;
    if (unavailable >= limit) break;
  }
  return changes;
}

function remove(set: StatefulSet, pod: Pod, why: string): Change[] {
  const { namespace, name, uid } = pod.metadata;
  const message = `delete Pod ${name} in StatefulSet ${set.metadata.name} successful`;
  return [
    { op: 'delete', kind: 'Pod', namespace, name, uid, why: `${set.metadata.name} ${why}` },
    event(set, 'Normal', 'SuccessfulDelete', message),
  ];
}

type Status = NonNullable<StatefulSet['status']>;

function statusOf(c: Context, pods: readonly Pod[]): { status: Status; requeueAt?: number } {
  const { set, revisions } = c;
  let requeueAt: number | undefined;
  const counts = { replicas: 0, ready: 0, available: 0, current: 0, updated: 0 };
  for (const pod of pods) {
    if (isFinished(pod)) continue;
    counts.replicas++;
    if (isRunningAndReady(pod)) {
      counts.ready++;
      const at = healthyAt(set, pod);
      if (at !== undefined && at <= c.nowMs) counts.available++;
      else if (at !== undefined) requeueAt = Math.min(at, requeueAt ?? at);
    }
    if (isTerminating(pod)) continue;
    if (podRevision(pod) === revisions.current.name) counts.current++;
    if (podRevision(pod) === revisions.update.name) counts.updated++;
  }
  const count = (n: number): number | undefined => (n === 0 ? undefined : n);
  const done =
    counts.updated === counts.replicas &&
    counts.ready === counts.replicas &&
    counts.replicas === (set.spec.replicas ?? 1);
  const rolled = done && set.spec.updateStrategy?.type !== 'OnDelete';
  const status: Status = {
    ...set.status,
    observedGeneration: set.metadata.generation,
    replicas: counts.replicas,
    readyReplicas: count(counts.ready),
    availableReplicas: counts.available,
    currentReplicas: count(rolled ? counts.updated : counts.current),
    updatedReplicas: count(counts.updated),
    currentRevision: rolled ? revisions.update.name : revisions.current.name,
    updateRevision: revisions.update.name,
    collisionCount: revisions.collisionCount,
  };
  return { status, requeueAt };
}

export function failed(view: View, key: string, change: Change, error: Error): readonly Change[] {
  const { namespace, name } = splitKey(key);
  const set = view.get('StatefulSet', namespace, name);
  if (!set || !('kind' in change) || change.kind !== 'Pod' || (change.op !== 'create' && change.op !== 'delete'))
    return [];
  const pod = change.op === 'create' ? change.object.metadata.name : change.name;
  const message = `${change.op} Pod ${pod} in StatefulSet ${name} failed error: ${error.message}`;
  return [event(set, 'Warning', change.op === 'create' ? 'FailedCreate' : 'FailedDelete', message)];
}

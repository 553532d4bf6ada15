// One step of a Deployment: the first of the stages below that has something to do; its own write brings the next look.
//
//   new ReplicaSet, annotations -> sizes after scaling -> grow new -> shrink old -> clean up the history
//
// The status goes with each step, always last, as it tells what was seen before the step.
import type { Deployment, KubeObject, ReplicaSet } from '../../api/types.ts';
import { eventsFrom } from '../../client/events.ts';
import { sameJson } from '../../client/hash.ts';
import { claim } from '../../client/owned.ts';
import { conditionOf, isFinished, splitKey } from '../../client/pods.ts';
import type { Change, Plan, View } from '../../client/types.ts';
import {
  isActiveSet,
  newSet,
  newSetAnnotations,
  newSetOf,
  oldestFirst,
  replicasOf,
  revisionAnnotation,
  revisionOf,
  sizeAnnotations,
  templateHash,
} from './revisions.ts';
import { type Bounds, boundsOf, newSetSize, oldSetSizes, scaledSizes, wasScaled } from './sizes.ts';
import { isComplete, type Step, statusOf } from './status.ts';

const event = eventsFrom('deployment-controller');

interface Sets {
  readonly d: Deployment;
  readonly b: Bounds;
  readonly fresh: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  readonly all: readonly ReplicaSet[];
}

export function plan(view: View, key: string, nowMs: number): Plan {
  const { namespace, name } = splitKey(key);
  const d = view.get('Deployment', namespace, name);
  if (!d) return { changes: [] };
  const claimed = claim(view, 'ReplicaSet', d, d.spec.selector);
  const all = oldestFirst(claimed.objects);
  const fresh = newSetOf(d, all);
  const s: Sets = { d, b: boundsOf(d), fresh, old: all.filter((rs) => rs !== fresh), all };
  const paused = pauseStep(d);
  const { changes, step, status: own } = d.metadata.deletionTimestamp ? nothing : stages(view, s);
  const { status, requeueAt } = statusOf(d, s.fresh, s.old, paused ?? step, nowMs);
  const written: Change[] = [...claimed.changes, ...changes];
  const next = { ...status, ...own };
  if (!sameJson(next, d.status)) {
    written.push({
      op: 'update',
      kind: 'Deployment',
      // An update of the Deployment itself in the same plan would make this one a conflict: it comes in the next look.
      object: { ...d, status: next } as KubeObject,
      subresource: 'status',
      why: `${key}: ${next.updatedReplicas ?? 0} updated, ${next.availableReplicas ?? 0} available`,
    });
  }
  const first = written.findIndex((c) => c.op === 'update' && c.kind === 'Deployment' && c.subresource === undefined);
  return { changes: first < 0 ? written : written.slice(0, first + 1), requeueAt };
}

interface Stage {
  readonly changes: readonly Change[];
  readonly step?: Step;
  readonly status?: { collisionCount: number };
}
const nothing: Stage = { changes: [] };

function stages(view: View, s: Sets): Stage {
  const { d } = s;
  if (d.spec.paused || wasScaled(d, s.all)) {
    const adopted = annotate(s);
    if (adopted.length > 0) return { changes: adopted };
    const scaled = scale(s, scaledSizes(d, s.b, s.fresh, s.old));
    if (scaled.length > 0) return { changes: scaled };
    return { changes: d.spec.paused ? cleanUp(s) : resize(s) };
  }
  if (d.spec.strategy?.type === 'Recreate') return recreate(view, s);
  if (!s.fresh) return create(view, s);
  const annotated = annotate(s);
  if (annotated.length > 0) return { changes: annotated, step: foundStep(s) };
  const grown = scale(s, new Map([[s.fresh, freshSize(s, s.fresh)]]));
  if (grown.length > 0) return { changes: grown, step: foundStep(s) };
  const shrunk = scale(s, oldSetSizes(s.b, s.fresh, s.old));
  if (shrunk.length > 0) return { changes: shrunk };
  return { changes: isComplete(d, d.status ?? {}) ? cleanUp(s) : [], step: foundStep(s) };
}

function freshSize(s: Sets, fresh: ReplicaSet): number {
  const current = replicasOf(fresh);
  return current > s.b.replicas ? s.b.replicas : newSetSize(s.d, s.b, s.all, current);
}

/** All old pods go, really, before the first new one comes. */
function recreate(view: View, s: Sets): Stage {
  const shrunk = scale(s, new Map(s.old.filter(isActiveSet).map((rs) => [rs, 0])));
  if (shrunk.length > 0) return { changes: shrunk };
  const oldPods = s.old.flatMap((rs) => view.owned('Pod', rs.metadata.uid)).filter((p) => !isFinished(p));
  if (oldPods.length > 0) return nothing;
  if (!s.fresh) return create(view, s);
  const annotated = annotate(s);
  if (annotated.length > 0) return { changes: annotated, step: foundStep(s) };
  const grown = scale(s, new Map([[s.fresh, s.b.replicas]]));
  if (grown.length > 0) return { changes: grown };
  return { changes: isComplete(s.d, s.d.status ?? {}) ? cleanUp(s) : [], step: foundStep(s) };
}

const nextRevision = (s: Sets): number => Math.max(0, ...s.old.map(revisionOf)) + 1;

function create(view: View, s: Sets): Stage {
  const { d } = s;
  const name = `${d.metadata.name}-${templateHash(d)}`;
  if (view.get('ReplicaSet', d.metadata.namespace, name)) {
    // Another template with the same hash, or a set that is someone else's: the count changes the next hash.
    return { changes: [], status: { collisionCount: (d.status?.collisionCount ?? 0) + 1 } };
  }
  const size = newSetSize(d, s.b, s.all, 0);
  const draft = newSet(d, size, nextRevision(s), s.b.maxSurge);
  const changes: Change[] = [
    { op: 'create', kind: 'ReplicaSet', object: draft, why: `${d.metadata.name} has a new template` },
  ];
  if (size > 0)
    changes.push(event(d, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${name} from 0 to ${size}`));
  return { changes, step: { reason: 'NewReplicaSetCreated', message: `Created new replica set "${name}"` } };
}

const foundStep = (s: Sets): Step | undefined =>
  s.fresh && !conditionOf(s.d, 'Progressing')
    ? { reason: 'FoundNewReplicaSet', message: `Found new replica set "${s.fresh.metadata.name}"` }
    : undefined;

function pauseStep(d: Deployment): Step | undefined {
  const reason = conditionOf(d, 'Progressing')?.reason;
  // A timed-out rollout stays that: pausing does not hide it.
  if (reason === 'ProgressDeadlineExceeded') return undefined;
  if (d.spec.paused && reason !== 'DeploymentPaused') {
    return { reason: 'DeploymentPaused', message: 'Deployment is paused', status: 'Unknown' };
  }
  if (!d.spec.paused && reason === 'DeploymentPaused') {
    return { reason: 'DeploymentResumed', message: 'Deployment is resumed', status: 'Unknown' };
  }
  return undefined;
}

/** The new set's annotations, and the Deployment's revision: what `kubectl rollout history` reads. */
function annotate(s: Sets): Change[] {
  const { d, fresh } = s;
  if (!fresh) return [];
  const annotations = newSetAnnotations(d, fresh, nextRevision(s));
  const minReadySeconds = d.spec.minReadySeconds ?? 0;
  if (!sameJson(annotations, fresh.metadata.annotations) || (fresh.spec.minReadySeconds ?? 0) !== minReadySeconds) {
    const metadata = { ...fresh.metadata, annotations };
    const object = { ...fresh, metadata, spec: { ...fresh.spec, minReadySeconds } } as KubeObject;
    return [{ op: 'update', kind: 'ReplicaSet', object, why: `${fresh.metadata.name} is the current revision` }];
  }
  const revision = annotations[revisionAnnotation] ?? '';
  if (d.metadata.annotations?.[revisionAnnotation] === revision) return [];
  const metadata = { ...d.metadata, annotations: { ...d.metadata.annotations, [revisionAnnotation]: revision } };
  const object = { ...d, metadata } as KubeObject;
  return [{ op: 'update', kind: 'Deployment', object, why: `${d.metadata.name} is at revision ${revision}` }];
}

function scale(s: Sets, sizes: ReadonlyMap<ReplicaSet, number>): Change[] {
  return [...sizes].flatMap(([rs, size]): Change[] => {
    const from = replicasOf(rs);
    const annotations = { ...rs.metadata.annotations, ...sizeAnnotations(s.d, s.b.maxSurge) };
    const resized = size !== from;
    if (!resized && sameJson(annotations, rs.metadata.annotations)) return [];
    const { name } = rs.metadata;
    const message = `Scaled ${size > from ? 'up' : 'down'} replica set ${name} from ${from} to ${size}`;
    const object = { ...rs, metadata: { ...rs.metadata, annotations }, spec: { ...rs.spec, replicas: size } };
    const update: Change = { op: 'update', kind: 'ReplicaSet', object, why: message };
    return resized ? [update, event(s.d, 'Normal', 'ScalingReplicaSet', message)] : [update];
  });
}

/** After scaling every active set carries the new size, or the next look would scale again. */
const resize = (s: Sets): Change[] => scale(s, new Map(s.all.filter(isActiveSet).map((rs) => [rs, replicasOf(rs)])));

/** Old sets beyond the history limit go, oldest revision first; never one that still has or wants pods. */
function cleanUp(s: Sets): Change[] {
  const limit = s.d.spec.revisionHistoryLimit ?? 10;
  const removable = s.old.filter((rs) => !rs.metadata.deletionTimestamp).sort((a, b) => revisionOf(a) - revisionOf(b));
  return removable
    .slice(0, Math.max(0, removable.length - limit))
    .filter((rs) => (rs.status?.replicas ?? 0) === 0 && replicasOf(rs) === 0)
    .filter((rs) => (rs.metadata.generation ?? 0) <= (rs.status?.observedGeneration ?? 0))
    .map((rs) => ({
      op: 'delete',
      kind: 'ReplicaSet',
      namespace: rs.metadata.namespace,
      name: rs.metadata.name,
      uid: rs.metadata.uid,
      why: `${s.d.metadata.name} keeps ${limit} old revisions`,
    }));
}

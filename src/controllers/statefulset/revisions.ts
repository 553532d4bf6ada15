// The history of a StatefulSet's template: a ControllerRevision for each one, and which two of them are in use.
import type { ControllerRevision, core, Draft, Pod, StatefulSet } from '../../api/types.ts';
import { canonicalJson, fnv1a, safeEncode } from '../../client/hash.ts';
import { controllerOf, controllerReference } from '../../client/pods.ts';
import type { Change } from '../../client/types.ts';

export const revisionLabel = 'controller-revision-hash';
const hashLabel = 'controller.kubernetes.io/hash';

export interface Revision {
  readonly name: string;
  readonly template: core.PodTemplateSpec;
}

export interface Revisions {
  readonly current: Revision;
  readonly update: Revision;
  readonly collisionCount: number;
  readonly changes: readonly Change[];
}

type Data = { spec: { template: core.PodTemplateSpec & { $patch?: string } } };
type Held = Draft<ControllerRevision> | ControllerRevision;

const dataOf = (set: StatefulSet): Data => ({ spec: { template: { ...set.spec.template, $patch: 'replace' } } });

function templateOf(revision: Held): core.PodTemplateSpec {
  const { $patch: _patch, ...template } = (revision.data as Data).spec.template;
  return template;
}

const byRevision = (a: ControllerRevision, b: ControllerRevision): number =>
  a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1);

/** `named` finds revisions of any owner: names are taken by others too. */
export function revisionsOf(
  set: StatefulSet,
  held: readonly ControllerRevision[],
  named: (name: string) => ControllerRevision | undefined,
): Revisions {
  const sorted = [...held].sort(byRevision);
  const data = dataOf(set);
  const text = canonicalJson(data);
  const number = (sorted.at(-1)?.revision ?? 0) + 1;
  let collisionCount = set.status?.collisionCount ?? 0;
  const changes: Change[] = [];
  let update: Held | undefined = sorted.findLast((r) => canonicalJson(r.data) === text);
  if (!update) {
    let draft = newRevision(set, data, number, collisionCount);
    // The name is taken: another count gives another hash. But the same content with another controller is that of an
    // earlier set of this name, and goes with it: making this one fails until then.
    const taken = (name = ''): boolean => {
      const other = named(name);
      return other !== undefined && !(controllerOf(other) && canonicalJson(other.data) === text);
    };
    while (taken(draft.metadata.name)) draft = newRevision(set, data, number, ++collisionCount);
    update = draft;
    changes.push({
      op: 'create',
      kind: 'ControllerRevision',
      object: draft,
      why: `${set.metadata.name} has a new template`,
    });
  } else if (update !== sorted.at(-1)) {
    // Back to an older template: it becomes the newest revision.
    const object = { ...(update as ControllerRevision), revision: number };
    changes.push({
      op: 'update',
      kind: 'ControllerRevision',
      object,
      why: `${set.metadata.name} returns to ${object.metadata.name}`,
    });
  }
  const current = sorted.find((r) => r.metadata.name === set.status?.currentRevision) ?? update;
  const revision = (r: Held): Revision => ({ name: r.metadata.name ?? '', template: templateOf(r) });
  return {
    current: revision(current),
    update: { name: update.metadata.name ?? '', template: set.spec.template },
    collisionCount,
    changes,
  };
}

function newRevision(
  set: StatefulSet,
  data: Data,
  revision: number,
  collisionCount: number,
): Draft<ControllerRevision> {
  const hash = safeEncode(String(fnv1a(canonicalJson(data) + (collisionCount || ''))));
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${set.metadata.name}-${hash}`,
      namespace: set.metadata.namespace,
      labels: { ...set.spec.template.metadata?.labels, [hashLabel]: hash },
      annotations: {},
      ownerReferences: [controllerReference(set)],
    },
    data,
    revision,
  };
}

export const podRevision = (pod: Pod): string => pod.metadata.labels?.[revisionLabel] ?? '';

/** Revisions that nothing uses, beyond the limit, oldest first. */
export function expired(
  set: StatefulSet,
  held: readonly ControllerRevision[],
  pods: readonly Pod[],
  inUse: readonly string[],
): Change[] {
  const live = new Set([...inUse, ...pods.map(podRevision)]);
  const unused = [...held].sort(byRevision).filter((r) => !live.has(r.metadata.name) && !r.metadata.deletionTimestamp);
  const limit = set.spec.revisionHistoryLimit ?? 10;
  return unused.slice(0, Math.max(0, unused.length - limit)).map((r) => ({
    op: 'delete',
    kind: 'ControllerRevision',
    namespace: r.metadata.namespace,
    name: r.metadata.name,
    uid: r.metadata.uid,
    why: `${set.metadata.name} keeps ${limit} old revisions`,
  }));
}

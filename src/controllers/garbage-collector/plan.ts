// What becomes of objects whose owners go.
//
//   owner deleted  Background: the owner is gone; its dependents follow as nobody owns them any more
//                  Foreground: finalizer foregroundDeletion; dependents first, those that block it must be gone
//                  Orphan:     finalizer orphan; dependents lose the reference, then the owner goes
import { KINDS } from '../../api/kinds.ts';
import type { Kind, KubeObject, OwnerReference } from '../../api/types.ts';
import type { Change, Plan, View } from '../../client/types.ts';

export const foreground = 'foregroundDeletion';
export const orphan = 'orphan';

interface Found {
  readonly kind: Kind;
  readonly object: KubeObject;
}

const kindsByOwner = new Map(KINDS.map((row) => [`${row.group}/${row.kind}`, row]));

export const keyFor = (kind: Kind, o: KubeObject): string => `${kind}/${o.metadata.namespace ?? ''}/${o.metadata.name}`;

export function objectOf(view: View, key: string): Found | undefined {
  const [kind, namespace, name] = key.split('/') as [Kind, string, string];
  const object = view.get(kind, namespace || undefined, name);
  return object && { kind, object };
}

export const dependentsOf = (view: View, uid: string): readonly Found[] =>
  KINDS.flatMap(({ kind }) => view.owned(kind, uid).map((object): Found => ({ kind, object })));

interface OwnerName {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Where to find an owner; undefined: not a kind that is served, so nothing is known about it. */
function nameOf(o: KubeObject, reference: OwnerReference): OwnerName | undefined {
  const group = reference.apiVersion.includes('/') ? reference.apiVersion.split('/')[0] : '';
  const row = kindsByOwner.get(`${group}/${reference.kind}`);
  return row && { kind: row.kind, namespace: row.namespaced ? o.metadata.namespace : undefined, name: reference.name };
}

/** The owner itself; another object of its name is not it. */
export function ownerOf(view: View, o: KubeObject, reference: OwnerReference): Found | undefined {
  const at = nameOf(o, reference);
  const object = at && view.get(at.kind, at.namespace, at.name);
  return at && object?.metadata.uid === reference.uid ? { kind: at.kind, object } : undefined;
}

export const missingOwners = (view: View, o: KubeObject): readonly OwnerName[] =>
  (o.metadata.ownerReferences ?? []).flatMap((reference) => {
    const at = nameOf(o, reference);
    return at && !ownerOf(view, o, reference) ? [at] : [];
  });

export function plan(view: View, key: string): Plan {
  const found = objectOf(view, key);
  if (!found) return { changes: [] };
  const { kind, object } = found;
  const { deletionTimestamp, finalizers = [], uid } = object.metadata;
  if (deletionTimestamp === undefined) return { changes: judge(view, found) };
  const dependents = dependentsOf(view, uid);
  if (finalizers.includes(orphan)) {
    if (dependents.length === 0) return { changes: [unfinalize(kind, object, orphan)] };
    return { changes: dependents.map((d) => disown(d, [uid], `${object.metadata.name} leaves it behind`)) };
  }
  if (finalizers.includes(foreground)) {
    const blocking = dependents.filter((d) =>
      d.object.metadata.ownerReferences?.some((r) => r.uid === uid && r.blockOwnerDeletion),
    );
    // The dependents see for themselves that their owner waits for them.
    return { changes: blocking.length === 0 ? [unfinalize(kind, object, foreground)] : [] };
  }
  return { changes: [] };
}

/** Whether an object still has an owner that wants it. */
function judge(view: View, found: Found): Change[] {
  const references = found.object.metadata.ownerReferences ?? [];
  if (references.length === 0) return [];
  const gone: OwnerReference[] = [];
  const waiting: OwnerReference[] = [];
  let solid = 0;
  for (const reference of references) {
    const owner = ownerOf(view, found.object, reference);
    if (!nameOf(found.object, reference)) solid++;
    else if (!owner) gone.push(reference);
    else if (owner.object.metadata.deletionTimestamp && owner.object.metadata.finalizers?.includes(foreground))
      waiting.push(reference);
    else solid++;
  }
  const left = [...gone, ...waiting];
  if (left.length === 0) return [];
  const names = left.map((r) => `${r.kind} ${r.name}`).join(', ');
  if (solid > 0)
    return [
      disown(
        found,
        left.map((r) => r.uid),
        `${names} went, others own it`,
      ),
    ];
  const { kind, object } = found;
  const { namespace, name, uid, resourceVersion, finalizers = [] } = object.metadata;
  const first = waiting.length > 0 && dependentsOf(view, uid).length > 0;
  let propagationPolicy: 'Foreground' | 'Background' | 'Orphan' =
    first || finalizers.includes(foreground) ? 'Foreground' : 'Background';
  if (!first && finalizers.includes(orphan)) propagationPolicy = 'Orphan';
  return [
    { op: 'delete', kind, namespace, name, uid, resourceVersion, propagationPolicy, why: `its owner ${names} went` },
  ];
}

function disown({ kind, object }: Found, uids: readonly string[], why: string): Change {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  const ownerReferences = object.metadata.ownerReferences?.filter((r) => !uids.includes(r.uid));
  return { op: 'patch', kind, namespace, name, patch: { metadata: { uid, resourceVersion, ownerReferences } }, why };
}

function unfinalize(kind: Kind, object: KubeObject, finalizer: string): Change {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  const finalizers = object.metadata.finalizers?.filter((f) => f !== finalizer);
  const patch = { metadata: { uid, resourceVersion, finalizers } };
  return { op: 'patch', kind, namespace, name, patch, why: `${name}: ${finalizer} is done` };
}

// Which objects a controller has as its own: those whose controller reference names it and whose labels it selects.
// One that it no longer selects is let go; one that belongs to nobody and is selected is taken in.
import { type LabelSelector, matchLabelSelector } from '../api/selectors.ts';
import type { Kind, KindMap, KubeObject } from '../api/types.ts';
import { controllerOf, controllerReference, isTerminating, keyOf } from './pods.ts';
import type { Change, View } from './types.ts';

export interface Claimed<T> {
  readonly objects: readonly T[];
  /** Adoptions and releases that the server must be told of. */
  readonly changes: readonly Change[];
}

export function claim<K extends Kind>(
  view: View,
  kind: K,
  owner: KubeObject,
  selector: LabelSelector | undefined,
): Claimed<KindMap[K]> {
  const objects: KindMap[K][] = [];
  const changes: Change[] = [];
  for (const o of view.owned(kind, owner.metadata.uid)) {
    if (controllerOf(o)?.uid !== owner.metadata.uid) continue;
    if (matchLabelSelector(selector, o.metadata.labels)) objects.push(o);
    else if (!isTerminating(owner)) changes.push(owners(kind, o, owner, false));
  }
  if (isTerminating(owner)) return { objects, changes };
  for (const o of view.list(kind, owner.metadata.namespace)) {
    if (controllerOf(o) || isTerminating(o) || !matchLabelSelector(selector, o.metadata.labels)) continue;
    objects.push(o);
    changes.push(owners(kind, o, owner, true));
  }
  return { objects, changes };
}

function owners(kind: Kind, o: KubeObject, owner: KubeObject, take: boolean): Change {
  const others = (o.metadata.ownerReferences ?? []).filter((r) => r.uid !== owner.metadata.uid);
  const ownerReferences = take ? [...others, controllerReference(owner)] : others;
  return {
    op: 'patch',
    kind,
    namespace: o.metadata.namespace,
    name: o.metadata.name,
    patch: { metadata: { uid: o.metadata.uid, resourceVersion: o.metadata.resourceVersion, ownerReferences } },
    why: `${owner.kind} ${keyOf(owner)} ${take ? 'adopts' : 'releases'} ${kind} ${o.metadata.name}`,
  };
}

/** Keys of the controllers that a change of an object concerns: its owners then and now, or who might adopt it. */
export function ownerKeys(
  change: { readonly object: KubeObject; readonly old?: KubeObject },
  ownerKind: Kind,
  view: View,
  selectorOf: (owner: KubeObject) => LabelSelector | undefined,
): string[] {
  const found = new Set<string>();
  for (const o of [change.object, change.old]) {
    const owner = o && controllerOf(o);
    if (owner?.kind === ownerKind) found.add(`${o?.metadata.namespace ?? ''}/${owner.name}`);
  }
  if (!controllerOf(change.object)) {
    for (const owner of view.list(ownerKind, change.object.metadata.namespace)) {
      if (matchLabelSelector(selectorOf(owner), change.object.metadata.labels)) found.add(keyOf(owner));
    }
  }
  return [...found];
}

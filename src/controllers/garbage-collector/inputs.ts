import { KINDS } from '../../api/kinds.ts';
import type { Controller, ObjectChange, View } from '../../client/types.ts';
import { dependentsOf, foreground, keyFor, missingOwners, objectOf, orphan, ownerOf, plan } from './plan.ts';

export const garbageCollector: Controller = {
  name: 'garbage-collector-controller',
  watches: KINDS.map((row) => row.kind),
  writes: KINDS.map((row) => row.kind),
  keys,
  // An owner that the cache does not show may be newer than it.
  reads(view, key) {
    const found = objectOf(view, key);
    if (!found || found.object.metadata.deletionTimestamp) return [];
    return missingOwners(view, found.object).map((o) => ({ kind: o.kind, namespace: o.namespace, name: o.name }));
  },
  plan,
};

function keys({ kind, type, object }: ObjectChange, view: View): readonly string[] {
  const found = new Set<string>();
  const { deletionTimestamp, finalizers = [], ownerReferences = [], uid } = object.metadata;
  const waits = deletionTimestamp !== undefined && finalizers.some((f) => f === foreground || f === orphan);
  if (type === 'deleted' || waits) {
    for (const d of dependentsOf(view, uid)) found.add(keyFor(d.kind, d.object));
  }
  if (type !== 'deleted') {
    if (waits) found.add(keyFor(kind, object));
    else if (ownerReferences.length > 0 && missingOwners(view, object).length > 0) found.add(keyFor(kind, object));
  }
  // An owner that waits for its dependents looks again when one of them changes or goes.
  for (const reference of ownerReferences) {
    const owner = ownerOf(view, object, reference);
    if (owner?.object.metadata.deletionTimestamp) found.add(keyFor(owner.kind, owner.object));
  }
  return [...found];
}

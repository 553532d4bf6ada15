// A namespace that was deleted is emptied, then let go.
import { KINDS } from '../../api/kinds.ts';
import type { Kind, KubeObject } from '../../api/types.ts';
import { isTerminating } from '../../client/pods.ts';
import type { Change, Plan, View } from '../../client/types.ts';
import { waiting } from './status.ts';

export const namespacedKinds: readonly Kind[] = KINDS.filter((row) => row.namespaced).map((row) => row.kind);
const finalizer = 'kubernetes';

export const isEmpty = (view: View, name: string): boolean =>
  namespacedKinds.every((kind) => view.list(kind, name).length === 0);

export function plan(view: View, key: string, nowMs: number): Plan {
  const namespace = view.get('Namespace', undefined, key);
  if (!namespace || !isTerminating(namespace)) return { changes: [] };
  const finalizers = namespace.spec?.finalizers ?? [];
  if (isEmpty(view, key)) {
    if (!finalizers.includes(finalizer)) return { changes: [] };
    const object = { ...namespace, spec: { ...namespace.spec, finalizers: finalizers.filter((f) => f !== finalizer) } };
    return { changes: [{ op: 'update', kind: 'Namespace', object, subresource: 'finalize', why: `${key} is empty` }] };
  }
  // Pods first: what protects them (policies) and feeds them (ConfigMaps) stays as long as they run.
  const kinds: readonly Kind[] = view.list('Pod', key).length > 0 ? ['Pod'] : namespacedKinds;
  const content = kinds.map((kind) => ({ kind, objects: view.list(kind, key) }));
  const removals = content.flatMap(({ kind, objects }) =>
    objects.filter((o) => !isTerminating(o)).map((o) => removal(kind, o)),
  );
  if (removals.length > 0) return { changes: removals };
  return { changes: waiting(namespace, content, nowMs) };
}

const removal = (kind: Kind, o: KubeObject): Change => ({
  op: 'delete',
  kind,
  namespace: o.metadata.namespace,
  name: o.metadata.name,
  uid: o.metadata.uid,
  propagationPolicy: 'Background',
  why: `namespace ${o.metadata.namespace} is going`,
});

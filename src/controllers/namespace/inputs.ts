import { KINDS } from '../../api/kinds.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Controller } from '../../client/types.ts';
import { isEmpty, namespacedKinds, plan } from './plan.ts';

/** Whether it began to end, or is held by something else now: the namespace tells what it waits for. */
const endsOtherwise = ({ metadata }: KubeObject, old: KubeObject | undefined): boolean =>
  metadata.deletionTimestamp !== undefined &&
  (old?.metadata.deletionTimestamp === undefined ||
    (old.metadata.finalizers ?? []).join() !== (metadata.finalizers ?? []).join());

export const namespace: Controller = {
  name: 'namespace-controller',
  watches: KINDS.map((row) => row.kind),
  writes: [...namespacedKinds, 'Namespace/finalize', 'Namespace/status'],
  keys({ kind, type, object, old }, view) {
    if (kind === 'Namespace') return [object.metadata.name];
    const within = object.metadata.namespace;
    if (within === undefined || (type === 'modified' && !endsOtherwise(object, old))) return [];
    return view.get('Namespace', undefined, within)?.metadata.deletionTimestamp ? [within] : [];
  },
  // Kinds arrive by watches of their own: the last pod of a namespace may come after the namespace's end.
  reads(view, key) {
    const ending = view.get('Namespace', undefined, key)?.metadata.deletionTimestamp !== undefined;
    return ending && isEmpty(view, key) ? namespacedKinds.map((kind) => ({ kind, namespace: key })) : [];
  },
  plan,
};

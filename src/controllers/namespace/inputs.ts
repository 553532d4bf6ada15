import { KINDS } from '../../api/kinds.ts';
import type { Controller } from '../../client/types.ts';
import { isEmpty, namespacedKinds, plan } from './plan.ts';

export const namespace: Controller = {
  name: 'namespace-controller',
  watches: KINDS.map((row) => row.kind),
  writes: [...namespacedKinds, 'Namespace/finalize'],
  keys({ kind, type, object }, view) {
    if (kind === 'Namespace') return [object.metadata.name];
    const within = object.metadata.namespace;
    if (within === undefined || type === 'modified') return [];
    return view.get('Namespace', undefined, within)?.metadata.deletionTimestamp ? [within] : [];
  },
  // Kinds arrive by watches of their own: the last pod of a namespace may come after the namespace's end.
  reads(view, key) {
    const ending = view.get('Namespace', undefined, key)?.metadata.deletionTimestamp !== undefined;
    return ending && isEmpty(view, key) ? namespacedKinds.map((kind) => ({ kind, namespace: key })) : [];
  },
  plan,
};

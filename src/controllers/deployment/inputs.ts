import type { Deployment } from '../../api/types.ts';
import { ownerKeys } from '../../client/owned.ts';
import { controllerOf, keyOf } from '../../client/pods.ts';
import type { Controller, ObjectChange, View } from '../../client/types.ts';
import { plan } from './plan.ts';

export const deployment: Controller = {
  name: 'deployment-controller',
  watches: ['Deployment', 'ReplicaSet', 'Pod'],
  writes: ['ReplicaSet', 'Deployment', 'Deployment/status', 'Event'],
  keys(change, view) {
    if (change.kind === 'Deployment') return [keyOf(change.object)];
    if (change.kind === 'Pod') return recreating(change, view);
    return ownerKeys(change, 'Deployment', view, (d) => (d as Deployment).spec.selector);
  },
  plan,
};

/** Recreate waits until the last old pod is gone; nothing else of a Deployment looks at pods. */
function recreating(change: ObjectChange, view: View): readonly string[] {
  const set = controllerOf(change.object);
  if (change.type === 'added' || set?.kind !== 'ReplicaSet') return [];
  const { namespace } = change.object.metadata;
  const rs = view.get('ReplicaSet', namespace, set.name);
  const owner = rs && controllerOf(rs);
  const found = owner && view.get('Deployment', namespace, owner.name);
  return found?.spec.strategy?.type === 'Recreate' ? [keyOf(found)] : [];
}

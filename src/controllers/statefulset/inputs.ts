import type { StatefulSet } from '../../api/types.ts';
import { ownerKeys } from '../../client/owned.ts';
import { keyOf } from '../../client/pods.ts';
import type { Controller } from '../../client/types.ts';
import { failed, plan } from './plan.ts';

export const statefulset: Controller = {
  name: 'statefulset-controller',
  watches: ['StatefulSet', 'Pod', 'ControllerRevision'],
  writes: ['Pod', 'ControllerRevision', 'StatefulSet/status', 'Event'],
  keys: (change, view) =>
    change.kind === 'StatefulSet'
      ? [keyOf(change.object)]
      : ownerKeys(change, 'StatefulSet', view, (set) => (set as StatefulSet).spec.selector),
  plan,
  failed,
};

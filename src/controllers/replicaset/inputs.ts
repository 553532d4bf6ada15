import type { ReplicaSet } from '../../api/types.ts';
import { ownerKeys } from '../../client/owned.ts';
import { keyOf } from '../../client/pods.ts';
import type { Controller } from '../../client/types.ts';
import { failed, plan } from './plan.ts';

export const replicaset: Controller = {
  name: 'replicaset-controller',
  watches: ['ReplicaSet', 'Pod'],
  writes: ['Pod', 'ReplicaSet/status', 'Event'],
  keys: (change, view) =>
    change.kind === 'ReplicaSet'
      ? [keyOf(change.object)]
      : ownerKeys(change, 'ReplicaSet', view, (rs) => (rs as ReplicaSet).spec.selector),
  plan,
  failed,
};

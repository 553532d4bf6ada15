import type { Pod } from '../../api/types.ts';
import { servicesOf } from '../../client/endpoints.ts';
import { keyOf } from '../../client/pods.ts';
import type { Controller } from '../../client/types.ts';
import { plan } from './plan.ts';

export const endpoints: Controller = {
  name: 'endpoints-controller',
  watches: ['Service', 'Pod', 'Endpoints'],
  writes: ['Endpoints'],
  keys(change, view) {
    if (change.kind !== 'Pod') return [keyOf(change.object)];
    return servicesOf(view, change.object as Pod, change.old as Pod | undefined).map(keyOf);
  },
  plan,
};

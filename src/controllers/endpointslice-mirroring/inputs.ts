import { keyOf } from '../../client/pods.ts';
import type { Controller } from '../../client/types.ts';
import { managedBy, managedByLabel, plan, serviceLabel } from './plan.ts';

export const endpointsliceMirroring: Controller = {
  name: 'endpointslice-mirroring-controller',
  watches: ['Service', 'Endpoints', 'EndpointSlice'],
  writes: ['EndpointSlice'],
  keys({ kind, object }) {
    if (kind !== 'EndpointSlice') return [keyOf(object)];
    const { labels, namespace } = object.metadata;
    const service = labels?.[managedByLabel] === managedBy ? labels[serviceLabel] : undefined;
    return service === undefined ? [] : [`${namespace}/${service}`];
  },
  plan,
};

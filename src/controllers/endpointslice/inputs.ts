import type { Pod, Service } from '../../api/types.ts';
import { servicesOf } from '../../client/endpoints.ts';
import { keyOf } from '../../client/pods.ts';
import type { Controller } from '../../client/types.ts';
import { managedBy, plan, serviceLabel } from './plan.ts';

export const endpointslice: Controller = {
  name: 'endpointslice-controller',
  watches: ['Service', 'Pod', 'EndpointSlice'],
  writes: ['EndpointSlice'],
  keys(change, view) {
    if (change.kind === 'Service') return [keyOf(change.object)];
    if (change.kind === 'Pod') {
      return servicesOf(view, change.object as Pod, change.old as Pod | undefined).map((s: Service) => keyOf(s));
    }
    const { labels, namespace } = change.object.metadata;
    const service = labels?.[serviceLabel];
    const ours = labels?.['endpointslice.kubernetes.io/managed-by'] === managedBy;
    return service !== undefined && ours ? [`${namespace}/${service}`] : [];
  },
  plan,
};

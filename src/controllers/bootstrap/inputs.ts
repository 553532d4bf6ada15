import type { ClusterSettings } from '../../api/cluster.ts';
import type { Controller } from '../../client/types.ts';
import { plan, wanted } from './plan.ts';

const key = 'cluster';

export function bootstrap(settings: ClusterSettings): Controller {
  const names = new Set(wanted(settings).map((o) => `${o.kind}/${o.metadata.namespace ?? ''}/${o.metadata.name}`));
  return {
    name: 'bootstrap-controller',
    watches: ['Namespace', 'Service', 'Endpoints', 'EndpointSlice'],
    writes: ['Namespace', 'Service', 'Endpoints', 'EndpointSlice'],
    startKeys: [key],
    concurrency: 1,
    keys: ({ kind, object: o }) => (names.has(`${kind}/${o.metadata.namespace ?? ''}/${o.metadata.name}`) ? [key] : []),
    plan: (view) => plan(view, settings),
  };
}

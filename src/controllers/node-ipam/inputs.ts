import type { ClusterSettings } from '../../api/cluster.ts';
import type { Controller } from '../../client/types.ts';
import { plan } from './plan.ts';

export function nodeIpam(settings: ClusterSettings): Controller {
  return {
    name: 'node-ipam-controller',
    watches: ['Node'],
    writes: ['Node', 'Event'],
    // One at a time: two nodes must not be given the same range.
    concurrency: 1,
    keys: ({ object }) => [object.metadata.name],
    plan: (view, key) => plan(view, key, settings.podNetwork, settings.nodePodPrefix),
  };
}

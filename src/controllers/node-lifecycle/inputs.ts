import type { ClusterSettings } from '../../api/cluster.ts';
import type { Lease } from '../../api/types.ts';
import type { Controller } from '../../client/types.ts';
import { leaseNamespace, plan } from './plan.ts';

export function nodeLifecycle(settings: ClusterSettings): Controller {
  // When this process last saw a node's Lease move. The Lease's own time is the node's clock, and after a restart of the
  // server all Leases are old: judged by that, the whole cluster would be lost before the nodes are back.
  const moved = new Map<string, { readonly renewTime: string; readonly atMs: number }>();
  return {
    name: 'node-lifecycle-controller',
    watches: ['Node', 'Lease'],
    writes: ['Node', 'Node/status', 'Pod/status', 'Event'],
    keys({ kind, object }) {
      if (kind === 'Lease' && object.metadata.namespace !== leaseNamespace) return [];
      return [object.metadata.name];
    },
    plan(view, key, nowMs) {
      const lease: Lease | undefined = view.get('Lease', leaseNamespace, key);
      const renewTime = lease?.spec.renewTime ?? '';
      const known = moved.get(key);
      if (known?.renewTime !== renewTime) moved.set(key, { renewTime, atMs: nowMs });
      if (!view.get('Node', undefined, key)) moved.delete(key);
      return plan(view, key, nowMs, (moved.get(key)?.atMs ?? nowMs) + settings.timeouts.nodeGraceMs);
    },
  };
}

import type { ClusterSettings } from '../../api/cluster.ts';
import type { Node, Pod } from '../../api/types.ts';
import { conditionOf, isTerminating, keyOf } from '../../client/pods.ts';
import type { Controller } from '../../client/types.ts';
import { plan } from './plan.ts';

export function podGc(settings: ClusterSettings): Controller {
  return {
    name: 'pod-garbage-collector',
    watches: ['Pod', 'Node'],
    writes: ['Pod', 'Pod/status'],
    keys({ kind, object, old, type }, view) {
      if (kind === 'Pod') {
        const bound = (object as Pod).spec.nodeName;
        const orphan = bound !== undefined && view.get('Node', undefined, bound) === undefined;
        return type !== 'deleted' && (isTerminating(object) || orphan) ? [keyOf(object)] : [];
      }
      const ready = (o: Node): string | undefined => conditionOf(o, 'Ready')?.status;
      const same = type === 'modified' && old && ready(object as Node) === ready(old as Node);
      return same ? [] : view.podsOn(object.metadata.name).map(keyOf);
    },
    plan: (view, key, nowMs) => plan(view, key, nowMs, settings.timeouts.lostPodsAfterMs),
  };
}

import type { Node, Pod } from '../../api/types.ts';
import { sameJson } from '../../client/hash.ts';
import { keyOf } from '../../client/pods.ts';
import type { Controller } from '../../client/types.ts';
import { plan } from './plan.ts';

export const taintEviction: Controller = {
  name: 'taint-eviction-controller',
  watches: ['Pod', 'Node'],
  writes: ['Pod', 'Pod/status', 'Event'],
  keys({ kind, object, old, type }, view) {
    if (type === 'deleted') return [];
    if (kind === 'Pod') return (object as Pod).spec.nodeName ? [keyOf(object)] : [];
    const unchanged = old && sameJson((object as Node).spec.taints, (old as Node).spec.taints);
    return unchanged ? [] : view.podsOn(object.metadata.name).map(keyOf);
  },
  plan,
};

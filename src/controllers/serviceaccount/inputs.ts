import type { Controller } from '../../client/types.ts';
import { plan } from './plan.ts';

export const serviceaccount: Controller = {
  name: 'serviceaccount-controller',
  watches: ['Namespace', 'ServiceAccount'],
  writes: ['ServiceAccount'],
  keys({ kind, type, object }) {
    if (kind === 'Namespace') return type === 'deleted' ? [] : [object.metadata.name];
    return type === 'deleted' ? [object.metadata.namespace ?? ''] : [];
  },
  plan,
};

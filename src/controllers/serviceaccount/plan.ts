// Every namespace has a ServiceAccount 'default', which pods get that name none.
import type { Plan, View } from '../../client/types.ts';

export function plan(view: View, key: string): Plan {
  const namespace = view.get('Namespace', undefined, key);
  if (!namespace || namespace.metadata.deletionTimestamp || view.get('ServiceAccount', key, 'default')) {
    return { changes: [] };
  }
  const object = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: key } };
  return {
    changes: [{ op: 'create', kind: 'ServiceAccount', object, why: `namespace ${key} has no default account` }],
  };
}

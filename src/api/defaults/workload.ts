// Defaults of Deployment, ReplicaSet and StatefulSet.
import type { Deployment, ReplicaSet, StatefulSet } from '../types.ts';
import { fill } from './fill.ts';
import { templateDefaults } from './pod.ts';

export function deploymentDefaults({ spec }: Deployment): void {
  if (!spec) return;
  fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: {} });
  const strategy = spec.strategy ?? {};
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy.type === 'RollingUpdate') {
    fill(strategy, { rollingUpdate: {} });
    fill(strategy.rollingUpdate ?? {}, { maxUnavailable: '25%', maxSurge: '25%' });
  }
  templateDefaults(spec.template);
}

export function replicaSetDefaults({ spec }: ReplicaSet): void {
  if (!spec) return;
  fill(spec, { replicas: 1 });
  templateDefaults(spec.template);
}

export function statefulSetDefaults({ spec }: StatefulSet): void {
  if (!spec) return;
  fill(spec, {
    replicas: 1,
    revisionHistoryLimit: 10,
    podManagementPolicy: 'OrderedReady',
    updateStrategy: {},
    persistentVolumeClaimRetentionPolicy: {},
  });
  fill(spec.persistentVolumeClaimRetentionPolicy ?? {}, { whenDeleted: 'Retain', whenScaled: 'Retain' });
  const strategy = spec.updateStrategy ?? {};
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy.type === 'RollingUpdate') {
    fill(strategy, { rollingUpdate: {} });
    fill(strategy.rollingUpdate ?? {}, { partition: 0, maxUnavailable: 1 });
  }
  templateDefaults(spec.template);
}

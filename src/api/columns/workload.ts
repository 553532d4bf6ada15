// Deployment, ReplicaSet, StatefulSet, ControllerRevision.
import type { ControllerRevision, core, Deployment, ReplicaSet, StatefulSet } from '../types.ts';
import { AGE, type Column, column, count, formatSelector, NAME, NONE, wide } from './column.ts';

type Workload = Deployment | ReplicaSet | StatefulSet;

const containersOf = ({ spec }: Workload): readonly core.Container[] => spec?.template?.spec?.containers ?? [];

const CONTAINERS = wide<Workload>('Containers', 'Names of the containers.', (w) =>
  containersOf(w)
    .map(({ name }) => name)
    .join(','),
);
const IMAGES = wide<Workload>('Images', 'Images of the containers.', (w) =>
  containersOf(w)
    .map(({ image }) => image)
    .join(','),
);
const SELECTOR = wide<Workload>('Selector', 'Labels of its pods.', ({ spec }) => formatSelector(spec?.selector));
const readyOfWanted = ({ spec, status }: Workload): string => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`;

export const DEPLOYMENT: readonly Column<Deployment>[] = [
  NAME,
  column('Ready', 'Pods that are ready, of those wanted.', readyOfWanted),
  column('Up-to-date', 'Pods of the present template.', ({ status }) => status?.updatedReplicas ?? 0),
  column('Available', 'Pods ready for at least minReadySeconds.', ({ status }) => status?.availableReplicas ?? 0),
  AGE,
  CONTAINERS,
  IMAGES,
  SELECTOR,
];

export const REPLICA_SET: readonly Column<ReplicaSet>[] = [
  NAME,
  count('Desired', 'Pods wanted.', ({ spec }) => spec?.replicas ?? 0),
  count('Current', 'Pods there.', ({ status }) => status?.replicas ?? 0),
  count('Ready', 'Pods that are ready.', ({ status }) => status?.readyReplicas ?? 0),
  AGE,
  CONTAINERS,
  IMAGES,
  SELECTOR,
];

export const STATEFUL_SET: readonly Column<StatefulSet>[] = [
  NAME,
  column('Ready', 'Pods that are ready, of those wanted.', readyOfWanted),
  AGE,
  CONTAINERS,
  IMAGES,
];

function controllerCell({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  if (!owner) return NONE;
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}

export const CONTROLLER_REVISION: readonly Column<ControllerRevision>[] = [
  NAME,
  column('Controller', 'Whose revision it is.', controllerCell),
  column('Revision', 'Its number.', ({ revision }) => revision),
  AGE,
];

// The pods of a StatefulSet by their numbers: names, identity, health.
import type { Draft, Pod, StatefulSet } from '../../api/types.ts';
import { availableAt, controllerReference, isReady, isTerminating } from '../../client/pods.ts';
import { type Revision, revisionLabel } from './revisions.ts';

export const podNameLabel = 'statefulset.kubernetes.io/pod-name';
export const podIndexLabel = 'apps.kubernetes.io/pod-index';

export const podName = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`;

/** The number of a pod of this set; undefined: its name is not one of the set's. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const { name } = pod.metadata;
  const tail = name.slice(set.metadata.name.length + 1);
  const ours = name.startsWith(`${set.metadata.name}-`) && /^(0|[1-9]\d*)$/.test(tail);
  return ours ? Number(tail) : undefined;
}

export function newPod(set: StatefulSet, ordinal: number, revision: Revision): Draft<Pod> {
  const name = podName(set, ordinal);
  const { template } = revision;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace,
      labels: {
        ...template.metadata?.labels,
        [podNameLabel]: name,
        [podIndexLabel]: String(ordinal),
        [revisionLabel]: revision.name,
      },
      annotations: { ...template.metadata?.annotations },
      finalizers: [...(template.metadata?.finalizers ?? [])],
      ownerReferences: [controllerReference(set)],
    },
    // The name that DNS knows the pod by, under the set's headless Service.
    spec: { ...(template.spec ?? { containers: [] }), hostname: name, subdomain: set.spec.serviceName || undefined },
  };
}

export const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isReady(pod);

/** Fit to let the next one go on. */
export const isHealthy = (pod: Pod): boolean => isRunningAndReady(pod) && !isTerminating(pod);

/** When a healthy pod counts as available: ms; undefined: it is not healthy. */
export const healthyAt = (set: StatefulSet, pod: Pod): number | undefined =>
  isHealthy(pod) ? availableAt(pod, set.spec.minReadySeconds ?? 0) : undefined;

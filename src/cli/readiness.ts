// When a workload is ready, and what it waits for, in a few words for the progress list.
import type { Deployment, Kind, KubeObject, Pod, ReplicaSet, StatefulSet } from '../api/types.ts';
import { isReady } from '../client/pods.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly detail: string;
  /** It will not get ready by waiting: why. */
  readonly hopeless?: string;
}

/** Kinds that are waited for. */
export const workloadKinds: readonly Kind[] = ['Deployment', 'ReplicaSet', 'StatefulSet', 'Pod'];

/** `pods` are those of the workload (or the pod itself): they say what keeps it. */
export function readiness(object: KubeObject, pods: readonly Pod[]): Readiness {
  switch (object.kind) {
    case 'Deployment':
      return deployment(object as Deployment, pods);
    case 'StatefulSet':
      return replicated(object as StatefulSet, (object as StatefulSet).status?.readyReplicas ?? 0, pods);
    case 'ReplicaSet':
      return replicated(object as ReplicaSet, (object as ReplicaSet).status?.readyReplicas ?? 0, pods);
    case 'Pod':
      return pod(object as Pod);
    default:
      return { ready: true, detail: '' };
  }
}

function deployment(object: Deployment, pods: readonly Pod[]): Readiness {
  const status = object.status;
  const failed = status?.conditions?.find((c) => c.type === 'Progressing' && c.reason === 'ProgressDeadlineExceeded');
  const base = replicated(object, Math.min(status?.availableReplicas ?? 0, status?.updatedReplicas ?? 0), pods);
  const settled = base.ready && (status?.replicas ?? 0) === (object.spec.replicas ?? 1);
  return { ...base, ready: settled, ...(failed ? { hopeless: failed.message ?? 'progress deadline exceeded' } : {}) };
}

interface Replicated extends KubeObject {
  spec: { replicas?: number };
  status?: { observedGeneration?: number };
}

function replicated(object: Replicated, ready: number, pods: readonly Pod[]): Readiness {
  const wanted = object.spec.replicas ?? 1;
  const seen = (object.status?.observedGeneration ?? 0) >= (object.metadata.generation ?? 1);
  if (seen && ready >= wanted) return { ready: true, detail: `${wanted}/${wanted} ready` };
  const why = pods.map(trouble).find((text) => text !== undefined);
  return { ready: false, detail: `${Math.min(ready, wanted)}/${wanted} ready${why ? `; ${why}` : ''}` };
}

function pod(object: Pod): Readiness {
  const phase = object.status?.phase ?? 'Pending';
  if (phase === 'Succeeded') return { ready: true, detail: 'succeeded' };
  if (phase === 'Failed')
    return { ready: false, detail: 'failed', hopeless: object.status?.message ?? 'its containers failed' };
  const ready = isReady(object);
  return { ready, detail: ready ? 'ready' : (trouble(object) ?? phase.toLowerCase()) };
}

/** What keeps a pod from being ready, if it says something that a person can act on. */
export function trouble(object: Pod): string | undefined {
  const name = object.metadata.name;
  const unscheduled = object.status?.conditions?.find((c) => c.type === 'PodScheduled' && c.status === 'False');
  if (unscheduled?.message) return `${name} is not scheduled: ${unscheduled.message}`;
  for (const status of [...(object.status?.initContainerStatuses ?? []), ...(object.status?.containerStatuses ?? [])]) {
    const waiting = status.state?.waiting;
    if (waiting?.reason && waiting.reason !== 'ContainerCreating' && waiting.reason !== 'PodInitializing') {
      return `${name}/${status.name}: ${waiting.reason}${waiting.message ? `: ${waiting.message}` : ''}`;
    }
    const ended = status.state?.terminated;
    if (ended && ended.exitCode !== 0) return `${name}/${status.name}: ended with exit code ${ended.exitCode}`;
  }
  return undefined;
}

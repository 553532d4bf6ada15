// Facts about a pod's containers that plan and status agree on.
import type { core, Pod } from '../api/types.ts';
import type { ContainerKind, ContainerSeen, PodSeen } from './seen.ts';

/** Of kubernetes-types 1.30, with what came later. */
export type Container = core.Container & {
  restartPolicyRules?: unknown[];
};

export const initContainersOf = (pod: Pod): readonly Container[] => pod.spec.initContainers ?? [];
export const appContainersOf = (pod: Pod): readonly Container[] => pod.spec.containers ?? [];
export const containersOf = (pod: Pod): readonly Container[] => [...initContainersOf(pod), ...appContainersOf(pod)];

/** A sidecar is an init container with restartPolicy Always: it goes on while the others run. */
export function kindOf(pod: Pod, container: Container): ContainerKind {
  if (!initContainersOf(pod).includes(container)) return 'app';
  return container.restartPolicy === 'Always' ? 'sidecar' : 'init';
}

/** The latest run of a container. */
export const currentOf = (seen: Pick<PodSeen, 'containers'>, name: string): ContainerSeen | undefined =>
  seen.containers.findLast((c) => c.record.name === name);

/** The run before that. */
export const previousOf = (seen: Pick<PodSeen, 'containers'>, current: ContainerSeen): ContainerSeen | undefined =>
  seen.containers.findLast((c) => c.record.name === current.record.name && c.record.attempt < current.record.attempt);

export const exitCodeOf = (c: ContainerSeen): number | undefined => {
  if (c.record.startError !== undefined) return START_ERROR_CODE;
  return c.exit?.code;
};
/** What a container that never ran counts as. */
export const START_ERROR_CODE = 128;

export const isRunning = (c: ContainerSeen | undefined): c is ContainerSeen & { state: 'running' } =>
  c?.state === 'running';
export const hasEnded = (c: ContainerSeen | undefined): c is ContainerSeen & { state: 'exited' } =>
  c?.state === 'exited';

export const policyOf = (pod: Pod, kind: ContainerKind): 'Always' | 'OnFailure' | 'Never' => {
  if (kind === 'sidecar') return 'Always';
  const policy = (pod.spec.restartPolicy ?? 'Always') as 'Always' | 'OnFailure' | 'Never';
  // An init container that has succeeded is done.
  return kind === 'init' && policy === 'Always' ? 'OnFailure' : policy;
};

export const restarts = (pod: Pod, kind: ContainerKind, code: number): boolean => {
  const policy = policyOf(pod, kind);
  return policy === 'Always' || (policy === 'OnFailure' && code !== 0);
};

/** The first restart is at once, then the wait doubles. */
export const CRASH_BACKOFF_BASE_MS = 10_000;
export const CRASH_BACKOFF_MAX_MS = 300_000;
/** A run of this length clears the count. */
export const CRASH_BACKOFF_RESET_MS = 2 * CRASH_BACKOFF_MAX_MS;

const ranMs = (c: ContainerSeen): number => (c.exit && c.startedMs !== undefined ? c.exit.finishedMs - c.startedMs : 0);

/** `crashes` of the run that follows this one. */
export const crashesAfter = (ended: ContainerSeen): number =>
  ranMs(ended) > CRASH_BACKOFF_RESET_MS ? 0 : ended.record.crashes + 1;

export function backOffMs(ended: ContainerSeen): number {
  if (ended.record.crashes === 0 || ranMs(ended) > CRASH_BACKOFF_RESET_MS) return 0;
  return Math.min(CRASH_BACKOFF_MAX_MS, CRASH_BACKOFF_BASE_MS * 2 ** (ended.record.crashes - 1));
}

export const endedMs = (c: ContainerSeen): number => c.exit?.finishedMs ?? c.record.createdMs;

/** When the ended container may start again. */
export const restartAtMs = (ended: ContainerSeen): number => endedMs(ended) + backOffMs(ended);

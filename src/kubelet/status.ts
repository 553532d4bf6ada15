// A pod's status as it follows from what is seen: (pod, seen, node, now) -> PodStatus. Pure.
import { qosClass } from '../api/defaults/pod.ts';
import { rfc3339 } from '../api/time.ts';
import type { core, Pod } from '../api/types.ts';
import { podConditions } from './conditions.ts';
import {
  appContainersOf,
  backOffMs,
  currentOf,
  exitCodeOf,
  hasEnded,
  initContainersOf,
  isRunning,
  kindOf,
  previousOf,
  restartAtMs,
  restarts,
  START_ERROR_CODE,
} from './containers.ts';
import type { Container } from './containers.ts';
import { initPassed, isDone } from './plan.ts';
import type { ContainerSeen, PodSeen } from './seen.ts';

export type PodStatus = core.PodStatus & { observedGeneration?: number };
type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export function podStatus(pod: Pod, seen: PodSeen, node: { ip: string }, nowMs: number): PodStatus {
  const old: PodStatus = pod.status ?? {};
  const inits = initContainersOf(pod).map((c) => containerStatus(pod, c, seen, nowMs));
  const apps = appContainersOf(pod).map((c) => containerStatus(pod, c, seen, nowMs));
  const phase = podPhase(pod, seen);
  const ips = seen.sandbox?.ips ?? old.podIPs?.map((p) => p.ip ?? '') ?? [];
  const generation = pod.metadata.generation;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    conditions: podConditions(pod, seen, phase, [...inits, ...apps], nowMs),
    ...verdictFields(pod, seen, phase),
    hostIP: node.ip,
    hostIPs: [{ ip: node.ip }],
    ...(ips.length > 0 ? { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } : {}),
    startTime: old.startTime ?? rfc3339(nowMs),
    ...(inits.length > 0 ? { initContainerStatuses: inits } : {}),
    containerStatuses: apps,
    qosClass: old.qosClass ?? qosClass(pod.spec),
  };
}

function verdictFields(pod: Pod, seen: PodSeen, phase: Phase): { reason?: string; message?: string } {
  if (seen.verdict) return { ...seen.verdict };
  // What another has said about a finished pod (eviction) stays.
  const { reason, message, phase: before } = pod.status ?? {};
  if (phase !== before || (phase !== 'Failed' && phase !== 'Succeeded')) return {};
  return { ...(reason ? { reason } : {}), ...(message ? { message } : {}) };
}

export function podPhase(pod: Pod, seen: PodSeen): Phase {
  const before = pod.status?.phase;
  if (before === 'Succeeded' || before === 'Failed') return before;
  const ending = seen.verdict !== undefined || pod.metadata.deletionTimestamp !== undefined;
  if (ending && seen.released) {
    const all = appContainersOf(pod).map((c) => currentOf(seen, c.name));
    return !seen.verdict && all.every((c) => hasEnded(c) && exitCodeOf(c) === 0) ? 'Succeeded' : 'Failed';
  }
  const inits = initContainersOf(pod);
  if (!ending && isDone(pod, seen)) {
    const codes = [...inits.filter((c) => kindOf(pod, c) === 'init'), ...appContainersOf(pod)].map((c) => {
      const current = currentOf(seen, c.name);
      return hasEnded(current) ? exitCodeOf(current) : undefined;
    });
    // Sidecars still end after the last app container; the phase is final once nothing runs.
    if (seen.containers.some(isRunning)) return 'Running';
    return codes.every((code) => code === 0) ? 'Succeeded' : 'Failed';
  }
  if (!inits.every((c) => initPassed(pod, c, seen)) && !appContainersOf(pod).some((c) => currentOf(seen, c.name)))
    return 'Pending';
  const never = appContainersOf(pod).some((c) => currentOf(seen, c.name) === undefined);
  return never ? 'Pending' : 'Running';
}

export function containerStatus(pod: Pod, container: Container, seen: PodSeen, nowMs: number): core.ContainerStatus {
  const current = currentOf(seen, container.name);
  const old = oldStatus(pod, container.name);
  const probes = current && seen.probes.get(current.id);
  const running = isRunning(current);
  const done = hasEnded(current) && kindOf(pod, container) === 'init' && exitCodeOf(current) === 0;
  const state = stateOf(pod, container, current, seen, nowMs);
  const last = lastState(seen, current, state, old);
  return {
    name: container.name,
    state,
    lastState: last ? { terminated: last } : {},
    ready: kindOf(pod, container) === 'init' ? done : running && (probes?.ready ?? false),
    started: running && (probes?.started ?? false),
    restartCount: current?.record.attempt ?? old?.restartCount ?? 0,
    image: current?.record.imageName ?? container.image ?? '',
    imageID: current?.record.imageId ?? '',
    ...(current ? { containerID: containerId(current) } : {}),
  };
}

const containerId = (c: ContainerSeen): string => `runc://${c.id}`;

const oldStatus = (pod: Pod, name: string): core.ContainerStatus | undefined =>
  [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].find((s) => s.name === name);

function stateOf(
  pod: Pod,
  container: Container,
  current: ContainerSeen | undefined,
  seen: PodSeen,
  nowMs: number,
): core.ContainerState {
  if (isRunning(current)) return { running: { startedAt: rfc3339(current.startedMs ?? nowMs) } };
  const ending = seen.released || seen.verdict !== undefined || pod.metadata.deletionTimestamp !== undefined;
  const waiting = seen.waiting.get(container.name);
  if (current) {
    const again = !ending && restarts(pod, kindOf(pod, container), exitCodeOf(current) ?? 0);
    if (again && waiting) return { waiting: wordsOf(waiting) };
    if (again && nowMs < restartAtMs(current)) return { waiting: crashLoop(pod, current) };
    return { terminated: terminated(current) };
  }
  // Of a node that lost its files only what the API remembers is left.
  const old = oldStatus(pod, container.name);
  if (ending && old?.state?.terminated) return { terminated: old.state.terminated };
  if (waiting) return { waiting: wordsOf(waiting) };
  return { waiting: { reason: initContainersOf(pod).length > 0 ? 'PodInitializing' : 'ContainerCreating' } };
}

const wordsOf = (w: { reason: string; message?: string }): core.ContainerStateWaiting => ({
  reason: w.reason,
  ...(w.message ? { message: w.message } : {}),
});

export const podWords = (pod: Pod): string => `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;

/** As Go prints a duration: 10s, 1m20s, 5m0s. */
export function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function crashLoop(pod: Pod, current: ContainerSeen): core.ContainerStateWaiting {
  const message = `back-off ${goDuration(backOffMs(current))} restarting failed container=${current.record.name} pod=${podWords(pod)}`;
  return { reason: 'CrashLoopBackOff', message };
}

function lastState(
  seen: PodSeen,
  current: ContainerSeen | undefined,
  state: core.ContainerState,
  old: core.ContainerStatus | undefined,
): core.ContainerStateTerminated | undefined {
  if (!current) return old?.lastState?.terminated;
  // While it waits for its restart the run that has just ended is the last one.
  if (state.waiting && hasEnded(current)) return terminated(current);
  const previous = previousOf(seen, current);
  if (previous) return hasEnded(previous) ? terminated(previous) : undefined;
  return current.record.attempt > 0 ? old?.lastState?.terminated : undefined;
}

const EPOCH = '1970-01-01T00:00:00Z';

export function terminated(c: ContainerSeen): core.ContainerStateTerminated {
  const { record, exit } = c;
  if (record.startError !== undefined) {
    return {
      exitCode: START_ERROR_CODE,
      reason: 'StartError',
      message: record.startError,
      startedAt: EPOCH,
      finishedAt: rfc3339(record.createdMs),
      containerID: containerId(c),
    };
  }
  const code = exit?.code ?? 0;
  const reason = exit?.unseen ? 'Unknown' : exit?.oomKilled ? 'OOMKilled' : code === 0 ? 'Completed' : 'Error';
  return {
    exitCode: code,
    reason,
    ...(record.message ? { message: record.message } : {}),
    startedAt: rfc3339(c.startedMs ?? record.createdMs),
    finishedAt: rfc3339(exit?.finishedMs ?? record.createdMs),
    containerID: containerId(c),
  };
}

/** The JSON merge patch from the status in the API to this one; undefined: they are equal. */
export function statusPatch(pod: Pod, next: PodStatus): unknown {
  const old = (pod.status ?? {}) as Record<string, unknown>;
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(next)) if (!same(old[key], value)) patch[key] = value;
  const owned = ['reason', 'message', 'podIP', 'podIPs', 'initContainerStatuses'];
  for (const key of owned) if (old[key] !== undefined && !(key in next)) patch[key] = null;
  if (Object.keys(patch).length === 0) return undefined;
  // A pod of the same name that came after it must not get this one's status.
  return { metadata: { uid: pod.metadata.uid }, status: patch };
}

/** Deep equality of JSON; an absent field equals undefined. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((k) => same((a as Record<string, unknown>)[k], (b as Record<string, unknown>)[k]));
}

// One pod: (pod, seen, now) -> the steps to take next. Pure; whoever takes them comes back with what was then seen.
//
//   volumes, sandbox -> init containers one by one (sidecars stay) -> app containers in order -> ends and restarts
//   deletion, deadline, end of all containers -> kill apps, then sidecars -> release -> (deleted:) finish
import { parseTime } from '../api/time.ts';
import type { Pod } from '../api/types.ts';
import {
  appContainersOf,
  crashesAfter,
  currentOf,
  exitCodeOf,
  hasEnded,
  initContainersOf,
  isRunning,
  kindOf,
  restartAtMs,
  restarts,
} from './containers.ts';
import type { Container } from './containers.ts';
import { refusalOf } from './refuse.ts';
import type { ContainerSeen, PodPlan, PodSeen, PodStep } from './seen.ts';
import { stepKey } from './seen.ts';

/** Even who asks for less gets this long between SIGTERM and SIGKILL. */
const MIN_GRACE_SECONDS = 2;
const DEFAULT_GRACE_SECONDS = 30;

export function planPod(pod: Pod, seen: PodSeen, nowMs: number): PodPlan {
  const plan = stopReason(pod, seen, nowMs) ?? (isDone(pod, seen) ? stopPlan(pod, seen, 'pod completed') : undefined);
  const { steps, requeueAtMs } = plan ?? runPlan(pod, seen, nowMs);
  // A kill under way is named again: its grace may have become shorter.
  return { steps: steps.filter((s) => s.op === 'kill' || !seen.busy.has(stepKey(s))), requeueAtMs };
}

function stopReason(pod: Pod, seen: PodSeen, nowMs: number): PodPlan | undefined {
  if (seen.forgotten || pod.metadata.deletionTimestamp !== undefined) return endPlan(pod, seen);
  if (seen.verdict) return stopPlan(pod, seen, seen.verdict.message);
  const refusal = refusalOf(pod);
  if (refusal) return { steps: [{ op: 'refuse', verdict: refusal }] };
  const deadlineMs = deadlineOf(pod);
  if (deadlineMs !== undefined && nowMs >= deadlineMs) {
    const message = 'Pod was active on the node longer than the specified deadline';
    return { steps: [{ op: 'refuse', verdict: { reason: 'DeadlineExceeded', message } }] };
  }
  if (seen.shutdown) {
    const message = 'Pod was terminated in response to imminent node shutdown.';
    return { steps: [{ op: 'refuse', verdict: { reason: 'Terminated', message } }] };
  }
  return undefined;
}

function deadlineOf(pod: Pod): number | undefined {
  const { activeDeadlineSeconds } = pod.spec;
  const { startTime } = pod.status ?? {};
  if (activeDeadlineSeconds === undefined || !startTime) return undefined;
  return parseTime(startTime) + activeDeadlineSeconds * 1000;
}

/** Every app container, or an init container, has ended for good; or the API has called it finished before. */
export function isDone(pod: Pod, seen: PodSeen): boolean {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return true;
  if (failedInit(pod, seen)) return true;
  const apps = appContainersOf(pod);
  return apps.every((c) => {
    const current = currentOf(seen, c.name);
    return hasEnded(current) && !restarts(pod, 'app', exitCodeOf(current) ?? 0);
  });
}

function failedInit(pod: Pod, seen: PodSeen): boolean {
  return initContainersOf(pod).some((c) => {
    const current = currentOf(seen, c.name);
    const code = hasEnded(current) ? exitCodeOf(current) : 0;
    return kindOf(pod, c) === 'init' && code !== 0 && !restarts(pod, 'init', code ?? 0);
  });
}

/** Deleted, or gone from the API. */
function endPlan(pod: Pod, seen: PodSeen): PodPlan {
  if (seen.released) return { steps: seen.statusWritten || seen.forgotten ? [{ op: 'finish' }] : [] };
  return stopPlan(pod, seen, `Stopping container`);
}

export function graceSeconds(pod: Pod, seen: PodSeen): number {
  const asked =
    pod.metadata.deletionGracePeriodSeconds ??
    (seen.forgotten ? 0 : (pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS));
  return Math.max(MIN_GRACE_SECONDS, Math.min(asked, seen.shutdown?.graceSeconds ?? asked));
}

/** Apps first; sidecars after them, the last one first; then what the pod holds. */
function stopPlan(pod: Pod, seen: PodSeen, why: string): PodPlan {
  if (seen.released) return { steps: [] };
  const grace = graceSeconds(pod, seen);
  const kill = (c: ContainerSeen): PodStep => killStep(c, grace, why);
  const running = seen.containers.filter(isRunning);
  if ([...seen.busy].some((key) => key.startsWith('start ') || key === 'sandbox' || key === 'volumes')) {
    // What is being started is ended when it has started.
    return { steps: running.map(kill) };
  }
  const sidecars = initContainersOf(pod).filter((c) => kindOf(pod, c) === 'sidecar');
  const isSidecar = (c: ContainerSeen): boolean => c.record.kind === 'sidecar';
  const apps = running.filter((c) => !isSidecar(c));
  if (apps.length > 0) return { steps: apps.map(kill) };
  const last = sidecars.map((c) => currentOf(seen, c.name)).findLast(isRunning) ?? running[0];
  if (last) return { steps: [kill(last)] };
  return { steps: [{ op: 'release' }] };
}

const killStep = (c: ContainerSeen, grace: number, why: string): PodStep => ({
  op: 'kill',
  id: c.id,
  name: c.record.name,
  graceSeconds: grace,
  why: why === 'Stopping container' ? `Stopping container ${c.record.name}` : why,
});

function runPlan(pod: Pod, seen: PodSeen, nowMs: number): PodPlan {
  const deadlineMs = deadlineOf(pod);
  const setup = setupSteps(pod, seen, nowMs);
  if (setup) return earliest(setup, deadlineMs);
  const attempt = seen.sandbox?.attempt ?? 0;
  // What ran in a sandbox that is gone counts as history: the pod starts over, init containers too.
  const orphans = seen.containers.filter((c) => isRunning(c) && c.record.sandbox !== attempt);
  if (orphans.length > 0) return { steps: orphans.map((c) => killStep(c, 0, 'Pod sandbox changed')) };
  const now: PodSeen = { ...seen, containers: seen.containers.filter((c) => c.record.sandbox === attempt) };
  const plan = containerSteps(pod, now, seen, nowMs);
  return earliest(plan, deadlineMs);
}

function setupSteps(pod: Pod, seen: PodSeen, nowMs: number): PodPlan | undefined {
  if (seen.volumesReady && seen.sandbox) return undefined;
  if (seen.setupRetryAtMs !== undefined && nowMs < seen.setupRetryAtMs)
    return { steps: [], requeueAtMs: seen.setupRetryAtMs };
  const steps: PodStep[] = [];
  if (!seen.volumesReady) steps.push({ op: 'volumes' });
  if (!seen.sandbox && (seen.networkReady || pod.spec.hostNetwork))
    steps.push({ op: 'sandbox', attempt: seen.sandboxesLost });
  return { steps };
}

function earliest(plan: PodPlan, atMs: number | undefined): PodPlan {
  if (atMs === undefined) return plan;
  return { ...plan, requeueAtMs: Math.min(atMs, plan.requeueAtMs ?? atMs) };
}

/** `now` holds the containers of this sandbox, `all` also those before, whose count goes on. */
function containerSteps(pod: Pod, now: PodSeen, all: PodSeen, nowMs: number): PodPlan {
  const steps: PodStep[] = [];
  let requeueAtMs: number | undefined;
  const take = (plan: PodPlan): void => {
    steps.push(...plan.steps);
    if (plan.requeueAtMs !== undefined) requeueAtMs = Math.min(plan.requeueAtMs, requeueAtMs ?? plan.requeueAtMs);
  };
  for (const container of initContainersOf(pod)) {
    take(oneContainer(pod, container, now, all, nowMs));
    if (!initPassed(pod, container, now)) return { steps, requeueAtMs };
  }
  const plans = appContainersOf(pod).map((c) => ({ c, plan: oneContainer(pod, c, now, all, nowMs) }));
  const starting = steps.some(isStart) || [...all.busy].some((key) => key.startsWith('start '));
  const toStart = plans.filter(({ plan }) => plan.steps.some(isStart));
  // One start at a time, in the order of the spec: who comes first gets the port. One that crashes at once must not hold up
  // those that have not run yet.
  const next = toStart.find(({ c }) => !currentOf(now, c.name)) ?? toStart[0];
  for (const each of plans) if (!toStart.includes(each) || (each === next && !starting)) take(each.plan);
  return { steps, requeueAtMs };
}

const isStart = (step: PodStep): boolean => step.op === 'start';

/** Whether the containers after it may start: it is done, or as a sidecar has started. */
export function initPassed(pod: Pod, container: Container, seen: PodSeen): boolean {
  const current = currentOf(seen, container.name);
  if (kindOf(pod, container) === 'sidecar') {
    // A sidecar that has been up once holds up nobody when it ends later.
    const started = current && (seen.probes.get(current.id)?.started ?? false);
    return (isRunning(current) && Boolean(started)) || appContainersOf(pod).some((c) => currentOf(seen, c.name));
  }
  return hasEnded(current) && exitCodeOf(current) === 0;
}

function oneContainer(pod: Pod, container: Container, now: PodSeen, all: PodSeen, nowMs: number): PodPlan {
  const kind = kindOf(pod, container);
  const current = currentOf(now, container.name);
  if (isRunning(current)) return runningSteps(pod, container, current, now);
  if (current) {
    const code = exitCodeOf(current) ?? 0;
    if (!restarts(pod, kind, code)) return { steps: [] };
    const atMs = restartAtMs(current);
    if (nowMs < atMs) {
      return { steps: [{ op: 'backOff', name: container.name, id: current.id, untilMs: atMs }], requeueAtMs: atMs };
    }
  }
  const waiting = now.waiting.get(container.name);
  if (waiting && nowMs < waiting.retryAtMs) return { steps: [], requeueAtMs: waiting.retryAtMs };
  const last = currentOf(all, container.name);
  const attempt = last ? last.record.attempt + 1 : countBefore(pod, container.name);
  const crashes = current ? crashesAfter(current) : 0;
  const sandbox = now.sandbox?.attempt ?? 0;
  return { steps: [{ op: 'start', name: container.name, kind, attempt, crashes, sandbox }] };
}

/** Files of former runs are gone, but the API remembers that there were some. */
function countBefore(pod: Pod, name: string): number {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const status = [...initContainerStatuses, ...containerStatuses].find((s) => s.name === name);
  return status?.containerID ? status.restartCount + 1 : 0;
}

function runningSteps(pod: Pod, container: Container, current: ContainerSeen, seen: PodSeen): PodPlan {
  const grace = Math.max(MIN_GRACE_SECONDS, pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS);
  const unhealthy = seen.probes.get(current.id)?.unhealthy;
  if (unhealthy !== undefined) {
    const probe = unhealthy === 'startup' ? container.startupProbe : container.livenessProbe;
    const own = probe?.terminationGracePeriodSeconds;
    return { steps: [killStep(current, own ?? grace, probeWhy(pod, container, unhealthy))] };
  }
  if (current.record.image !== container.image) {
    const why = `Container ${container.name} definition changed, will be restarted`;
    return { steps: [killStep(current, grace, why)] };
  }
  return { steps: [] };
}

function probeWhy(pod: Pod, container: Container, probe: string): string {
  const next = restarts(pod, kindOf(pod, container), 1) ? ', will be restarted' : '';
  return `Container ${container.name} failed ${probe} probe${next}`;
}

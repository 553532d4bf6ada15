// A pod's conditions: those of the kubelet computed, those of others kept.
import { rfc3339 } from '../api/time.ts';
import type { core, Pod } from '../api/types.ts';
import { appContainersOf, currentOf, initContainersOf, kindOf } from './containers.ts';
import { initPassed } from './plan.ts';
import type { PodSeen } from './seen.ts';

export type PodCondition = core.PodCondition & { observedGeneration?: number };
interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}
const yes: Verdict = { status: 'True' };
const no = (reason?: string, message?: string): Verdict => ({ status: 'False', reason, message });

export function podConditions(
  pod: Pod,
  seen: PodSeen,
  phase: string,
  statuses: readonly core.ContainerStatus[],
  nowMs: number,
): PodCondition[] {
  const ready = containersReady(pod, phase, statuses);
  const wanted: Record<string, Verdict> = {
    PodReadyToStartContainers: seen.sandbox && !seen.released ? yes : no(),
    Initialized: initialized(pod, seen, phase),
    Ready: ready.status === 'True' ? gates(pod) : ready,
    ContainersReady: ready,
    PodScheduled: yes,
  };
  const old = (pod.status?.conditions ?? []) as PodCondition[];
  const mine = Object.entries(wanted).map(([type, verdict]) =>
    condition(
      type,
      verdict,
      old.find((c) => c.type === type),
      pod.metadata.generation,
      nowMs,
    ),
  );
  return [...mine, ...old.filter((c) => !(c.type in wanted))];
}

function condition(
  type: string,
  v: Verdict,
  old: PodCondition | undefined,
  generation: number | undefined,
  nowMs: number,
): PodCondition {
  const since = old?.status === v.status ? old.lastTransitionTime : undefined;
  return {
    type,
    status: v.status,
    ...(v.reason ? { reason: v.reason } : {}),
    ...(v.message ? { message: v.message } : {}),
    lastTransitionTime: since ?? rfc3339(nowMs),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}

function initialized(pod: Pod, seen: PodSeen, phase: string): Verdict {
  const inits = initContainersOf(pod);
  if (inits.length === 0) return yes;
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  const passed = appContainersOf(pod).some((c) => currentOf(seen, c.name));
  const left = inits.filter((c) => !passed && !initPassed(pod, c, seen)).map((c) => c.name);
  if (left.length === 0) return yes;
  return no('ContainersNotInitialized', `containers with incomplete status: [${left.join(' ')}]`);
}

function containersReady(pod: Pod, phase: string, statuses: readonly core.ContainerStatus[]): Verdict {
  if (phase === 'Succeeded') return no('PodCompleted');
  if (phase === 'Failed') return no('PodFailed');
  const counted = [...initContainersOf(pod).filter((c) => kindOf(pod, c) === 'sidecar'), ...appContainersOf(pod)];
  const left = counted.map((c) => c.name).filter((name) => !statuses.find((s) => s.name === name)?.ready);
  if (left.length === 0) return yes;
  return no('ContainersNotReady', `containers with unready status: [${left.join(' ')}]`);
}

/** readinessGates: conditions that others set. */
function gates(pod: Pod): Verdict {
  const messages = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = pod.status?.conditions?.find((c) => c.type === conditionType);
    if (!found) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (found.status === 'True') return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`];
  });
  return messages.length === 0 ? yes : no('ReadinessGatesNotReady', messages.join(', '));
}

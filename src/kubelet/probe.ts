// One probe's state machine: results in, thresholds counted, verdicts out. Pure; prober.io.ts asks the questions.
import type { core } from '../api/types.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

export interface ProbeState {
  /** Same results in a row. */
  readonly run: number;
  readonly last?: boolean;
  /** undefined: the threshold has not been reached in either direction yet. */
  readonly verdict?: boolean;
}

export const freshProbe: ProbeState = { run: 0 };

export interface Timing {
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export const timingOf = (probe: core.Probe): Timing => ({
  initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
  periodMs: (probe.periodSeconds || 10) * 1000,
  timeoutMs: (probe.timeoutSeconds || 1) * 1000,
  successThreshold: probe.successThreshold || 1,
  failureThreshold: probe.failureThreshold || 3,
});

export function afterResult(state: ProbeState, passed: boolean, timing: Timing): ProbeState {
  const run = state.last === passed ? state.run + 1 : 1;
  const reached = run >= (passed ? timing.successThreshold : timing.failureThreshold);
  return { run, last: passed, ...(reached ? { verdict: passed } : { verdict: state.verdict }) };
}

const EAGER_FIRST_MS = 20;
const EAGER_EXEC_MS = 250;

/**
 * When to ask again. Until a container has been ready once its readiness probe is asked more often than periodSeconds says, as
 * the API allows: else a server that needs 10 ms to listen costs its pod 10 s.
 */
export function nextDelayMs(kind: ProbeKind, state: ProbeState, asks: number, timing: Timing, isExec: boolean): number {
  if (kind !== 'readiness' || state.verdict === true || state.last === true) return timing.periodMs;
  const first = isExec ? EAGER_EXEC_MS : EAGER_FIRST_MS;
  return Math.min(timing.periodMs, first * 2 ** Math.min(asks - 1, 20));
}

export const isHttpSuccess = (code: number): boolean => code >= 200 && code < 400;

/** A port by number or by the name of one of the container's ports. */
export function probePort(port: number | string, container: Pick<core.Container, 'ports'>): number | undefined {
  if (typeof port === 'number') return port;
  if (/^\d+$/.test(port)) return Number(port);
  return container.ports?.find((p) => p.name === port)?.containerPort;
}

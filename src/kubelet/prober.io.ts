// The probes of one container: asked on time, counted by probe.ts, told to the pod's worker.
import type { core } from '../api/types.ts';
import { ask } from './hooks.io.ts';
import type { Asked } from './hooks.io.ts';
import { afterResult, freshProbe, nextDelayMs, timingOf } from './probe.ts';
import type { ProbeKind, ProbeState, Timing } from './probe.ts';
import type { ProbeResults } from './seen.ts';

export interface Prober {
  readonly results: ProbeResults;
  stop(): void;
}

const titles: Readonly<Record<ProbeKind, string>> = {
  startup: 'Startup',
  readiness: 'Readiness',
  liveness: 'Liveness',
};

export function startProber(
  asked: Asked,
  startedMs: number,
  env: { nowMs(): number; after(delayMs: number, callback: () => void): () => void },
  changed: (failure?: { readonly message: string }) => void,
): Prober {
  const { startupProbe, readinessProbe, livenessProbe } = asked.container;
  let results: ProbeResults = { started: !startupProbe, ready: !startupProbe && !readinessProbe };
  const cancels = new Set<() => void>();
  let stopped = false;

  const run = (kind: ProbeKind, probe: core.Probe, told: (verdict: boolean) => void): void => {
    const timing = timingOf(probe);
    let state: ProbeState = freshProbe;
    let asks = 0;
    const later = (delayMs: number): void => {
      const cancel = env.after(delayMs, () => {
        cancels.delete(cancel);
        void once();
      });
      cancels.add(cancel);
    };
    const once = async (): Promise<void> => {
      const answer = await ask(probe, asked, timing.timeoutMs).catch((e: Error) => e.message);
      if (stopped) return;
      state = afterResult(state, answer === undefined, timing);
      asks++;
      const delayMs = nextDelayMs(kind, state, asks, timing, probe.exec !== undefined);
      if (answer !== undefined && !isEarly(env.nowMs() - startedMs, timing, kind, state))
        changed({ message: `${titles[kind]} probe failed: ${answer}` });
      if (state.verdict !== undefined) told(state.verdict);
      if (!stopped && !(kind === 'startup' && state.verdict !== undefined)) later(delayMs);
    };
    later(Math.max(0, timing.initialDelayMs - (env.nowMs() - startedMs)));
  };
  const update = (next: Partial<ProbeResults>): void => {
    const before = results;
    results = { ...results, ...next };
    if (JSON.stringify(before) !== JSON.stringify(results)) changed();
  };
  const others = (): void => {
    if (readinessProbe) run('readiness', readinessProbe, (ready) => update({ ready }));
    if (livenessProbe) run('liveness', livenessProbe, (alive) => !alive && update({ unhealthy: 'liveness' }));
  };
  if (startupProbe) {
    run('startup', startupProbe, (passed) => {
      if (!passed) return update({ unhealthy: 'startup' });
      update({ started: true, ready: !readinessProbe });
      others();
    });
  } else others();

  return {
    get results() {
      return results;
    },
    stop() {
      stopped = true;
      for (const cancel of cancels) cancel();
    },
  };
}

/** In its first period a readiness probe is asked more often than it says: those failures are no news. */
const isEarly = (sinceMs: number, timing: Timing, kind: ProbeKind, state: ProbeState): boolean =>
  kind === 'readiness' && state.verdict !== true && sinceMs < timing.initialDelayMs + timing.periodMs;

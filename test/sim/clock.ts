// Time and chance of a simulated run: timers fire in order of time when the run says so, and one seed decides the rest.
import { setImmediate } from 'node:timers/promises';
import type { Env } from '../../src/client/types.ts';

interface Timer {
  readonly atMs: number;
  readonly turn: number;
  callback: (() => void) | undefined;
}

export interface Clock extends Env {
  /** Runs timers and what follows from them for this long. `after` each timer `check` is called. */
  run(durationMs: number, check?: () => void): Promise<void>;
  readonly lines: string[];
}

/** mulberry32: small, quick, good enough to spread faults. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function createClock(seed: number): Clock {
  const random = seeded(seed);
  const timers: Timer[] = [];
  const lines: string[] = [];
  let nowMs = Date.UTC(2026, 0, 1);
  let turns = 0;

  const before = (a: Timer | undefined, b: Timer): boolean =>
    a !== undefined && (a.atMs < b.atMs || (a.atMs === b.atMs && a.turn < b.turn));
  function insert(timer: Timer): void {
    let low = 0;
    let high = timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(timers[middle], timer)) low = middle + 1;
      else high = middle;
    }
    timers.splice(low, 0, timer);
  }

  return {
    lines,
    nowMs: () => nowMs,
    random,
    uuid() {
      const hex = (n: number): string =>
        Array.from({ length: n }, () => Math.floor(random() * 16).toString(16)).join('');
      return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
    },
    after(delayMs, callback) {
      const timer: Timer = { atMs: nowMs + Math.max(0, Math.ceil(delayMs)), turn: turns++, callback };
      insert(timer);
      return () => {
        timer.callback = undefined;
      };
    },
    log(level, message) {
      if (level !== 'debug') lines.push(`${nowMs} ${level} ${message}`);
    },
    async run(durationMs, check) {
      const endMs = nowMs + durationMs;
      // Everything here is promises; a turn of the event loop comes only when none of them can go on.
      await setImmediate();
      for (let next = timers[0]; next && next.atMs <= endMs; next = timers[0]) {
        timers.shift();
        if (!next.callback) continue;
        nowMs = next.atMs;
        next.callback();
        await setImmediate();
        check?.();
      }
      nowMs = endMs;
    },
  };
}

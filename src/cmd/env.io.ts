// The real time, chance and log of a process, handed to everything that is pure.
import { randomUUID } from 'node:crypto';
import type { Env, Log } from '../client/types.ts';

const levels = { debug: 0, info: 1, warn: 2, error: 3 } as const;

/** One line per message on stderr: time, level, message, fields as JSON. PODLAN_LOG=debug shows everything. */
export function stderrLog(): Log {
  const least = levels[(process.env.PODLAN_LOG ?? 'info') as keyof typeof levels] ?? levels.info;
  return (level, message, fields) => {
    if (levels[level] < least) return;
    const more = fields && Object.keys(fields).length > 0 ? ` ${JSON.stringify(fields)}` : '';
    process.stderr.write(`${new Date().toISOString()} ${level} ${message}${more}\n`);
  };
}

export function realEnv(log: Log): Env {
  return {
    nowMs: () => Date.now(),
    random: () => Math.random(),
    uuid: () => randomUUID(),
    after: (delayMs, callback) => {
      // setTimeout takes at most 2^31-1 ms and fires at once beyond.
      const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), 2_147_483_647));
      return () => clearTimeout(timer);
    },
    log,
  };
}

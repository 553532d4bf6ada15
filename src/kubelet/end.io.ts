// The end of one container: SIGTERM with its hook and grace, SIGKILL, and what it leaves behind.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container } from './containers.ts';
import { ask } from './hooks.io.ts';
import type { Asked } from './hooks.io.ts';
import type { NodeContext } from './node.io.ts';

const SIGKILL = 9;

export interface Kill {
  readonly ended: Promise<unknown>;
  /** The grace can become shorter while it runs (a second delete), never longer. */
  shorten(graceSeconds: number): void;
}

export interface KillOptions {
  readonly id: string;
  readonly graceSeconds: number;
  readonly signal: number;
  /** Of the container, when it has a preStop hook. */
  readonly preStop?: {
    readonly hook: NonNullable<NonNullable<Container['lifecycle']>['preStop']>;
    readonly asked: Asked;
  };
  /** Resolves when the runtime has said that it ended. */
  readonly exited: Promise<unknown>;
  hookFailed(message: string): void;
}

export function startKill(node: NodeContext, o: KillOptions): Kill {
  let deadlineMs = node.env.nowMs() + o.graceSeconds * 1000;
  let cancel: () => void = () => {};
  let over!: () => void;
  const late = new Promise<void>((resolve) => (over = resolve));
  const arm = (): void => {
    cancel();
    cancel = node.env.after(Math.max(0, deadlineMs - node.env.nowMs()), over);
  };
  const work = async (): Promise<void> => {
    arm();
    const done = Promise.race([o.exited, late]);
    if (o.preStop && o.graceSeconds > 0) {
      const leftMs = deadlineMs - node.env.nowMs();
      const { hook, asked } = o.preStop;
      const answer = await Promise.race([
        ask(hook, asked, leftMs).catch((e: Error) => e.message),
        done.then(() => undefined),
      ]);
      if (answer !== undefined) o.hookFailed(answer);
    }
    if (o.graceSeconds > 0) {
      node.runtime.signal(o.id, o.signal);
      await done;
    }
    cancel();
    node.runtime.signal(o.id, SIGKILL);
    await o.exited;
  };
  return {
    ended: work(),
    shorten(graceSeconds) {
      const atMs = node.env.nowMs() + graceSeconds * 1000;
      if (atMs >= deadlineMs) return;
      deadlineMs = atMs;
      arm();
    },
  };
}

/** Upstream's sizes: 4 KiB of a message file, 2 KiB or 80 lines of a log. */
const MESSAGE_BYTES = 4096;
const LOG_BYTES = 2048;
const LOG_LINES = 80;

/** What the container said about its end. */
export function terminationMessage(
  dir: string,
  container: Container,
  logPath: string,
  failed: boolean,
): string | undefined {
  const file = tail(join(dir, 'termination-log'), MESSAGE_BYTES);
  if (file) return file;
  if (container.terminationMessagePolicy !== 'FallbackToLogsOnError' || !failed) return undefined;
  const lines = tail(logPath, LOG_BYTES * 4)
    .split('\n')
    .filter(Boolean)
    .slice(-LOG_LINES);
  // CRI: time stream tag text
  const text = lines.map((line) => line.split(' ').slice(3).join(' ')).join('\n');
  return text ? `${text.slice(-LOG_BYTES)}\n` : undefined;
}

function tail(path: string, bytes: number): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(bytes, size));
    readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8');
  } finally {
    closeSync(fd);
  }
}

/** Gives back what an ended container holds of the kernel, and its writable layer; record and log stay. */
export async function discard(node: NodeContext, id: string): Promise<void> {
  await node.runtime.delete(id);
  const dir = node.runtime.dir(id);
  node.mounts.unmount(join(dir, 'rootfs'));
  for (const part of ['upper', 'work']) await rm(join(dir, part), { recursive: true, force: true });
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGWINCH: 28,
  SIGPWR: 30,
};

/** STOPSIGNAL of the image or lifecycle.stopSignal: a name, a number, or RTMIN+n. */
export function signalNumber(text: string | undefined): number {
  if (!text) return SIGNALS.SIGTERM ?? 15;
  if (/^\d+$/.test(text)) return Number(text);
  const name = text.startsWith('SIG') ? text : `SIG${text}`;
  const realtime = /^SIGRTMIN(?:\+(\d+))?$/.exec(name);
  if (realtime) return 34 + Number(realtime[1] ?? 0);
  return SIGNALS[name] ?? SIGNALS.SIGTERM ?? 15;
}

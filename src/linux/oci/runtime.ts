// What the kubelet asks of a container runtime, and what it sees of its containers.
//
//   create -> created --start--> running --ends by itself, or signal--> exited --delete--> its files alone --remove--> gone
import type { OciConfig } from './config.ts';

export interface NewContainer {
  readonly id: string;
  readonly config: OciConfig;
  /** CRI log; its directory exists. */
  readonly logPath: string;
  /** Keep a stdin open for `attach`. */
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  /** Given back by list(): what the caller must remember of it, over a restart of this process. */
  readonly record: unknown;
}

export interface Exit {
  /** 128+n after signal n. */
  readonly code: number;
  readonly finishedMs: number;
  readonly oomKilled: boolean;
  /** Nobody saw it end: its watcher died with it, or the machine went down. */
  readonly unseen: boolean;
}

export interface RuntimeContainer {
  readonly id: string;
  readonly record: unknown;
  readonly state: 'created' | 'running' | 'exited';
  readonly startedMs?: number;
  readonly exit?: Exit;
  /** The kernel holds nothing of it any more (delete was done). */
  readonly deleted: boolean;
}

export interface Runtime {
  /** Every container that has files, by what the disk and the kernel say now. */
  list(): RuntimeContainer[];
  /** Directory of a container: config.json, rootfs/, attach, ctl and what the caller puts there. Exists after prepare(). */
  dir(id: string): string;
  prepare(id: string): string;
  /** Throws RuntimeError in the runtime's words; nothing is left of it then but its files. */
  create(container: NewContainer): Promise<void>;
  start(id: string): Promise<{ startedMs: number }>;
  /** To its first process. False: it does not run. */
  signal(id: string, signal: number): boolean;
  /** Frees what the kernel holds of an exited container: runtime state and cgroup. Again: nothing happens. */
  delete(id: string): Promise<void>;
  /** Forgets it: its files go. */
  remove(id: string): Promise<void>;
  /** Rewrites its record. */
  remember(id: string, record: unknown): void;
  /** Called once for each container that ends after this call, and never before start() has returned. */
  onExit(listener: (id: string, exit: Exit) => void): void;
  close(): void;
}

export class RuntimeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RuntimeError';
  }
}

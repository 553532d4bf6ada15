// DNS in a thread of its own: the kubelet's work on the main thread never makes a name wait.
import { Worker } from 'node:worker_threads';
import type { ClusterSettings, NodeSettings } from '../../api/cluster.ts';
import type { Log } from '../../client/types.ts';
import { workerUrl } from '../../lib/worker.io.ts';
import type { Dns } from './dns.io.ts';

/** Copied to the thread. */
export interface DnsWorkerData {
  readonly settings: ClusterSettings;
  readonly node: NodeSettings;
  /** PEM. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  /** https://ip:port, reached from the node's network namespace. */
  readonly apiServer: string;
  /** Paths of namespaces: /run/netns/<name>, or /proc/self/fd/<n> of an open one. */
  readonly nodeNetns: string;
  readonly hostNetns: string;
  /** The host's /etc/resolv.conf, unless a test has its own. */
  readonly resolvConf?: string;
}

type Level = 'debug' | 'info' | 'warn' | 'error';
export type FromDnsWorker =
  | { readonly ready: true }
  | { readonly error: string }
  | { readonly log: readonly [level: Level, message: string, fields?: Record<string, unknown>] }
  | { readonly counters: ReturnType<Dns['counters']>; readonly id: number };
export type ToDnsWorker = { readonly counters: number } | { readonly stop: true };

export interface DnsWorker {
  /** Names are answered. Rejects when the first start fails; a later crash is logged and mended. */
  readonly ready: Promise<void>;
  counters(): Promise<ReturnType<Dns['counters']>>;
  stop(): Promise<void>;
}

const FIRST_RESTART_MS = 50;
const LAST_RESTART_MS = 5_000;
/** A thread that lived this long did not crash at once: its successor starts without delay again. */
const SETTLED_MS = 10_000;
const STOP_WAIT_MS = 500;

export function startDnsWorker(o: DnsWorkerData & { readonly log: Log; readonly entry?: URL }): DnsWorker {
  const { log, entry = workerUrl('dns'), ...workerData } = o;
  // oxlint-disable-next-line typescript/no-redundant-type-constituents -- the linter does not see Node's types here
  let current: Worker | undefined;
  let stopping = false;
  let delayMs = FIRST_RESTART_MS;
  let cancelRestart: () => void = () => undefined;
  let started = false;
  let asked = 0;
  const asking = new Map<number, { resolve: (c: ReturnType<Dns['counters']>) => void; reject: (e: Error) => void }>();

  function run(): Promise<void> {
    const startedMs = performance.now();
    const worker = new Worker(entry, { workerData, name: 'dns' });
    current = worker;
    return new Promise<void>((ready, failed) => {
      let why = 'it ended';
      worker.on('message', (m: FromDnsWorker) => {
        if ('ready' in m) ready();
        else if ('error' in m) why = m.error;
        else if ('log' in m) log(...m.log);
        else {
          asking.get(m.id)?.resolve(m.counters);
          asking.delete(m.id);
        }
      });
      worker.on('error', (error) => {
        why = error instanceof Error ? error.message : String(error);
      });
      worker.on('exit', () => {
        current = undefined;
        for (const { reject } of asking.values()) reject(new Error(`dns: ${why}`));
        asking.clear();
        failed(new Error(`dns: ${why}`));
        if (!stopping && started) restart(why, performance.now() - startedMs);
      });
    });
  }

  function restart(why: string, livedMs: number): void {
    const waitMs = livedMs > SETTLED_MS ? FIRST_RESTART_MS : delayMs;
    delayMs = Math.min(waitMs * 2, LAST_RESTART_MS);
    log('error', `dns: ${why}; starting again in ${waitMs} ms`, { node: o.node.name });
    // A failure of the new thread comes here again, through its exit.
    const timer = setTimeout(() => void run().catch(() => undefined), waitMs);
    cancelRestart = () => clearTimeout(timer);
  }

  const ready = run().then(() => {
    started = true;
    return undefined;
  });
  // Whoever waits for it gets the error; nobody may wait yet.
  ready.catch(() => undefined);

  return {
    ready,
    counters() {
      const worker = current;
      if (!worker) return Promise.reject(new Error('dns: not running'));
      const id = ++asked;
      return new Promise((resolve, reject) => {
        asking.set(id, { resolve, reject });
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
        worker.postMessage({ counters: id } satisfies ToDnsWorker);
      });
    },
    async stop() {
      stopping = true;
      cancelRestart();
      const worker = current;
      if (!worker) return;
      const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage({ stop: true } satisfies ToDnsWorker);
      const killing = setTimeout(() => void worker.terminate(), STOP_WAIT_MS);
      await ended;
      clearTimeout(killing);
    },
  };
}

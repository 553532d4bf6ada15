// A server for tests: on the store in memory, with a clock that the test turns and chance from a seed.
import type { ApiResponse } from '../api/http.ts';
import type { KubeObject } from '../api/types.ts';
import type { Env } from '../client/types.ts';
import { type MemoryFaults, memoryStore } from '../store/memory.ts';
import type { Store } from '../store/types.ts';
import type { NodeProxy } from './nodes.ts';
import { type ApiServer, createApiServer } from './server.ts';

export interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: TestJson;
}

/** JSON of any shape, read by tests that say themselves what must be there. */
export interface TestJson extends Partial<KubeObject> {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: { causes?: { reason?: string; field?: string; message?: string }[]; [key: string]: unknown };
  readonly items?: TestJson[];
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown> | string;
  readonly data?: Record<string, string>;
  readonly [key: string]: unknown;
}

export interface WatchedEvent {
  readonly type: string;
  readonly object: TestJson;
}

export interface OpenWatch {
  /** Events so far; those already sent are read before it returns. */
  events(): Promise<WatchedEvent[]>;
  /** 'ADDED web', 'MODIFIED web', ... */
  lines(): Promise<string[]>;
  readonly ended: () => boolean;
  stop(): void;
}

export interface TestServer {
  readonly api: ApiServer;
  readonly store: Store;
  /** Turns the clock and fires what is due. */
  advance(ms: number): void;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  watch(path: string, headers?: Record<string, string>): OpenWatch;
}

export function fakeEnv(): Env & { advance(ms: number): void } {
  let now = 1_763_900_000_000;
  let seed = 1;
  let ids = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  return {
    nowMs: () => now,
    random: () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    },
    uuid: () => {
      ids += 1;
      return `00000000-0000-4000-8000-${String(ids).padStart(12, '0')}`;
    },
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    log: () => undefined,
    advance(ms) {
      now += ms;
      for (const timer of [...timers].sort((a, b) => a.at - b.at)) {
        if (timer.at <= now && timers.delete(timer)) timer.callback();
      }
    },
  };
}

const user = { name: 'tester', groups: ['system:authenticated'] };

export async function testServer(
  o: { faults?: MemoryFaults; nodes?: NodeProxy; store?: Store } = {},
): Promise<TestServer> {
  const store = o.store ?? memoryStore(o.faults);
  const env = fakeEnv();
  const settings = {
    serviceNetwork: '10.96.0.0/16',
    reservedIps: ['10.96.0.1', '10.96.0.10'],
    nodePorts: { from: 30_000, to: 30_003 },
    clusterDomain: 'cluster.local',
    evictAfterSeconds: 1,
  };
  const api = await createApiServer({ store, env, settings, nodes: o.nodes });
  const send = (
    method: string,
    path: string,
    body?: unknown,
    headers = {},
    signal?: AbortSignal,
  ): Promise<ApiResponse> => {
    const [bare = '', query = ''] = path.split('?');
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const bytes = body === undefined ? undefined : new TextEncoder().encode(text);
    const request = { method, path: bare, query: new URLSearchParams(query), headers, body: bytes, user, signal };
    return api.handle(request);
  };
  const call = async (method: string, path: string, body?: unknown, headers = {}): Promise<Answer> => {
    const { code, headers: sent, body: out } = await send(method, path, body, headers);
    const text = new TextDecoder().decode(out as Uint8Array);
    const parsed = text.startsWith('{') ? (JSON.parse(text) as TestJson) : { text };
    return { code, headers: sent, body: parsed };
  };
  if (!o.store) await call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
  return {
    api,
    store,
    advance: (ms) => env.advance(ms),
    call,
    watch: (path, headers = {}) => openWatch((signal) => send('GET', path, undefined, headers, signal)),
  };
}

function openWatch(open: (signal: AbortSignal) => Promise<ApiResponse>): OpenWatch {
  const stop = new AbortController();
  const seen: WatchedEvent[] = [];
  let ended = false;
  let rest = '';
  const reading = (async (): Promise<void> => {
    const { body } = await open(stop.signal);
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      rest += new TextDecoder().decode(chunk);
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      seen.push(...lines.map((l) => JSON.parse(l) as WatchedEvent));
    }
    ended = true;
  })();
  // Everything here is microtasks: after enough of them whatever was sent has been read.
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 200; i += 1) await Promise.resolve();
  };
  reading.catch(() => (ended = true));
  const events = async (): Promise<WatchedEvent[]> => {
    await settle();
    return [...seen];
  };
  return {
    events,
    lines: async () => (await events()).map((e) => `${e.type} ${e.object.metadata?.name ?? ''}`.trim()),
    ended: () => ended,
    stop: () => stop.abort(),
  };
}

/** A pod that validation has nothing against. */
export const podDraft = (
  name: string,
  more: Record<string, unknown> = {},
  spec: Record<string, unknown> = {},
): TestJson => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...more } as KubeObject['metadata'],
  spec: { containers: [{ name: 'c', image: 'host' }], ...spec },
});

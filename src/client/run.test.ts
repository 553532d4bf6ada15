import { describe, expect, it } from 'vitest';
import { failure } from '../api/status.ts';
import type { KubeObject } from '../api/types.ts';
import { runController } from './run.ts';
import type { Cache, Change, Client, Controller, Env, ObjectChange } from './types.ts';

const object: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'x', namespace: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
};
const remove: Change = { op: 'delete', kind: 'ConfigMap', namespace: 'a', name: 'x', why: 'test' };
const happened = (message: string): Change => ({
  op: 'event',
  regarding: object,
  type: 'Normal',
  reason: 'R',
  message,
  source: 's',
  why: '',
});

function setting(call: (name: string, ...args: unknown[]) => unknown) {
  const client = new Proxy(
    {},
    {
      get:
        (_t, name: string) =>
        async (...args: unknown[]) =>
          call(name, ...args),
    },
  ) as Client;
  const listeners: ((c: ObjectChange) => void)[] = [];
  const cache = {
    synced: Promise.resolve(),
    get: () => object,
    list: () => [],
    onChange: (l: (c: ObjectChange) => void) => (listeners.push(l), () => undefined),
    observe: (...args: unknown[]) => void call('observe', ...args),
  } as unknown as Cache;
  const timers: { delayMs: number; fire(): void }[] = [];
  const logs: string[] = [];
  const env: Env = {
    nowMs: () => 1_000_000,
    random: () => 0,
    uuid: () => '',
    after: (delayMs, fire) => (timers.push({ delayMs, fire }), () => undefined),
    log: (level, message) => void logs.push(`${level} ${message}`),
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { client, cache, env, listeners, timers, logs, settle };
}

const controller = (changes: readonly Change[], writes: string[]): Controller => ({
  name: 'test',
  watches: ['ConfigMap'],
  writes,
  startKeys: ['k'],
  keys: () => ['k'],
  plan: () => ({ changes }),
});

describe('runController', () => {
  it('refuses a plan with a write that is not declared, before any of it is done', async () => {
    const calls: string[] = [];
    const s = setting((name) => void calls.push(name));
    runController(controller([happened('m'), remove], ['Event']), s);
    await s.settle();
    expect(calls).toEqual([]);
    expect(s.logs[0]).toContain('may not write ConfigMap');
    expect(s.timers[0]?.delayMs).toBe(20);
  });

  it('brings the cache up to date after a conflict and looks again later', async () => {
    const calls: string[] = [];
    const s = setting((name) => {
      calls.push(name);
      if (name === 'delete') throw failure(409, 'Conflict', 'changed');
      return name === 'get' ? object : undefined;
    });
    runController(controller([remove], ['ConfigMap']), s);
    await s.settle();
    expect(calls).toEqual(['delete', 'get', 'observe']);
    expect(s.timers.map((t) => t.delayMs)).toEqual([20]);
  });

  it('gives up on what cannot be made in a namespace that ends, without a word', async () => {
    const calls: string[] = [];
    const s = setting((name) => {
      calls.push(name);
      throw failure(403, 'Forbidden', 'no', { causes: [{ reason: 'NamespaceTerminating', message: '' }] });
    });
    const create: Change = { op: 'create', kind: 'ConfigMap', object, why: 'test' };
    const told = { ...controller([create], ['ConfigMap', 'Event']), failed: () => [happened('refused')] };
    runController(told, s);
    await s.settle();
    expect([calls, s.logs, s.timers]).toEqual([['create'], [], []]);
  });

  it('takes what is gone already as deleted', async () => {
    const s = setting((name) => {
      if (name === 'delete') throw failure(404, 'NotFound', 'gone');
      return undefined;
    });
    runController(controller([remove], ['ConfigMap']), s);
    await s.settle();
    expect(s.timers).toEqual([]);
    expect(s.logs).toEqual([]);
  });

  it('counts equal events up instead of making new ones', async () => {
    const calls: string[] = [];
    const s = setting((name, _kind, a, _b, patch) => {
      calls.push(name === 'patch' ? `patch ${(patch as { count: number }).count}` : name);
      return name === 'patch' ? patch : a;
    });
    runController(controller([happened('one'), happened('two'), happened('one'), happened('one')], ['Event']), s);
    await s.settle();
    expect(calls.toSorted()).toEqual(['create', 'create', 'patch 2', 'patch 3']);
  });

  it('does nothing more after stop', async () => {
    const calls: string[] = [];
    const s = setting((name) => void calls.push(name));
    const running = runController(controller([remove, remove], ['ConfigMap']), s);
    running.stop();
    await s.settle();
    expect(calls).toEqual([]);
  });
});

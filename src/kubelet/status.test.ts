import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/types.ts';
import type { ContainerSeen, PodSeen } from './seen.ts';
import { goDuration, podStatus, same, statusPatch } from './status.ts';
import { sandboxOnly } from './testdata/seen.ts';

const T = Date.UTC(2026, 10, 23);
const at = '2026-11-23T00:00:00Z';
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'my-app', uid: 'u1', resourceVersion: '1', creationTimestamp: at, generation: 3 },
  spec: { containers: [{ name: 'a', image: 'host' }], restartPolicy: 'Always' },
};
const base: PodSeen = {
  ...sandboxOnly,
  sandbox: { netnsPath: '/n', ips: ['10.0.0.2', 'fd00::2'], attempt: 0 },
};
const record: ContainerSeen['record'] = {
  podUid: 'u1',
  namespace: 'my-app',
  pod: 'web',
  name: 'a',
  kind: 'app',
  attempt: 1,
  crashes: 1,
  sandbox: 0,
  image: 'host',
  imageName: 'docker.io/library/host:latest',
  imageId: 'host',
  createdMs: T,
};
const running: ContainerSeen = { id: 'c1', record, state: 'running', startedMs: T };
const ended = (more: object = {}): ContainerSeen => ({
  ...running,
  state: 'exited',
  exit: { code: 1, finishedMs: T, oomKilled: false, unseen: false, ...more },
});
const status = (seen: Partial<PodSeen>, of: Pod = pod, nowMs = T) =>
  podStatus(of, { ...base, ...seen }, { ip: '172.30.0.11' }, nowMs);
const container = (seen: Partial<PodSeen>, nowMs = T) => status(seen, pod, nowMs).containerStatuses?.[0];
const condition = (seen: Partial<PodSeen>, type: string, of = pod) =>
  status(seen, of).conditions?.find((c) => c.type === type);

describe('a container’s state', () => {
  it('waits, runs, crashes, loops', () => {
    expect(container({})).toMatchObject({
      state: { waiting: { reason: 'ContainerCreating' } },
      ready: false,
      restartCount: 0,
    });
    const probes = new Map([['c1', { started: true, ready: true }]]);
    expect(container({ containers: [running], probes })).toMatchObject({
      state: { running: { startedAt: at } },
      ready: true,
      started: true,
      restartCount: 1,
      containerID: 'runc://c1',
    });
    const loop = container({ containers: [ended()] });
    expect(loop?.state?.waiting).toEqual({
      reason: 'CrashLoopBackOff',
      message: 'back-off 10s restarting failed container=a pod=web_my-app(u1)',
    });
    expect(loop?.lastState?.terminated).toMatchObject({ exitCode: 1, reason: 'Error', startedAt: at, finishedAt: at });
    expect(container({ containers: [ended()] }, T + 10_000)?.state).toMatchObject({ terminated: { exitCode: 1 } });
  });
  it.each([
    [{ code: 0 }, 'Completed'],
    [{ code: 1 }, 'Error'],
    [{ code: 137, oomKilled: true }, 'OOMKilled'],
    [{ code: 255, unseen: true }, 'Unknown'],
  ])('%o is %s', (exit, reason) => {
    expect(container({ containers: [ended(exit)], released: true })?.state?.terminated?.reason).toBe(reason);
  });
  it('says why it cannot start, also again', () => {
    const waiting = new Map([['a', { reason: 'ErrImagePull', message: 'm', retryAtMs: 0, failures: 1 }]]);
    expect(container({ waiting })?.state).toEqual({ waiting: { reason: 'ErrImagePull', message: 'm' } });
    expect(container({ waiting, containers: [ended()] })).toMatchObject({
      state: { waiting: { reason: 'ErrImagePull' } },
      lastState: { terminated: { exitCode: 1 } },
    });
  });
});

describe('conditions', () => {
  it('name who is not ready, and move their time only with their status', () => {
    expect(condition({ containers: [running] }, 'Ready')).toEqual({
      type: 'Ready',
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [a]',
      lastTransitionTime: at,
      observedGeneration: 3,
    });
    const old = { ...pod, status: status({ containers: [running] }) };
    const probes = new Map([['c1', { started: true, ready: true }]]);
    const next = status({ containers: [running], probes }, old, T + 5000).conditions ?? [];
    expect(next.map((c) => `${c.type} ${c.status} ${c.lastTransitionTime}`)).toEqual([
      `PodReadyToStartContainers True ${at}`,
      `Initialized True ${at}`,
      'Ready True 2026-11-23T00:00:05Z',
      'ContainersReady True 2026-11-23T00:00:05Z',
      `PodScheduled True ${at}`,
    ]);
  });
  it('keep those of others, and ask the readiness gates', () => {
    const gated: Pod = {
      ...pod,
      spec: { ...pod.spec, readinessGates: [{ conditionType: 'x/y' }] },
      status: { conditions: [{ type: 'x/y', status: 'False' }] },
    };
    const probes = new Map([['c1', { started: true, ready: true }]]);
    expect(condition({ containers: [running], probes }, 'Ready', gated)).toMatchObject({
      reason: 'ReadinessGatesNotReady',
      message: 'the status of pod readiness gate "x/y" is not "True", but False',
    });
    expect(condition({ containers: [running] }, 'x/y', gated)).toEqual({ type: 'x/y', status: 'False' });
  });
});

describe('statusPatch', () => {
  it('is nothing when nothing changed, and takes away what is no more', () => {
    const held = { ...pod, status: status({ containers: [running] }) };
    expect(statusPatch(held, status({ containers: [running] }, held))).toBeUndefined();
    const verdict = { ...held, status: { ...held.status, reason: 'r', message: 'm' } };
    expect(statusPatch(verdict, status({ containers: [running] }, verdict))).toEqual({
      metadata: { uid: 'u1' },
      status: { reason: null, message: null },
    });
  });
  it('compares as JSON', () => {
    expect(same({ a: [1, { b: undefined }] }, { a: [1, {}] })).toBe(true);
    expect(same({ a: [1, 2] }, { a: [1] })).toBe(false);
    expect(same([], {})).toBe(false);
  });
});

it('durations as Go prints them', () =>
  expect([10_000, 80_000, 300_000].map(goDuration)).toEqual(['10s', '1m20s', '5m0s']));

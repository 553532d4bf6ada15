import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/types.ts';
import { planPod } from './plan.ts';
import type { ContainerKind, ContainerSeen, PodSeen, PodStep } from './seen.ts';
import { podStatus } from './status.ts';
import { sandboxOnly as base } from './testdata/seen.ts';

const T = Date.UTC(2026, 10, 23);
const pod = (
  spec: Partial<Pod['spec']> = {},
  meta: Partial<Pod['metadata']> = {},
  status: Pod['status'] = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'my-app', uid: 'u1', resourceVersion: '1', creationTimestamp: '', ...meta },
  spec: { containers: [{ name: 'a', image: 'host' }], restartPolicy: 'Always', ...spec },
  status,
});
const run = (
  name: string,
  more: Partial<ContainerSeen['record']> = {},
  kind: ContainerKind = 'app',
): ContainerSeen => ({
  id: `${name}-${more.attempt ?? 0}`,
  state: 'running',
  startedMs: T,
  record: {
    podUid: 'u1',
    namespace: 'my-app',
    pod: 'web',
    name,
    kind,
    attempt: 0,
    crashes: 0,
    sandbox: 0,
    image: 'host',
    imageName: 'docker.io/library/host:latest',
    imageId: 'host',
    createdMs: T,
    ...more,
  },
});
const end = (c: ContainerSeen, code: number, finishedMs = T): ContainerSeen => ({
  ...c,
  state: 'exited',
  exit: { code, finishedMs, oomKilled: false, unseen: false },
});
const started = (...ids: string[]): PodSeen['probes'] => new Map(ids.map((id) => [id, { started: true, ready: true }]));

/** As a line: 'start a#1', 'kill a-0 30s', 'release'. */
function line(step: PodStep): string {
  switch (step.op) {
    case 'start':
      return `start ${step.name}#${step.attempt}`;
    case 'kill':
      return `kill ${step.id} ${step.graceSeconds}s`;
    case 'backOff':
      return `backOff ${step.id}`;
    case 'refuse':
      return `refuse ${step.verdict.reason}`;
    default:
      return step.op;
  }
}
const steps = (p: Pod, seen: Partial<PodSeen>, nowMs = T): string[] =>
  planPod(p, { ...base, ...seen }, nowMs).steps.map(line);
const phase = (p: Pod, seen: Partial<PodSeen>, nowMs = T) =>
  podStatus(p, { ...base, ...seen }, { ip: '172.30.0.11' }, nowMs).phase;

describe('from nothing to running', () => {
  const bare = { sandbox: undefined, volumesReady: false };
  it.each<[string, Pod, Partial<PodSeen>, string[]]>([
    ['volumes and sandbox at once', pod(), bare, ['volumes', 'sandbox']],
    ['no sandbox before the network', pod(), { ...bare, networkReady: false }, ['volumes']],
    ['but for hostNetwork', pod({ hostNetwork: true }), { ...bare, networkReady: false }, ['volumes', 'sandbox']],
    ['what is under way is not begun again', pod(), { ...bare, busy: new Set(['sandbox']) }, ['volumes']],
    ['after a failure it waits', pod(), { ...bare, setupRetryAtMs: T + 1 }, []],
    ['then the containers', pod(), {}, ['start a#0']],
    [
      'a restartCount that the API remembers goes on',
      pod({}, {}, { containerStatuses: [{ name: 'a', containerID: 'runc://x', restartCount: 4 } as never] }),
      {},
      ['start a#5'],
    ],
    [
      'a sandbox that was lost: its containers end at once',
      pod(),
      { sandbox: { netnsPath: '/run/netns/y', ips: ['10.0.0.3'], attempt: 1 }, containers: [run('a')] },
      ['kill a-0 0s'],
    ],
    [
      'and start over',
      pod(),
      { sandbox: { netnsPath: '/run/netns/y', ips: ['10.0.0.3'], attempt: 1 }, containers: [end(run('a'), 255)] },
      ['start a#1'],
    ],
    ['what is not supported is refused', pod({ shareProcessNamespace: true }), bare, ['refuse Unsupported']],
  ])('%s', (_name, p, seen, wanted) => expect(steps(p, seen)).toEqual(wanted));

  it('one start at a time, in order', () => {
    const two = pod({
      containers: [
        { name: 'a', image: 'host' },
        { name: 'b', image: 'host' },
      ],
    });
    expect(steps(two, {})).toEqual(['start a#0']);
    expect(steps(two, { busy: new Set(['start a']) })).toEqual([]);
    expect(steps(two, { containers: [run('a')] })).toEqual(['start b#0']);
    expect(steps(two, { containers: [end(run('a'), 1)] })).toEqual(['start b#0']);
    expect(phase(two, { containers: [run('a')] })).toBe('Pending');
    expect(phase(two, { containers: [run('a'), run('b')] })).toBe('Running');
  });
});

describe('init containers', () => {
  const p = pod({
    initContainers: [
      { name: 'i', image: 'host' },
      { name: 's', image: 'host', restartPolicy: 'Always' },
    ],
  });
  const side = run('s', {}, 'sidecar');
  const done = end(run('i', {}, 'init'), 0);
  it.each<[string, Partial<PodSeen>, string[]]>([
    ['the first', {}, ['start i#0']],
    ['nothing while it runs', { containers: [run('i', {}, 'init')] }, []],
    ['the sidecar after it', { containers: [done] }, ['start s#0']],
    ['the sidecar has to have started', { containers: [done, side] }, []],
    ['then the app', { containers: [done, side], probes: started('s-0') }, ['start a#0']],
    ['a sidecar that ends comes back', { containers: [done, end(side, 0), run('a')] }, ['start s#1']],
    ['an init container that fails is tried again', { containers: [end(run('i', {}, 'init'), 1)] }, ['start i#1']],
  ])('%s', (_name, seen, wanted) => expect(steps(p, seen)).toEqual(wanted));
  it('failed for good ends the pod', () => {
    const never = { ...p, spec: { ...p.spec, restartPolicy: 'Never' } };
    const seen = { containers: [end(run('i', {}, 'init'), 1)] };
    expect(steps(never, seen)).toEqual(['release']);
    expect(phase(never, seen)).toBe('Failed');
  });
});

describe('ends and restarts', () => {
  const crashed = (crashes: number) => end(run('a', { attempt: crashes, crashes }), 1);
  it.each([
    [0, 0],
    [1, 10],
    [2, 20],
    [5, 160],
    [6, 300],
    [40, 300],
  ])('after %i restarts in a row the next waits %i s', (crashes, seconds) => {
    const c = crashed(crashes);
    const at = T + seconds * 1000;
    if (seconds > 0) {
      const early = planPod(pod(), { ...base, containers: [c] }, at - 1);
      expect(early.steps.map(line)).toEqual([`backOff a-${crashes}`]);
      expect(early.requeueAtMs).toBe(at);
    }
    expect(steps(pod(), { containers: [c] }, at)).toEqual([`start a#${crashes + 1}`]);
  });
  it('a long run clears the count', () => {
    const long = { ...crashed(6), startedMs: T - 601_000 };
    expect(planPod(pod(), { ...base, containers: [long] }, T).steps).toMatchObject([{ op: 'start', crashes: 0 }]);
  });
  it.each([
    ['Always', 0, 'Running', ['start a#1']],
    ['OnFailure', 1, 'Running', ['start a#1']],
    ['OnFailure', 0, 'Succeeded', ['release']],
    ['Never', 1, 'Failed', ['release']],
    ['Never', 0, 'Succeeded', ['release']],
  ])('%s and code %i: %s', (restartPolicy, code, wantedPhase, wanted) => {
    const p = pod({ restartPolicy });
    const seen = { containers: [end(run('a'), code)] };
    expect(steps(p, seen)).toEqual(wanted);
    expect(phase(p, seen)).toBe(wantedPhase);
    expect(steps(p, { ...seen, released: true })).toEqual(wanted[0] === 'release' ? [] : wanted);
  });
  it('a container that cannot start yet is tried at its time', () => {
    const waiting = new Map([['a', { reason: 'ErrImagePull', retryAtMs: T + 5, failures: 1 }]]);
    expect(planPod(pod(), { ...base, waiting }, T)).toEqual({ steps: [], requeueAtMs: T + 5 });
    expect(steps(pod(), { waiting }, T + 5)).toEqual(['start a#0']);
  });
  it('a failed liveness probe or another image ends it with its grace', () => {
    const probes: PodSeen['probes'] = new Map([['a-0', { started: true, ready: true, unhealthy: 'liveness' }]]);
    expect(steps(pod({ terminationGracePeriodSeconds: 7 }), { containers: [run('a')], probes })).toEqual([
      'kill a-0 7s',
    ]);
    expect(steps(pod(), { containers: [run('a', { image: 'old' })] })).toEqual(['kill a-0 30s']);
  });
});

describe('the end of the pod', () => {
  const deleted = (seconds: number) =>
    pod(
      { initContainers: [{ name: 's', image: 'host', restartPolicy: 'Always' }] },
      { deletionTimestamp: '2026-11-23T00:00:30Z', deletionGracePeriodSeconds: seconds },
    );
  const side = run('s', {}, 'sidecar');
  const app = run('a');
  const both = [side, app];
  it('walks: apps, sidecars, release, word to the API, gone', () => {
    const p = deleted(30);
    const killed = [side, end(app, 0)];
    const all = killed.map((c) => end(c, 0));
    expect(steps(p, { containers: both })).toEqual(['kill a-0 30s']);
    expect(steps(p, { containers: both, busy: new Set(['kill a-0']) })).toEqual(['kill a-0 30s']);
    expect(steps(p, { containers: killed })).toEqual(['kill s-0 30s']);
    expect(steps(p, { containers: all })).toEqual(['release']);
    expect(steps(p, { containers: all, released: true })).toEqual([]);
    expect(steps(p, { containers: all, released: true, statusWritten: true })).toEqual(['finish']);
    expect(phase(p, { containers: all, released: true })).toBe('Succeeded');
  });
  it('a second delete shortens the grace, but not below two seconds', () => {
    expect(steps(deleted(1), { containers: both })).toEqual(['kill a-0 2s']);
  });
  it('waits for a start under way before it gives anything back', () => {
    expect(steps(deleted(30), { busy: new Set(['start a']) })).toEqual([]);
    expect(steps(deleted(30), { busy: new Set(['sandbox']), sandbox: undefined })).toEqual([]);
  });
  it('gone from the API: the same without a word', () => {
    expect(steps(pod(), { forgotten: true, containers: [run('a')] })).toEqual(['kill a-0 2s']);
    expect(steps(pod(), { forgotten: true, released: true })).toEqual(['finish']);
  });
  it('a deadline and the end of the node fail it, and it stays as an object', () => {
    const late = pod({ activeDeadlineSeconds: 10 }, {}, { startTime: '2026-11-23T00:00:00Z' });
    expect(planPod(late, { ...base, containers: [run('a')] }, T).requeueAtMs).toBe(T + 10_000);
    expect(steps(late, { containers: [run('a')] }, T + 10_000)).toEqual(['refuse DeadlineExceeded']);
    expect(steps(pod(), { shutdown: { graceSeconds: 5 } })).toEqual(['refuse Terminated']);
    const verdict = { reason: 'Terminated', message: 'm' };
    const seen = { verdict, containers: [run('a')], shutdown: { graceSeconds: 5 } };
    expect(steps(pod(), seen)).toEqual(['kill a-0 5s']);
    expect(phase(pod(), { ...seen, containers: [end(run('a'), 0)], released: true })).toBe('Failed');
  });
  it('what the API calls finished is not started again', () => {
    expect(steps(pod({}, {}, { phase: 'Failed' }), {})).toEqual(['release']);
    expect(phase(pod({}, {}, { phase: 'Failed' }), {})).toBe('Failed');
  });
});

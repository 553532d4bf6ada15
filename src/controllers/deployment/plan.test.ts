import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../api/types.ts';
import { type FakeCluster, fakeCluster } from '../../client/fake.ts';
import { plan } from './plan.ts';

const d = (spec: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'a', uid: 'd' },
  spec: {
    replicas: 4,
    progressDeadlineSeconds: 600,
    selector: { matchLabels: { app: 'web' } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'v1' }] } },
    ...spec,
  },
});
const image = (text: string): object => ({
  template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: text }] } },
});
const controller = { plan };
const get = (c: FakeCluster): Deployment => c.view.get('Deployment', 'a', 'web') as Deployment;
const change = (c: FakeCluster, spec: object): void => {
  const old = get(c);
  c.put({
    ...old,
    metadata: { ...old.metadata, generation: (old.metadata.generation ?? 0) + 1 },
    spec: { ...old.spec, ...spec },
  });
};
const sets = (c: FakeCluster): string[] =>
  c.view
    .list('ReplicaSet')
    .map((rs) => `${rs.spec.template?.spec?.containers[0]?.image}=${rs.spec.replicas}`)
    .sort();
const reason = (c: FakeCluster, type: string): string | undefined =>
  get(c).status?.conditions?.find((x) => x.type === type)?.reason;
/** All pods of a set ready, or as many as said. */
function pods(c: FakeCluster, rs: ReplicaSet, available = rs.spec.replicas ?? 0): void {
  const replicas = rs.spec.replicas ?? 0;
  c.put({ ...rs, status: { replicas, readyReplicas: available, availableReplicas: available, observedGeneration: 1 } });
}
const allReady = (c: FakeCluster): void => c.view.list('ReplicaSet').forEach((rs) => pods(c, rs));
/** Look, let all pods get ready, look again, ... until nothing moves; the sizes after each look. */
function roll(c: FakeCluster): string[] {
  const steps: string[] = [];
  for (let i = 0; i < 20; i++) {
    c.settle(controller, 'a/web');
    const now = sets(c).join(' ');
    if (steps.at(-1) === now) return steps;
    steps.push(now);
    allReady(c);
  }
  throw new Error(`no end: ${steps.join(' | ')}`);
}
const up = (spec: object = {}): FakeCluster => {
  const c = fakeCluster(d(spec));
  roll(c);
  return c;
};

describe('a Deployment', () => {
  it('makes a ReplicaSet of its template and says how it goes on', () => {
    const c = fakeCluster(d());
    expect(c.settle(controller, 'a/web').map((l) => l.replaceAll(/web-\w+/g, 'web-*'))).toEqual([
      'create ReplicaSet web-*',
      'event ScalingReplicaSet: Scaled up replica set web-* from 0 to 4',
      'update Deployment/status web',
      'update Deployment web',
      'update Deployment/status web',
    ]);
    const [rs] = c.view.list('ReplicaSet');
    const hash = rs?.metadata.labels?.['pod-template-hash'];
    expect(rs).toMatchObject({
      metadata: {
        name: `web-${hash}`,
        annotations: {
          'deployment.kubernetes.io/revision': '1',
          'deployment.kubernetes.io/desired-replicas': '4',
          'deployment.kubernetes.io/max-replicas': '5',
        },
      },
      spec: {
        selector: { matchLabels: { app: 'web', 'pod-template-hash': hash } },
        template: { metadata: { labels: { 'pod-template-hash': hash } } },
      },
    });
    expect([reason(c, 'Progressing'), reason(c, 'Available')]).toEqual([
      'NewReplicaSetCreated',
      'MinimumReplicasUnavailable',
    ]);
    allReady(c);
    c.settle(controller, 'a/web');
    expect([reason(c, 'Progressing'), reason(c, 'Available')]).toEqual([
      'NewReplicaSetAvailable',
      'MinimumReplicasAvailable',
    ]);
    expect(get(c).status).toMatchObject({
      replicas: 4,
      updatedReplicas: 4,
      readyReplicas: 4,
      availableReplicas: 4,
      observedGeneration: 1,
    });
  });

  it('rolls within surge and availability', () => {
    const c = up();
    change(c, image('v2'));
    expect(roll(c)).toEqual(['v1=3 v2=2', 'v1=1 v2=4', 'v1=0 v2=4']);
    expect(get(c).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
  });

  it.each<[string, object, string[]]>([
    ['one at a time', { maxSurge: 1, maxUnavailable: 0 }, ['v1=2 v2=1', 'v1=1 v2=2', 'v1=0 v2=2']],
    ['without surge', { maxSurge: 0, maxUnavailable: 1 }, ['v1=1 v2=1', 'v1=0 v2=2']],
  ])('%s', (_name, rollingUpdate, steps) => {
    const c = up({ replicas: 2, strategy: { type: 'RollingUpdate', rollingUpdate } });
    change(c, image('v2'));
    expect(roll(c).filter((s) => s !== 'v1=2 v2=0')).toEqual(steps);
  });

  it('stops at a template that never gets ready, and says so after the deadline', () => {
    const c = up({ progressDeadlineSeconds: 60 });
    change(c, image('bad'));
    c.settle(controller, 'a/web');
    for (let i = 0; i < 5; i++) {
      for (const rs of c.view.list('ReplicaSet'))
        pods(c, rs, rs.spec.template?.spec?.containers[0]?.image === 'bad' ? 0 : undefined);
      c.settle(controller, 'a/web');
    }
    expect(sets(c)).toEqual(['bad=2', 'v1=3']);
    const { requeueAt = 0 } = plan(c.view, 'a/web', c.nowMs);
    expect(requeueAt).toBeGreaterThan(c.nowMs + 59_000);
    c.nowMs = requeueAt;
    c.settle(controller, 'a/web');
    expect(get(c).status?.conditions?.find((x) => x.type === 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
    });
  });

  it('goes back to an old ReplicaSet when its template comes back', () => {
    const c = up();
    change(c, image('v2'));
    roll(c);
    change(c, image('v1'));
    roll(c);
    expect(sets(c)).toEqual(['v1=4', 'v2=0']);
    const back = c.view.list('ReplicaSet').find((rs) => rs.spec.replicas === 4);
    expect(back?.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
  });

  it('shares out a scaling in the middle of a rollout', () => {
    const c = up({
      replicas: 10,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
    });
    change(c, image('v2'));
    c.settle(controller, 'a/web');
    expect(sets(c)).toEqual(['v1=8', 'v2=5']);
    change(c, { replicas: 15 });
    c.apply(plan(c.view, 'a/web', c.nowMs).changes);
    expect(sets(c)).toEqual(['v1=11', 'v2=7']);
    roll(c);
    expect(sets(c)).toEqual(['v1=0', 'v2=15']);
  });

  it('stands still while paused, but scales', () => {
    const c = up();
    change(c, { paused: true, ...image('v2') });
    c.settle(controller, 'a/web');
    expect(sets(c)).toEqual(['v1=4']);
    expect(get(c).status?.conditions?.find((x) => x.type === 'Progressing')).toMatchObject({
      status: 'Unknown',
      reason: 'DeploymentPaused',
    });
    change(c, { replicas: 6 });
    c.settle(controller, 'a/web');
    expect(sets(c)).toEqual(['v1=6']);
    change(c, { paused: false });
    roll(c);
    expect(sets(c)).toEqual(['v1=0', 'v2=6']);
  });

  it('Recreate: no new pod before the last old one is gone', () => {
    const c = up({ strategy: { type: 'Recreate' } });
    const [old] = c.view.list('ReplicaSet');
    c.put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'p',
        namespace: 'a',
        ownerReferences: [{ kind: 'ReplicaSet', name: old?.metadata.name, uid: old?.metadata.uid, controller: true }],
      },
      spec: { containers: [] },
    });
    change(c, image('v2'));
    roll(c);
    expect(sets(c)).toEqual(['v1=0']);
    c.apply([{ op: 'delete', kind: 'Pod', namespace: 'a', name: 'p', why: 'gone' }]);
    roll(c);
    expect(sets(c)).toEqual(['v1=0', 'v2=4']);
  });

  it('keeps as many old revisions as it should', () => {
    const c = up({ revisionHistoryLimit: 1 });
    for (const v of ['v2', 'v3', 'v4']) {
      change(c, image(v));
      roll(c);
    }
    expect(sets(c)).toEqual(['v3=0', 'v4=4']);
  });
});

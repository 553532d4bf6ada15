import { describe, expect, it } from 'vitest';
import type { Pod, StatefulSet } from '../../api/types.ts';
import { type FakeCluster, fakeCluster } from '../../client/fake.ts';
import { plan } from './plan.ts';

const set = (spec: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db', namespace: 'a', uid: 'sts' },
  spec: {
    replicas: 3,
    serviceName: 'db',
    selector: { matchLabels: { app: 'db' } },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    ...image('v1'),
    ...spec,
  },
});
const image = (text: string): object => ({
  template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'main', image: text }] } },
});
const get = (c: FakeCluster): StatefulSet => c.view.get('StatefulSet', 'a', 'db') as StatefulSet;
const change = (c: FakeCluster, spec: object): void => c.put({ ...get(c), spec: { ...get(c).spec, ...spec } });
const pod = (c: FakeCluster, n: number): Pod => c.view.get('Pod', 'a', `db-${n}`) as Pod;
const ready = (c: FakeCluster, n: number, is = true): void =>
  c.put({ ...pod(c, n), status: { phase: 'Running', conditions: [{ type: 'Ready', status: is ? 'True' : 'False' }] } });
/** What a look does to pods. */
const look = (c: FakeCluster): string[] =>
  c.settle({ plan }, 'a/db').filter((l) => / Pod /.test(l) && !l.startsWith('event'));
const images = (c: FakeCluster): string[] =>
  c.view
    .list('Pod')
    .map((p) => `${p.metadata.name}=${p.spec.containers[0]?.image}`)
    .toSorted();
/** Looks and lets every pod get ready, until nothing moves. */
function run(c: FakeCluster): string[] {
  const all: string[] = [];
  for (let i = 0; i < 30; i++) {
    const done = look(c);
    all.push(...done);
    const waiting = c.view.list('Pod').filter((p) => p.status?.phase !== 'Running');
    if (done.length === 0 && waiting.length === 0) return all;
    for (const p of waiting) ready(c, Number(p.metadata.name.slice(3)));
  }
  throw new Error(all.join('\n'));
}
const up = (spec: object = {}): FakeCluster => {
  const c = fakeCluster(set(spec));
  run(c);
  return c;
};

describe('a StatefulSet', () => {
  it('makes its pods one after another, each with its own name', () => {
    const c = fakeCluster(set());
    expect(look(c)).toEqual(['create Pod db-0']);
    ready(c, 0, false);
    expect(look(c)).toEqual([]);
    ready(c, 0);
    expect(look(c)).toEqual(['create Pod db-1']);
    expect(pod(c, 1)).toMatchObject({
      metadata: {
        labels: {
          app: 'db',
          'statefulset.kubernetes.io/pod-name': 'db-1',
          'apps.kubernetes.io/pod-index': '1',
          'controller-revision-hash': get(c).status?.updateRevision,
        },
      },
      spec: { hostname: 'db-1', subdomain: 'db' },
    });
    expect(c.events).toContain('Normal SuccessfulCreate: create Pod db-1 in StatefulSet db successful');
    ready(c, 1);
    expect(run(c)).toEqual(['create Pod db-2']);
    expect(get(c).status).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      availableReplicas: 3,
    });
    expect(get(c).status?.currentRevision).toBe(get(c).status?.updateRevision);
  });

  it('Parallel: all at once', () => {
    expect(look(fakeCluster(set({ podManagementPolicy: 'Parallel' })))).toEqual([
      'create Pod db-0',
      'create Pod db-1',
      'create Pod db-2',
    ]);
  });

  it('shrinks from the top, one at a time, and waits for each to be gone', () => {
    const c = up();
    change(c, { replicas: 1 });
    c.put({ ...pod(c, 2), metadata: { ...pod(c, 2).metadata, deletionTimestamp: 'x' } });
    expect(look(c)).toEqual([]);
    c.apply([{ op: 'delete', kind: 'Pod', namespace: 'a', name: 'db-2', why: '' }]);
    expect(look(c)).toEqual(['delete Pod db-1']);
  });

  it('updates from the top, one at a time', () => {
    const c = up();
    const before = get(c).status?.currentRevision;
    change(c, image('v2'));
    expect(look(c)).toEqual(['delete Pod db-2', 'create Pod db-2']);
    expect(images(c)).toEqual(['db-0=v1', 'db-1=v1', 'db-2=v2']);
    expect(get(c).status).toMatchObject({ currentRevision: before, currentReplicas: 2, updatedReplicas: 1 });
    // One that is lost in between comes back in the new version: only the partition keeps the old one.
    c.apply([{ op: 'delete', kind: 'Pod', namespace: 'a', name: 'db-0', why: '' }]);
    ready(c, 2);
    look(c);
    expect(images(c)).toContain('db-0=v2');
    run(c);
    expect(images(c)).toEqual(['db-0=v2', 'db-1=v2', 'db-2=v2']);
    expect(get(c).status?.currentRevision).not.toBe(before);
    expect(c.view.list('ControllerRevision').map((r) => r.revision)).toEqual([1, 2]);
  });

  it('stops at the partition, and with OnDelete updates only what is deleted', () => {
    const c = up({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } });
    change(c, image('v2'));
    run(c);
    expect(images(c)).toEqual(['db-0=v1', 'db-1=v1', 'db-2=v2']);
    const o = up({ updateStrategy: { type: 'OnDelete' } });
    change(o, image('v2'));
    expect(run(o)).toEqual([]);
    o.apply([{ op: 'delete', kind: 'Pod', namespace: 'a', name: 'db-1', why: '' }]);
    run(o);
    expect(images(o)).toEqual(['db-0=v1', 'db-1=v2', 'db-2=v1']);
  });

  it('uses an old revision again when its template comes back', () => {
    const c = up();
    change(c, image('v2'));
    run(c);
    change(c, image('v1'));
    run(c);
    expect(
      c.view
        .list('ControllerRevision')
        .map((r) => r.revision)
        .toSorted((a, b) => a - b),
    ).toEqual([2, 3]);
    expect(images(c)).toEqual(['db-0=v1', 'db-1=v1', 'db-2=v1']);
  });

  it('replaces a finished pod under its name, and never makes one beside a terminating one', () => {
    const c = up();
    c.put({ ...pod(c, 1), status: { phase: 'Failed' } });
    expect(look(c)).toEqual(['delete Pod db-1', 'create Pod db-1']);
    expect(c.events).toContain('Warning RecreatingFailedPod: StatefulSet a/db is recreating failed Pod db-1');
    c.put({ ...pod(c, 0), metadata: { ...pod(c, 0).metadata, deletionTimestamp: 'x' } });
    expect(look(c)).toEqual([]);
  });

  it('counts from where it should', () => {
    const c = fakeCluster(set({ replicas: 2, ordinals: { start: 5 } }));
    run(c);
    expect(images(c)).toEqual(['db-5=v1', 'db-6=v1']);
  });

  it('made anew after it left its pods takes them and its history in', () => {
    const c = up();
    change(c, image('v2'));
    run(c);
    const names = (): string[] => c.view.list('ControllerRevision').map((r) => r.metadata.name);
    const before = names();
    expect(before).toHaveLength(2);
    c.apply([{ op: 'delete', kind: 'StatefulSet', namespace: 'a', name: 'db', why: '' }]);
    for (const o of [...c.view.list('Pod'), ...c.view.list('ControllerRevision')]) {
      c.put({ ...o, metadata: { ...o.metadata, ownerReferences: [] } });
    }
    c.put({ ...set(image('v2')), metadata: { name: 'db', namespace: 'a', uid: 'another' } });
    expect(run(c).toSorted()).toEqual(['patch Pod db-0', 'patch Pod db-1', 'patch Pod db-2']);
    expect(names()).toEqual(before);
    for (const o of [...c.view.list('Pod'), ...c.view.list('ControllerRevision')]) {
      expect(o.metadata.ownerReferences).toMatchObject([{ uid: 'another', controller: true }]);
    }
    expect(get(c).status).toMatchObject({ readyReplicas: 3, updatedReplicas: 3 });
  });

  it('gives a revision another name where that of its hash belongs to somebody else', () => {
    const probe = up();
    const [mine] = probe.view.list('ControllerRevision');
    const metadata = { ...mine?.metadata, labels: {}, ownerReferences: [] };
    // The same content without its labels belongs to nobody and is nobody's to take.
    const unlabeled = fakeCluster(set(), { ...mine, metadata });
    run(unlabeled);
    expect(get(unlabeled).status).toMatchObject({ readyReplicas: 3, collisionCount: 1 });
    const c = fakeCluster(set(), { ...mine, data: { other: 1 }, metadata });
    run(c);
    expect(get(c).status).toMatchObject({ readyReplicas: 3, collisionCount: 1 });
    expect(c.view.get('ControllerRevision', 'a', mine?.metadata.name ?? '')).toMatchObject({ data: { other: 1 } });
    expect(get(c).status?.updateRevision).not.toBe(mine?.metadata.name);
  });
});

import { describe, expect, it } from 'vitest';
import type { Kind, KubeObject, Service } from '../../api/types.ts';
import { endpoint, namespace, service, slice, testZone } from './testdata/world.ts';
import type { Zone } from './zone.ts';

const apply = (zone: Zone, type: 'added' | 'modified' | 'deleted', object: KubeObject): void =>
  zone.apply({ kind: object.kind as Kind, type, object });
const addresses = (zone: Zone, name: string): string[] =>
  zone.find(name).records.flatMap((r) => (r.type === 'A' ? [r.address] : r.type === 'PTR' ? [r.target] : []));

const db = service('a/db', { clusterIP: 'None' });
const name = 'db.a.svc.cluster.local';

describe('zone', () => {
  it('walks a sequence of changes', () => {
    const zone = testZone();
    const steps: [string, () => void, string[]][] = [
      [
        'slice before its Service',
        () => apply(zone, 'added', slice('a/db-x', 'db', [endpoint('10.244.0.2', true)])),
        [],
      ],
      ['the Service', () => apply(zone, 'added', db), ['10.244.0.2']],
      [
        'a second slice',
        () => apply(zone, 'added', slice('a/db-y', 'db', [endpoint('10.244.0.3', true)])),
        ['10.244.0.2', '10.244.0.3'],
      ],
      [
        'the same endpoint in both',
        () => apply(zone, 'modified', slice('a/db-y', 'db', [endpoint('10.244.0.2', true)])),
        ['10.244.0.2'],
      ],
      [
        'not ready in one',
        () => apply(zone, 'modified', slice('a/db-x', 'db', [endpoint('10.244.0.2', false)])),
        ['10.244.0.2'],
      ],
      ['the other slice goes', () => apply(zone, 'deleted', slice('a/db-y', 'db', [])), []],
      [
        'ready again',
        () => apply(zone, 'modified', slice('a/db-x', 'db', [endpoint('10.244.0.2', true)])),
        ['10.244.0.2'],
      ],
      [
        'the slice is relabelled',
        () => apply(zone, 'modified', slice('a/db-x', 'other', [endpoint('10.244.0.2', true)])),
        [],
      ],
      [
        'and back',
        () => apply(zone, 'modified', slice('a/db-x', 'db', [endpoint('10.244.0.2', true)])),
        ['10.244.0.2'],
      ],
      ['type ClusterIP', () => apply(zone, 'modified', service('a/db', { clusterIPs: ['10.96.0.5'] })), ['10.96.0.5']],
      ['the Service goes', () => apply(zone, 'deleted', db), []],
    ];
    for (const [what, step, wanted] of steps) {
      step();
      expect(addresses(zone, name), what).toEqual(wanted);
      expect(zone.find(name).exists, what).toBe(wanted.length > 0);
    }
  });

  it('keeps its serial when nothing changes that an answer shows', () => {
    const zone = testZone([db, slice('a/db-x', 'db', [endpoint('10.244.0.2', true)])]);
    const { serial } = zone;
    apply(zone, 'modified', service('a/db', { clusterIP: 'None', sessionAffinity: 'ClientIP' }));
    apply(zone, 'modified', slice('a/db-x', 'db', [endpoint('10.244.0.2', undefined), endpoint('10.244.0.3', false)]));
    apply(zone, 'added', namespace('a'));
    apply(zone, 'added', namespace('a'));
    expect(zone.serial).toBe(serial + 1);
    apply(zone, 'modified', slice('a/db-x', 'db', [endpoint('10.244.0.4', true)]));
    expect(zone.serial).toBe(serial + 2);
  });

  it('gives one address the names of all headless Services that hold it', () => {
    const ptr = '2.0.244.10.in-addr.arpa';
    const zone = testZone([db, service('a/all', { clusterIP: 'None' })]);
    apply(zone, 'added', slice('a/db-x', 'db', [endpoint('10.244.0.2', true, 'db-0')]));
    apply(zone, 'added', slice('a/all-x', 'all', [endpoint('10.244.0.2', true)]));
    expect(addresses(zone, ptr).sort()).toEqual(['10-244-0-2.all.a.svc.cluster.local', `db-0.${name}`]);
    apply(zone, 'deleted', slice('a/db-x', 'db', []));
    expect(addresses(zone, ptr)).toEqual(['10-244-0-2.all.a.svc.cluster.local']);
    apply(zone, 'deleted', slice('a/all-x', 'all', []));
    expect(zone.find(ptr).exists).toBe(false);
  });

  it('answers after any sequence as a zone built anew would', () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    const zone = testZone();
    const held = new Map<string, KubeObject>();
    const candidate = (): KubeObject => {
      const n = random(4);
      if (random(8) === 0) return namespace(`n${n}`);
      const spec: Service['spec'][] = [
        { clusterIP: 'None' },
        { clusterIPs: [`10.96.0.${n}`] },
        { type: 'ExternalName', externalName: 'x.org' },
      ];
      if (random(2) === 0) return service(`n${random(2)}/s${n}`, spec[random(3)] ?? {});
      const endpoints = Array.from({ length: random(3) }, () => endpoint(`10.244.0.${random(4)}`, random(3) > 0));
      return slice(`n${random(2)}/e${random(6)}`, `s${n}`, endpoints);
    };
    const names = ['s0', 's1', 's2', 's3'].flatMap((s) => ['n0', 'n1', 'n2'].map((n) => `${s}.${n}.svc.cluster.local`));
    const reverse = [0, 1, 2, 3].map((i) => `${i}.0.244.10.in-addr.arpa`);
    const between = ['n0', 'n1', 'n2', 'n3'].flatMap((n) => [`${n}.svc.cluster.local`, `${n}.pod.cluster.local`]);
    const picture = (z: Zone): unknown =>
      [...names, ...reverse, ...between].map((n) => [n, z.find(n).exists, addresses(z, n).sort()]);
    for (let i = 0; i < 400; i++) {
      const object = candidate();
      const key = `${object.kind} ${object.metadata.namespace} ${object.metadata.name}`;
      if (random(3) === 0) {
        apply(zone, 'deleted', held.get(key) ?? object);
        held.delete(key);
      } else {
        apply(zone, held.has(key) ? 'modified' : 'added', object);
        held.set(key, object);
      }
      if (i % 10 === 0) expect(picture(zone)).toEqual(picture(testZone([...held.values()])));
    }
    for (const object of held.values()) apply(zone, 'deleted', object);
    expect(picture(zone)).toEqual(picture(testZone()));
  });
});

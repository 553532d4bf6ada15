import { describe, expect, it } from 'vitest';
import { deployment, service, statefulSet } from './objects.ts';
import { outOfBounds, single, toldTwice, violations } from './invariants.ts';
import { createWorld, type World } from './world.ts';

/** More seeds: SIM_SEEDS=200 vitest run --project unit test/sim. */
const seeds = Array.from({ length: Number(process.env.SIM_SEEDS ?? 6) }, (_, i) => i + 1);

async function applyAll(w: World): Promise<void> {
  await w.client.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'my-app' } });
  for (const name of ['web', 'api']) {
    await w.client.create('Deployment', deployment(name, name === 'web' ? 6 : 3));
    await w.client.create('Service', service(name));
  }
  await w.client.create('StatefulSet', statefulSet('db', 3));
  await w.client.create('StatefulSet', statefulSet('cache', 3, 'cache:1', 'Parallel'));
  await w.client.create('Service', service('db', true));
}

const image = (text: string): unknown => ({
  spec: {
    template: {
      spec: {
        containers: [{ name: 'main', image: text, ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }] }],
      },
    },
  },
});

async function update(w: World, kind: 'Deployment' | 'StatefulSet', name: string, patch: unknown): Promise<void> {
  await w.client.patch(kind, { namespace: 'my-app', name }, 'merge', patch);
}

/** Runs, and says at the end what was wrong, with the seed and the last steps. */
async function play(seed: number, script: (w: World, wrong: string[]) => Promise<void>): Promise<World> {
  const w = await createWorld(seed, 4);
  const wrong: string[] = [];
  await w.clock.run(2_000);
  await script(w, wrong);
  wrong.push(...violations(w));
  if (wrong.length > 0) {
    throw new Error(
      [`seed ${seed}:`, ...wrong.slice(0, 10), '', ...w.trace.slice(-40), '', ...w.clock.lines.slice(-10)].join('\n'),
    );
  }
  return w;
}

describe('the whole control plane', () => {
  it.each(seeds)('brings up, updates and scales without a gap (seed %i)', async (seed) => {
    await play(seed, async (w, wrong) => {
      await applyAll(w);
      await w.clock.run(8_000, () => void wrong.push(...single(w), ...toldTwice(w)));
      wrong.push(...violations(w));
      const check = (): void => void wrong.push(...outOfBounds(w, 'my-app', 'web'), ...single(w), ...toldTwice(w));
      await update(w, 'Deployment', 'web', image('app:2'));
      await update(w, 'StatefulSet', 'db', image('db:2'));
      await w.clock.run(12_000, check);
      wrong.push(...violations(w));
      // Back to the first template: the old ReplicaSet is used again.
      await update(w, 'Deployment', 'web', image('app:1'));
      await w.clock.run(12_000, check);
      expect(w.seen.owned('ReplicaSet', w.seen.get('Deployment', 'my-app', 'web')?.metadata.uid ?? '')).toHaveLength(2);
      await update(w, 'Deployment', 'web', { spec: { replicas: 9 } });
      await update(w, 'Deployment', 'api', { spec: { replicas: 0 } });
      await update(w, 'StatefulSet', 'db', { spec: { replicas: 1 } });
      await w.clock.run(10_000);
    });
  });

  it.each(seeds)(
    'heals after nodes die and return, calls get lost and the control plane restarts (seed %i)',
    async (seed) => {
      await play(seed, async (w, wrong) => {
        await applyAll(w);
        const check = (): void => void wrong.push(...single(w));
        w.faults = 0.05;
        let images = 0;
        for (let round = 0; round < 6; round++) {
          const dice = w.clock.random();
          const kubelet = w.kubelets[Math.floor(w.clock.random() * w.kubelets.length)];
          if (dice < 0.35 && w.kubelets.filter((k) => k.alive).length > 2) kubelet?.die();
          else if (dice < 0.55) kubelet?.start();
          else if (dice < 0.7) w.restartControlPlane();
          else if (dice < 0.85) await update(w, 'Deployment', 'web', image(`app:${++images + 1}`));
          else await update(w, 'StatefulSet', 'db', image(`db:${++images + 1}`));
          await w.clock.run(w.clock.random() * 5_000, check);
        }
        w.faults = 0;
        await w.clock.run(60_000, check);
      });
    },
  );

  it('moves the pods of a dead node to others, with new addresses', async () => {
    await play(7, async (w) => {
      await applyAll(w);
      await w.clock.run(8_000);
      const before = new Set(w.seen.podsOn('node-2').map((p) => p.status?.podIP));
      expect(before.size).toBeGreaterThan(0);
      w.kubelets[1]?.die();
      // The Services forget it first, before its pods are evicted.
      await w.clock.run(2_800);
      expect(w.seen.podsOn('node-2').filter((p) => !p.metadata.deletionTimestamp).length).toBeGreaterThan(0);
      const told = w.seen
        .list('EndpointSlice')
        .flatMap((s) => s.endpoints.filter((e) => e.conditions?.ready).flatMap((e) => e.addresses));
      expect(told.filter((ip) => before.has(ip))).toEqual([]);
      await w.clock.run(14_000);
      expect(w.seen.list('Pod').filter((p) => before.has(p.status?.podIP))).toEqual([]);
    });
  });

  it('empties a namespace and lets it go', async () => {
    await play(8, async (w) => {
      await applyAll(w);
      await w.clock.run(5_000);
      await w.client.delete('Namespace', { name: 'my-app' });
      await w.clock.run(10_000);
      expect(w.seen.list('Namespace').map((n) => n.metadata.name)).not.toContain('my-app');
      expect(w.seen.list('Pod')).toEqual([]);
    });
  });

  it('takes the same steps with the same seed', async () => {
    const run = async (seed: number): Promise<readonly string[]> => {
      const w = await createWorld(seed, 3);
      await w.clock.run(2_000);
      await applyAll(w);
      w.faults = 0.1;
      await w.clock.run(5_000);
      return w.trace;
    };
    const first = await run(42);
    expect(first.length).toBeGreaterThan(50);
    expect(await run(42)).toEqual(first);
    expect(await run(43)).not.toEqual(first);
  });
});

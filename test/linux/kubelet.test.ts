import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busybox, openLab, STAY } from './kubelet-lab.ts';
import type { Lab } from './kubelet-lab.ts';

let lab: Lab;
beforeAll(async () => void (lab = await openLab('kubelet')));
afterAll(() => lab.close());

describe('a pod of the host image', () => {
  it('runs, says so in its status, logs, and goes without residue', async () => {
    const startMs = performance.now();
    await lab.pod('one', {
      containers: [{ name: 'main', command: busybox(`echo hello from $HOSTNAME; ${STAY}`) }],
    });
    const pod = await lab.until('one', (p) => p.status?.phase === 'Running');
    console.log('running after', performance.now() - startMs, 'attach', lab.network.attachMs);
    expect(pod.status?.conditions?.find((c) => c.type === 'Ready')?.status).toBe('True');
    expect(pod.status?.podIP).toBe('10.250.0.2');
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: {} },
    });
    await expect.poll(() => lab.log('one')).toBe('hello from one\n');
    await lab.client.delete('Pod', { namespace: 'default', name: 'one' });
    await lab.gone('one');
    await expect.poll(() => lab.residue()).toEqual([]);
    expect(lab.errors).toEqual([]);
    console.log((await lab.events('one')).map((e) => `${e.reason}: ${e.message}`));
  });
});

// A rolling update under load: no request fails that the pods would have served.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, eventually, root, sleep, start, startCluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(() => {
  cluster = startCluster('rol', ['-f', join(root, 'examples/web.yaml')]);
});
afterAll(() => cluster.down());

it('three rollouts of the web Deployment: every request by the Service name is answered', async () => {
  const loop = 'while true; do timeout 3 busybox wget -qO- http://web 2>&1 || echo failed; done';
  const client = start('kubectl', ['exec', '-n', 'my-app', 'client', '--', 'sh', '-c', loop], {
    KUBECONFIG: cluster.kubeconfig,
  });
  try {
    await eventually(() => expect(client.out().split('\n').length).toBeGreaterThan(20));
    for (let i = 0; i < 3; i += 1) {
      // Not `rollout restart`: its mark has whole seconds, and a rollout may be through in less.
      cluster.kubectl('set', 'env', 'deployment/web', '-n', 'my-app', `ROUND=${i}`);
      cluster.kubectl('rollout', 'status', 'deployment/web', '-n', 'my-app', '--timeout=60s');
    }
    await sleep(500);
  } finally {
    await client.end();
  }
  const answers = client.out().trim().split('\n');
  expect(answers.filter((line) => !line.startsWith('web-'))).toEqual([]);
  // Answers came from pods of more than one generation: the rollouts did happen under the load.
  expect(new Set(answers).size).toBeGreaterThan(6);
});

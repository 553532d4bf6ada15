// A node dies, and who uses the Service name goes on.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, eventually, must, root, sleep, start, startCluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(() => {
  cluster = startCluster('nod', ['-f', join(root, 'examples/web.yaml')]);
});
afterAll(() => cluster.down());

interface PodJson {
  metadata: { name: string; uid: string };
  spec: { nodeName: string };
  status: { podIP: string; conditions: { type: string; status: string }[] };
}
const pods = (selector: string): PodJson[] => cluster.get('pods', '-n', 'my-app', '-l', selector).items as PodJson[];
const isReady = (pod: PodJson): boolean =>
  pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

describe('podlan node kill', () => {
  it('the pods of the node come back on other nodes under new IPs within seconds; only requests in flight fail', async () => {
    const clientNode = cluster.kubectl('get', 'pod', 'client', '-n', 'my-app', '-o', 'jsonpath={.spec.nodeName}');
    const victim = ['node-1', 'node-2', 'node-3'].find((n) => n !== clientNode) ?? '';
    const before = [...pods('app=web-server'), ...pods('app=db')];
    const lost = before.filter((pod) => pod.spec.nodeName === victim);
    expect(lost.length).toBeGreaterThan(0);

    // One request after the other by the Service name, each with its time and its end.
    const loop =
      'while true; do s=$(date +%s%N); timeout 1 busybox wget -qO- http://web >/dev/null 2>&1; echo $s $?; busybox usleep 20000; done';
    const client = start('kubectl', ['exec', '-n', 'my-app', 'client', '--', 'sh', '-c', loop], {
      KUBECONFIG: cluster.kubeconfig,
    });
    await eventually(() => expect(client.out().split('\n').length).toBeGreaterThan(20));

    const killedMs = Date.now();
    expect(cluster.podlan(['node', 'kill', victim]).code).toBe(0);
    await eventually(() => expect(isReady(cluster.get('node', victim))).toBe(false), 20_000, 20);
    const knownMs = Date.now();
    await eventually(() => {
      const now = [...pods('app=web-server'), ...pods('app=db')].filter(isReady);
      expect(now.map((pod) => pod.spec.nodeName)).not.toContain(victim);
      expect(now).toHaveLength(5);
    }, 20_000);
    const backMs = Date.now();
    const now = [...pods('app=web-server'), ...pods('app=db')].filter(isReady);
    for (const pod of lost) expect(now.map((p) => p.status.podIP)).not.toContain(pod.status.podIP);
    expect(backMs - killedMs).toBeLessThan(15_000);

    await sleep(1_500);
    client.child.kill('SIGTERM');
    await client.ended;
    const requests = client
      .out()
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number)) as [number, number][];
    const failed = requests.filter(([, code]) => code !== 0).map(([startedNs]) => startedNs / 1e6 - killedMs);
    // In flight: begun before the cluster knew that the node was lost, or on the way of that to the rules.
    const lateMs = failed.filter((beganMs) => beganMs > knownMs - killedMs + 500);
    expect(lateMs, `failed after it was known, ${knownMs - killedMs} ms after the kill`).toEqual([]);
    expect(requests.filter(([s, code]) => code === 0 && s / 1e6 > knownMs + 500).length).toBeGreaterThan(5);
  });

  it('from the host the ClusterIP answers with a node down, whichever it is', async () => {
    const ip = cluster.kubectl('get', 'service', 'web', '-n', 'my-app', '-o', 'jsonpath={.spec.clusterIP}');
    await eventually(() => {
      expect(must('curl', ['-s', '--max-time', '1', `http://${ip}`])).toMatch(/^web-/);
    }, 10_000);
  });

  it('the node shows as NotReady and stopped; up leaves it so and says how to start it', () => {
    const data = JSON.parse(cluster.podlan(['status', '-o', 'json']).out);
    const down = data.nodes.filter((n: { ready: boolean }) => !n.ready);
    expect(down).toHaveLength(1);
    expect(down[0].process).toBe('stopped');
    const up = cluster.podlan(['up']);
    expect(up.code, up.err).toBe(0);
    expect(up.out).toContain(`stopped: ${down[0].name}`);
  });

  it('node start revives it, and it takes pods again', async () => {
    const data = JSON.parse(cluster.podlan(['status', '-o', 'json']).out);
    const name = data.nodes.find((n: { ready: boolean }) => !n.ready).name;
    const started = cluster.podlan(['node', 'start', name]);
    expect(started.code, started.err).toBe(0);
    cluster.kubectl('scale', 'deployment', 'web', '-n', 'my-app', '--replicas=6');
    await eventually(() =>
      expect(pods('app=web-server').filter((p) => isReady(p) && p.spec.nodeName === name).length).toBeGreaterThan(0),
    );
  });

  it('refuses an unknown node in one line', () => {
    const result = cluster.podlan(['node', 'kill', 'node-9']);
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/no node 'node-9'; it has node-1, node-2, node-3/);
  });
});

describe('a link that is cut', () => {
  it('its node is lost and its pods are replaced; back again it ends the stale ones, and every identity is there once', async () => {
    const settings = JSON.parse(readFileSync(join(cluster.stateDir, 'cluster.json'), 'utf8')) as { slot: number };
    const node = pods('app=db').find((pod) => pod.metadata.name === 'db-0')?.spec.nodeName ?? '';
    const link = `pl${settings.slot}n${node.replace('node-', '')}`;
    const ready = (): string =>
      cluster.kubectl('get', 'node', node, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}');
    must('ip', ['link', 'set', link, 'down']);
    try {
      await eventually(() => expect(ready()).toBe('Unknown'));
      await eventually(() => {
        const now = pods('app=db').filter(isReady);
        expect(now.map((pod) => pod.metadata.name).sort()).toEqual(['db-0', 'db-1']);
        expect(now.map((pod) => pod.spec.nodeName)).not.toContain(node);
      });
    } finally {
      must('ip', ['link', 'set', link, 'up']);
    }
    await eventually(() => expect(ready()).toBe('True'));
    const wanted = (): string[] => [...pods('app=db'), ...pods('app=web-server')].map((pod) => pod.metadata.uid);
    await eventually(() => {
      const sandboxes = must('ip', ['netns', 'list'])
        .split('\n')
        .map((line) => line.split(' ')[0] ?? '')
        .filter((netns) => netns.startsWith(`${cluster.name}.${node}.`));
      for (const netns of sandboxes) expect(wanted()).toContain(netns.split('.')[2]);
    });
  });
});

describe('podlan node stop', () => {
  it('ends the pods of the node in order: their preStop hooks and SIGTERM are heard', () => {
    cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: polite, namespace: my-app}
spec:
  nodeName: node-3
  volumes: [{name: shared, hostPath: {path: /tmp}}]
  containers:
    - name: polite
      image: host
      command: [sh, -c, 'trap "echo heard > /tmp/${cluster.name}; exit 0" TERM; while true; do sleep 0.1; done']
      volumeMounts: [{name: shared, mountPath: /tmp}]`);
    cluster.kubectl('wait', '--for=condition=Ready', 'pod/polite', '-n', 'my-app', '--timeout=30s');
    const stopped = cluster.podlan(['node', 'stop', 'node-3']);
    expect(stopped.code, stopped.err).toBe(0);
    try {
      expect(readFileSync(`/tmp/${cluster.name}`, 'utf8').trim()).toBe('heard');
    } finally {
      rmSync(`/tmp/${cluster.name}`, { force: true });
    }
  });
});

// NetworkPolicy on its path through the layers: default deny, allow by label, and in force before a pod's first instruction.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, eventually, root, startCluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(() => {
  cluster = startCluster('pol', ['--nodes', '2', '-f', join(root, 'examples/policy.yaml')]);
});
afterAll(() => cluster.down());

const fetch = (from: string, url = 'http://server', namespace = 'guarded'): { code: number; out: string } =>
  cluster.tryInPod(from, `timeout 1 busybox wget -qO- ${url}`, { namespace });

describe('ingress policies', () => {
  it('the labelled pod reaches the server by its Service name, the other pod does not', () => {
    expect(fetch('granted').out.trim()).toBe('server');
    expect(fetch('stranger').code).not.toBe(0);
  });

  it('default deny holds for pods that no policy opens', () => {
    const ip = cluster.kubectl('get', 'pod', 'stranger', '-n', 'guarded', '-o', 'jsonpath={.status.podIP}');
    expect(cluster.tryInPod('granted', `busybox nc -w 1 ${ip} 80 </dev/null`, { namespace: 'guarded' }).code).not.toBe(
      0,
    );
  });

  it('a label that comes or goes opens and closes within a second', async () => {
    cluster.kubectl('label', 'pod', 'stranger', '-n', 'guarded', 'access=granted');
    await eventually(() => expect(fetch('stranger').out.trim()).toBe('server'), 3_000, 50);
    cluster.kubectl('label', 'pod', 'stranger', '-n', 'guarded', 'access-');
    await eventually(() => expect(fetch('stranger').code).not.toBe(0), 3_000, 50);
  });

  it('without the policies the way is open, and with them closed again', async () => {
    cluster.kubectl('delete', 'networkpolicy', '--all', '-n', 'guarded');
    await eventually(() => expect(fetch('stranger').out.trim()).toBe('server'), 3_000, 50);
    cluster.kubectl('apply', '-f', join(root, 'examples/policy.yaml'));
    await eventually(() => expect(fetch('stranger').code).not.toBe(0), 3_000, 50);
    expect(fetch('granted').out.trim()).toBe('server');
  });
});

describe('before the first instruction', () => {
  // The server listens from its first instruction on, and the knocker tries every address that a new pod can get, all
  // the time: if there were a moment without the policy, one of some dozen starts would be caught in it.
  it('nobody gets through to a new pod under default deny', async () => {
    const knock = `
      while true; do
        for i in $(seq 2 60); do (busybox nc -w 1 10.0.0.$i 9000 </dev/null >> /tmp/heard 2>/dev/null &); done
        busybox usleep 50000
      done`;
    const cidr = cluster.kubectl('get', 'node', 'node-1', '-o', 'jsonpath={.spec.podCIDR}').replace(/0\/24$/, '');
    cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: knocker, namespace: default}
spec:
  nodeName: node-2
  terminationGracePeriodSeconds: 0
  containers:
    - {name: knocker, image: host, command: [sh, -c, ${JSON.stringify(knock.replace('10.0.0.', cidr))}]}`);
    cluster.kubectl('wait', '--for=condition=Ready', 'pod/knocker', '--timeout=30s');
    const listener = (name: string, namespace: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  nodeName: node-1
  terminationGracePeriodSeconds: 0
  containers:
    - {name: server, image: host, command: [busybox, nc, -ll, -p, "9000", -e, hostname]}
---`;
    const names = Array.from({ length: 12 }, (_, i) => `closed-${i}`);
    cluster.apply(`${names.map((name) => listener(name, 'guarded')).join('\n')}\n${listener('open', 'default')}`);
    cluster.kubectl('wait', '--for=condition=Ready', '-n', 'guarded', '--timeout=60s', ...names.map((n) => `pod/${n}`));
    // The knocker does hear a pod that no policy closes: the test can fail.
    const heard = await eventually(() => {
      const text = cluster.inPod('knocker', 'cat /tmp/heard');
      expect(text).toContain('open');
      return text;
    });
    expect(heard).not.toContain('closed-');
  });
});

// The main job, as the README says it: examples/web.yaml, and a request by Service name that crosses real packets.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Cluster,
  describeCluster,
  eventually,
  machine,
  must,
  podlan,
  type Result,
  root,
  run,
  testName,
} from './cluster.ts';

const example = join(root, 'examples/web.yaml');
let before: string[];
let cluster: Cluster;
let up: Result;

beforeAll(() => {
  before = machine();
  cluster = describeCluster(testName('web'));
  up = podlan(['up', '--name', cluster.name, '-f', example]);
});
afterAll(() => cluster.down());

/** Which pods answered n requests to a URL from the client pod. */
function answers(url: string, n: number): string[] {
  const each = `for i in $(seq ${n}); do timeout 3 busybox wget -qO- ${url} || echo failed; done`;
  return cluster.inPod('client', each, { namespace: 'my-app' }).split('\n');
}
const webPods = (): string[] =>
  cluster
    .kubectl('get', 'pods', '-n', 'my-app', '-l', 'app=web-server', '-o', 'name')
    .split('\n')
    .map((line) => line.replace('pod/', ''))
    .sort();

describe('podlan up -f examples/web.yaml', () => {
  it('ends with exit code 0, says what now answers, and writes no colour codes into a pipe', () => {
    expect(up.err + up.out).not.toContain('\u001b');
    expect(up.code, up.err + up.out).toBe(0);
    expect(up.out).toContain(`cluster '${cluster.name}' is ready`);
    expect(up.out).toContain('web.my-app.svc.cluster.local:80');
    expect(up.err).toContain('deployment my-app/web: 3/3 ready');
  });

  it('has 3 Ready nodes and 3 web pods, one on each node', () => {
    const nodes = cluster.get('nodes').items as {
      status: { conditions: { type: string; status: string }[] };
    }[];
    expect(nodes.map((n) => n.status.conditions.find((c) => c.type === 'Ready')?.status)).toEqual([
      'True',
      'True',
      'True',
    ]);
    const pods = cluster.get('pods', '-n', 'my-app', '-l', 'app=web-server').items as {
      spec: { nodeName: string };
    }[];
    expect(new Set(pods.map((p) => p.spec.nodeName)).size).toBe(3);
  });

  it.each(['http://web', 'http://web.my-app', 'http://web.my-app.svc.cluster.local'])(
    'from the client pod %s answers, spread over the 3 pods',
    (url) => {
      expect([...new Set(answers(url, 40))].sort()).toEqual(webPods());
    },
  );

  it('from the host the ClusterIP answers', () => {
    const ip = cluster.kubectl('get', 'service', 'web', '-n', 'my-app', '-o', 'jsonpath={.spec.clusterIP}');
    const seen = new Set(Array.from({ length: 30 }, () => must('curl', ['-s', '--max-time', '3', `http://${ip}`])));
    expect([...seen].sort()).toEqual(webPods());
  });

  it("from the host the NodePort answers on every node's IP", () => {
    const ips = cluster
      .kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}')
      .split(' ');
    expect(ips).toHaveLength(3);
    for (const ip of ips) expect(webPods()).toContain(must('curl', ['-s', '--max-time', '3', `http://${ip}:30080`]));
  });

  it('names every replica of the StatefulSet, and each answers under its name', () => {
    for (const name of ['db-0', 'db-1']) {
      expect(
        cluster.inPod('client', `busybox nc -w 3 ${name}.db.my-app.svc.cluster.local 5432 </dev/null`, {
          namespace: 'my-app',
        }),
      ).toBe(name);
    }
  });

  it('up again changes nothing and says so', () => {
    const versions = (): string =>
      cluster.kubectl(
        'get',
        'deployments,statefulsets,services',
        '-n',
        'my-app',
        '-o',
        'jsonpath={.items[*].metadata.resourceVersion}',
      );
    const seen = versions();
    const again = podlan(['up', '--name', cluster.name, '-f', example]);
    expect(again.code, again.err).toBe(0);
    expect(again.out).toContain('already running; nothing was changed');
    expect(versions()).toBe(seen);
  });

  it('in a terminal the list is live: drawn in place, with colours', () => {
    // `script` gives podlan a terminal.
    const seen = run('script', ['-qec', `${join(root, 'podlan')} up --name ${cluster.name}`, '/dev/null']);
    expect(seen.code).toBe(0);
    expect(seen.out).toContain('\u001b[2K\u001b[32m✔\u001b[0m node-1 ');
  });

  it('up -o json prints data alone on stdout', () => {
    const data = JSON.parse(podlan(['up', '--name', cluster.name, '-f', example, '-o', 'json']).out);
    expect(data).toMatchObject({
      name: cluster.name,
      changed: false,
      nodes: [{ name: 'node-1' }, { name: 'node-2' }, { name: 'node-3' }],
    });
    expect(data.services.map((s: { service: string }) => s.service)).toContain('my-app/web');
  });

  it('status shows nodes, pods and Services, as text and as JSON', () => {
    const text = cluster.podlan(['status']);
    expect(text.code).toBe(0);
    for (const word of ['node-3', 'client', 'web-nodeport']) expect(text.out).toContain(word);
    const data = JSON.parse(cluster.podlan(['status', '-o', 'json']).out);
    expect(data.nodes.every((n: { ready: boolean; process: string }) => n.ready && n.process === 'running')).toBe(true);
    expect(data.pods.find((p: { name: string }) => p.name === 'client')).toMatchObject({
      namespace: 'my-app',
      status: 'Running',
      ready: '1/1',
    });
  });

  it('refuses another number of nodes for a running cluster in one line', () => {
    const result = podlan(['up', '--name', cluster.name, '--nodes', '2']);
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/has 3 nodes, not 2/);
  });
});

describe("the user's own kubeconfig", () => {
  it('has the cluster as its current context when asked, beside what was there, and down takes it out again', () => {
    const dir = mkdtempSync(join(tmpdir(), 'podlan-kubeconfig-'));
    const file = join(dir, 'config');
    const other = describeCluster(testName('mrg'));
    const env = { KUBECONFIG: file };
    try {
      writeFileSync(
        file,
        '{apiVersion: v1, kind: Config, clusters: [], users: [], contexts: [{name: mine, context: {cluster: c, user: u}}], current-context: mine}',
      );
      const merged = podlan(['up', '--name', other.name, '--nodes', '1', '--merge-kubeconfig'], { env });
      expect(merged.code, merged.err).toBe(0);
      expect(must('kubectl', ['config', 'current-context'], { env })).toBe(other.name);
      expect(must('kubectl', ['get', 'nodes', '-o', 'name'], { env })).toBe('node/node-1');
      expect(podlan(['down', '--name', other.name], { env }).code).toBe(0);
      expect(must('kubectl', ['config', 'get-contexts', '-o', 'name'], { env })).toBe('mine');
    } finally {
      podlan(['down', '--name', other.name], { env });
      rmSync(dir, { recursive: true });
    }
  });
});

describe('two clusters side by side, and down', () => {
  it('a second cluster gets ranges and a port of its own, and each answers for itself', async () => {
    const second = describeCluster(testName('two'));
    try {
      const result = podlan(['up', '--name', second.name, '--nodes', '1']);
      expect(result.code, result.err).toBe(0);
      expect(second.kubectl('get', 'nodes', '-o', 'name')).toBe('node/node-1');
      expect(second.kubectl('get', 'namespaces', '-o', 'name')).not.toContain('my-app');
      expect(new Set(answers('http://web', 20)).size).toBeGreaterThan(1);
      const names = podlan(['clusters', '-o', 'json']);
      expect(JSON.parse(names.out).map((c: { name: string }) => c.name)).toEqual(
        expect.arrayContaining([cluster.name, second.name]),
      );
    } finally {
      second.down();
    }
    await eventually(() => expect(new Set(answers('http://web', 20)).size).toBeGreaterThan(1));
  });

  it('down leaves the machine as it was, and down again says that there is nothing', async () => {
    cluster.down();
    // A killed process is reaped by its new parent a moment later.
    await eventually(() => expect(machine()).toEqual(before), 3_000);
    const again = cluster.podlan(['down']);
    expect(again.code).toBe(0);
    expect(again.out).toContain('there is no cluster');
    expect(run('ip', ['netns', 'list']).out).not.toContain(cluster.name);
  });
});

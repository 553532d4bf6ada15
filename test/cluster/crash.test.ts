// What ends without a word: a server, a machine, a second command at the same time, a disk without room.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Cluster,
  describeCluster,
  eventually,
  must,
  podlan,
  root,
  run,
  start,
  startCluster,
  testName,
} from './cluster.ts';

let cluster: Cluster;
beforeAll(() => {
  cluster = startCluster('cra', ['--nodes', '2', '-f', join(root, 'examples/web.yaml')]);
});
afterAll(() => cluster.down());

const pidOf = (who: string): number =>
  Number(readFileSync(`/run/podlan/${cluster.name}/${who}.pid`, 'utf8').split(' ')[0]);
const uids = (): string =>
  cluster.kubectl('get', 'pods,services,deployments', '-n', 'my-app', '-o', 'jsonpath={.items[*].metadata.uid}');
const answers = (): void => {
  expect(cluster.inPod('client', 'timeout 2 busybox wget -qO- http://web', { namespace: 'my-app' })).toMatch(/^web-/);
};

const restarts = (): string =>
  cluster.kubectl('get', 'pods', '-n', 'my-app', '-o', 'jsonpath={.items[*].status.containerStatuses[*].restartCount}');

describe('a killed server', () => {
  it('status says so with exit code 3; up goes on with the same objects and the same pods', async () => {
    const before = uids();
    process.kill(pidOf('server'), 'SIGKILL');
    await eventually(() => expect(cluster.podlan(['status']).code).toBe(3));
    const up = cluster.podlan(['up']);
    expect(up.code, up.err).toBe(0);
    await eventually(() => expect(uids()).toBe(before));
    await eventually(answers);
    expect(restarts()).toMatch(/^0( 0)*$/);
  });
});

describe('a server killed in the middle of writes', () => {
  it('has every write that it acknowledged, and goes on', async () => {
    const writes = writeUntilItFails();
    await eventually(() => expect(writes.acknowledged.length).toBeGreaterThan(100), 20_000, 5);
    process.kill(pidOf('server'), 'SIGKILL');
    await writes.ended;
    const up = cluster.podlan(['up']);
    expect(up.code, up.err).toBe(0);
    const kept = new Set(cluster.kubectl('get', 'configmaps', '-n', 'default', '-o', 'name').split('\n'));
    expect(writes.acknowledged.filter((name) => !kept.has(`configmap/${name}`))).toEqual([]);
  });
});

describe('a killed node process', () => {
  it('its containers run on, and up starts it again without restarting them', async () => {
    const before = uids();
    process.kill(pidOf('node-1'), 'SIGKILL');
    const up = cluster.podlan(['up']);
    expect(up.code, up.err).toBe(0);
    await eventually(answers);
    expect(uids()).toBe(before);
    expect(restarts()).toMatch(/^0( 0)*$/);
  });
});

describe('a reboot', () => {
  it('up continues with the same objects; the pods start again', async () => {
    const services = (): string =>
      cluster.kubectl(
        'get',
        'services',
        '-n',
        'my-app',
        '-o',
        'jsonpath={.items[*].metadata.uid} {.items[*].spec.clusterIP}',
      );
    const before = services();
    powerCut(cluster);
    const up = cluster.podlan(['up', '-f', join(root, 'examples/web.yaml')]);
    expect(up.code, up.err).toBe(0);
    expect(services()).toBe(before);
    await eventually(answers, 30_000);
  });
});

describe('two commands at once, a used port, a full disk', () => {
  it('a second up in parallel says in one line who is at work', async () => {
    const other = describeCluster(testName('par'));
    try {
      const first = start(join(root, 'podlan'), ['up', '--name', other.name, '--nodes', '1']);
      await eventually(() => expect(existsSync(join(other.stateDir, 'cluster.json'))).toBe(true), 10_000, 5);
      const second = podlan(['up', '--name', other.name]);
      expect(second.code).toBe(4);
      expect(second.err).toMatch(/podlan up \(pid \d+\) is at work on/);
      expect(await first.ended, first.err()).toBe(0);
    } finally {
      other.down();
    }
  });

  it('a used port is named, and nothing is left', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen({ port: 0, host: '127.0.0.1' }, () => resolve((server.address() as { port: number }).port)),
    );
    const other = describeCluster(testName('prt'));
    const result = podlan(['up', '--name', other.name, '--port', String(port)]);
    server.close();
    expect(result.code).toBe(1);
    expect(result.err).toContain(`port ${port} on 127.0.0.1 is in use; choose another with --port`);
    expect(existsSync(other.stateDir)).toBe(false);
  });

  it('a full disk is said in one line, and with room again up goes on', () => {
    const other = describeCluster(testName('dsk'));
    must('mkdir', ['-p', other.stateDir]);
    must('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', other.stateDir]);
    try {
      must('sh', ['-c', `head -c 200000 /dev/zero > ${other.stateDir}/filler`]);
      const full = podlan(['up', '--name', other.name, '--nodes', '1', '--timeout', '15']);
      expect(full.code).not.toBe(0);
      expect(full.err).toMatch(/no space left|disk is full|ENOSPC|full/i);
      must('mount', ['-o', 'remount,size=512m', other.stateDir]);
      rmSync(join(other.stateDir, 'filler'));
      const up = podlan(['up', '--name', other.name, '--nodes', '1']);
      expect(up.code, up.err).toBe(0);
    } finally {
      other.down();
      run('umount', [other.stateDir]);
      rmSync(other.stateDir, { recursive: true, force: true });
    }
  });
});

/** What a reboot does to the machine as far as the cluster sees it: processes, namespaces, mounts, /run are gone at once. */
function powerCut(victim: Cluster): void {
  for (const who of ['node-1', 'node-2', 'server']) process.kill(pidOf(who), 'SIGKILL');
  const inCluster = must('sh', [
    '-c',
    `cat $(find /sys/fs/cgroup -path '*/podlan/${victim.name}/*' -name cgroup.procs) | sort -u`,
  ])
    .split('\n')
    .filter(Boolean);
  for (const pid of inCluster) run('kill', ['-9', pid]);
  for (const namespace of must('ip', ['netns', 'list'])
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')) {
    if (namespace.startsWith(`${victim.name}.`)) must('ip', ['netns', 'delete', namespace]);
  }
  const { bridge } = JSON.parse(readFileSync(join(victim.stateDir, 'cluster.json'), 'utf8')) as { bridge: string };
  must('ip', ['link', 'delete', bridge]);
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((at) => at.includes(`/podlan/${victim.name}/`));
  for (const at of mounts.toReversed()) run('umount', ['-l', at]);
  rmSync(`/run/podlan/${victim.name}`, { recursive: true, force: true });
}

/** Creates ConfigMaps, several at a time, until the server no longer answers. */
function writeUntilItFails(): { acknowledged: string[]; ended: Promise<void> } {
  const read = (file: string): Buffer => readFileSync(join(cluster.stateDir, 'pki', file));
  const { apiPort } = JSON.parse(readFileSync(join(cluster.stateDir, 'cluster.json'), 'utf8')) as { apiPort: number };
  const agent = new Agent({ keepAlive: true, ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key') });
  const acknowledged: string[] = [];
  let next = 0;
  const create = (name: string): Promise<boolean> =>
    new Promise((resolve) => {
      const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { name } });
      const asked = request(
        {
          agent,
          host: '127.0.0.1',
          port: apiPort,
          method: 'POST',
          path: '/api/v1/namespaces/default/configmaps',
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          response.resume();
          response.once('end', () => resolve(response.statusCode === 201));
          response.once('error', () => resolve(false));
        },
      );
      asked.once('error', () => resolve(false));
      asked.end(body);
    });
  const writer = async (): Promise<void> => {
    for (;;) {
      next += 1;
      const name = `written-${next}`;
      if (!(await create(name))) return;
      acknowledged.push(name);
    }
  };
  const ended = Promise.all(Array.from({ length: 8 }, writer)).then(() => agent.destroy());
  return { acknowledged, ended };
}

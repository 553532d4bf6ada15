// Commands that are cut off at any moment: the next command goes on from there, and nothing is left hidden.
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Cluster, describeCluster, eventually, machine, root, start, testName } from './cluster.ts';

const cluster: Cluster = describeCluster(testName('cut'));
const runDir = `/run/podlan/${cluster.name}`;

afterEach(async () => {
  cluster.down();
  await eventually(() => expect(machine().filter((line) => line.includes(cluster.name))).toEqual([]), 3_000);
});

/** Starts a command and kills it in the moment in which `reached` is true. */
async function cutOff(command: 'up' | 'down', signal: NodeJS.Signals, reached: () => boolean): Promise<void> {
  const args = command === 'up' ? ['up', '--nodes', '2'] : ['down'];
  const running = start(join(root, 'podlan'), [...args, '--name', cluster.name]);
  let ended = false;
  void running.ended.then(() => (ended = true));
  await eventually(() => expect(ended || reached()).toBe(true), 20_000, 1);
  running.child.kill(signal);
  await running.ended;
}

const moments: [string, () => boolean][] = [
  ['its directory is there', () => existsSync(cluster.stateDir)],
  ['its certificates are being made', () => existsSync(join(cluster.stateDir, 'pki/ca.key'))],
  ['its settings are written', () => existsSync(join(cluster.stateDir, 'cluster.json'))],
  ['the server has been started', () => existsSync(join(runDir, 'server.pid'))],
  ['the nodes have been started', () => existsSync(join(runDir, 'node-2.pid'))],
  ['a node has its network', () => existsSync(`/run/netns/${cluster.name}.node-1`)],
];

describe.each([
  ['SIGKILL', moments],
  ['SIGINT', moments.slice(4)],
] as const)('up, ended by %s', (signal, when) => {
  it.each(when)('when %s: up goes on', async (_when, reached) => {
    await cutOff('up', signal, reached);
    const up = cluster.podlan(['up']);
    expect(up.code, up.err).toBe(0);
    expect(cluster.kubectl('get', 'nodes', '-o', 'name')).toContain('node/node-1');
  });

  it.each(when)('when %s: down leaves nothing', async (_when, reached) => {
    await cutOff('up', signal, reached);
    // afterEach looks.
  });
});

describe('a process of which no pid file tells', () => {
  it('up takes it for what it is, and down ends it', async () => {
    const up = cluster.podlan(['up', '--nodes', '1']);
    expect(up.code, up.err).toBe(0);
    const pids = readdirSync(runDir).filter((file) => file.endsWith('.pid'));
    expect(pids.sort()).toEqual(['node-1.pid', 'server.pid']);
    for (const file of pids) renameSync(join(runDir, file), join(runDir, `${file}.away`));
    const again = cluster.podlan(['up']);
    expect(again.code, again.err).toBe(0);
    expect(again.out).toContain('already running; nothing was changed');
    for (const file of pids) renameSync(join(runDir, file), join(runDir, `${file}.away`));
  });
});

describe('down, cut off', () => {
  it.each([
    ['its processes have ended', () => !existsSync(`/run/netns/${cluster.name}.node-1`)],
    ['its directories go', () => !existsSync(join(cluster.stateDir, 'cluster.json'))],
  ])('when %s: up makes a cluster again', async (_when, reached) => {
    expect(cluster.podlan(['up', '--nodes', '1']).code).toBe(0);
    await cutOff('down', 'SIGKILL', reached);
    const up = cluster.podlan(['up', '--nodes', '1']);
    expect(up.code, up.err).toBe(0);
  });

  it('with its files half gone, up does not take what is left for a cluster', () => {
    mkdirSync(join(cluster.stateDir, 'pki'), { recursive: true });
    writeFileSync(join(cluster.stateDir, 'cluster.json.removed'), '{}');
    writeFileSync(join(cluster.stateDir, 'store.db'), 'of the cluster before');
    const up = cluster.podlan(['up', '--nodes', '1']);
    expect(up.code, up.err).toBe(0);
  });
});

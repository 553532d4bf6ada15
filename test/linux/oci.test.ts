// runc and conmon themselves under the runtime's contract, on a copy-on-write view of this machine.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cgroupPids, removeCgroupTree, removeEmptyCgroup } from '../../src/linux/cgroup/cgroup.io.ts';
import { mountOverlay, unmountBelow } from '../../src/linux/mount/mount.io.ts';
import { capabilities } from '../../src/linux/oci/capabilities.ts';
import { ociConfig } from '../../src/linux/oci/config.ts';
import { runtimeContract } from '../../src/linux/oci/contract.ts';
import { openRuntime } from '../../src/linux/oci/runtime.io.ts';
import type { Exit, Runtime } from '../../src/linux/oci/runtime.ts';

const unique = `podlan-oci-${process.pid}`;
const cgroup = `/podlan/${unique}`;
const dir = mkdtempSync(join(tmpdir(), `${unique}-`));
const programs = {
  'exits-7': ['/bin/busybox', 'sh', '-c', 'echo out; echo err >&2; exit 7'],
  'ends-on-term': ['/bin/busybox', 'sh', '-c', 'trap "exit 3" TERM; while :; do busybox sleep 0.01; done'],
  stays: ['/bin/busybox', 'sleep', '1000'],
  missing: ['/no/such/program'],
  'eats-memory': ['/bin/busybox', 'sh', '-c', 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'],
};
const made: Runtime[] = [];

const open = (): Runtime => {
  const runtime = openRuntime({
    containersDir: join(dir, 'containers'),
    exitDir: join(dir, 'exits'),
    runcRoot: join(dir, 'runc'),
    nowMs: () => Date.now(),
  });
  made.push(runtime);
  return runtime;
};

function config(id: string, program: keyof typeof programs, memoryBytes?: number) {
  const bundle = join(dir, 'containers', id);
  for (const part of ['rootfs', 'upper', 'work']) mkdirSync(join(bundle, part), { recursive: true });
  mountOverlay(join(bundle, 'rootfs'), { lower: ['/'], upper: join(bundle, 'upper'), work: join(bundle, 'work') });
  return ociConfig({
    args: programs[program],
    env: ['PATH=/bin:/usr/bin'],
    cwd: '/',
    terminal: false,
    user: { uid: 0, gid: 0, additionalGids: [] },
    rootfs: join(bundle, 'rootfs'),
    readonlyRootfs: false,
    hostname: 'oci-test',
    mounts: [],
    maskedPaths: [],
    netnsPath: `/run/netns/${unique}`,
    hostPid: false,
    hostIpc: false,
    capabilities: capabilities(),
    privileged: false,
    noNewPrivileges: false,
    unmaskedProc: false,
    seccomp: 'RuntimeDefault',
    devices: [],
    cgroupPath: `${cgroup}/${id}`,
    cgroupV2: false,
    cpuShares: 1024,
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    oomScoreAdj: 1000,
    sysctls: {},
  });
}

beforeAll(() => void execFileSync('ip', ['netns', 'add', unique]));
afterAll(async () => {
  for (const runtime of made) runtime.close();
  for (const pid of cgroupPids(cgroup)) process.kill(pid, 'SIGKILL');
  await removeCgroupTree(cgroup);
  removeEmptyCgroup('/podlan');
  unmountBelow(dir);
  rmSync(dir, { recursive: true, force: true });
  execFileSync('ip', ['netns', 'del', unique]);
});

const ended = (runtime: Runtime, wanted: string): Promise<Exit> =>
  new Promise((resolve) => runtime.onExit((id, exit) => void (id === wanted && resolve(exit))));

async function launch(runtime: Runtime, id: string, program: keyof typeof programs, memoryBytes?: number) {
  const logPath = join(dir, `${id}.log`);
  await runtime.create({
    id,
    config: config(id, program, memoryBytes),
    logPath,
    stdin: false,
    stdinOnce: false,
    record: id,
  });
  await runtime.start(id);
}

async function discard(runtime: Runtime, id: string) {
  await runtime.delete(id);
  unmountBelow(runtime.dir(id));
  await runtime.remove(id);
}

describe('runc and conmon', () => {
  runtimeContract(
    () => {
      const runtime = open();
      return {
        runtime,
        config,
        logPath: (id) => join(dir, `${id}.log`),
        unmount: (id) => unmountBelow(runtime.dir(id)),
      };
    },
    it,
    (seen, wanted) => expect(seen).toEqual(wanted),
  );

  it('finds a running container and its later end again after a restart of this process', async () => {
    const first = open();
    await launch(first, 'c5', 'stays');
    first.close();
    const second = open();
    expect(second.list()).toMatchObject([{ id: 'c5', state: 'running', record: 'c5' }]);
    const exit = ended(second, 'c5');
    second.signal('c5', 9);
    expect(await exit).toMatchObject({ code: 137, oomKilled: false, unseen: false });
    await discard(second, 'c5');
  });

  it('sees the end that came while nobody looked', async () => {
    const first = open();
    await launch(first, 'c6', 'stays');
    const exit = ended(first, 'c6');
    first.signal('c6', 9);
    await exit;
    first.close();
    const second = open();
    expect(second.list()).toMatchObject([{ id: 'c6', state: 'exited', exit: { code: 137, unseen: false } }]);
    await discard(second, 'c6');
  });

  it('ends a container whose conmon was killed, and says so', async () => {
    const runtime = open();
    await launch(runtime, 'c9', 'stays');
    const exit = ended(runtime, 'c9');
    process.kill(Number(readFileSync(join(runtime.dir('c9'), 'conmon.pid'), 'utf8')), 'SIGKILL');
    expect(await exit).toMatchObject({ code: 255, unseen: true });
    await discard(runtime, 'c9');
    expect(cgroupPids(`${cgroup}/c9`)).toEqual([]);
  });

  it('says that the kernel ended it for want of memory', async () => {
    const runtime = open();
    await launch(runtime, 'c7', 'eats-memory', 8 << 20);
    expect(await ended(runtime, 'c7')).toMatchObject({ code: 137, oomKilled: true });
    await discard(runtime, 'c7');
  });

  it('leaves no cgroup of a deleted container', async () => {
    const runtime = open();
    await launch(runtime, 'c8', 'exits-7');
    if (runtime.list().find((c) => c.id === 'c8')?.state === 'running') await ended(runtime, 'c8');
    await discard(runtime, 'c8');
    expect(existsSync(`/sys/fs/cgroup/memory${cgroup}/c8`)).toBe(false);
  });
});

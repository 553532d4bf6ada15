// podlan down, and the end of a single node: processes first, then what the kernel holds, then files.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterSettings, NodeSettings } from '../api/cluster.ts';
import { nodeCgroup } from '../api/cluster.ts';
import { UserError } from '../cli/errors.ts';
import { withoutCluster } from '../cli/kubeconfig.ts';
import { cgroupPids, removeCgroupTree, removeEmptyCgroup } from '../linux/cgroup/cgroup.io.ts';
import { unmountBelow } from '../linux/mount/mount.io.ts';
import { removeCluster, removeNode, residue } from '../network/down.io.ts';
import { withLock } from './lock.io.ts';
import { readCa } from './tls.io.ts';
import { openProgress } from './progress.io.ts';
import {
  markDown,
  readSettings,
  processesOf,
  removeLeftovers,
  removePid,
  removeState,
  runningPid,
} from './state.io.ts';
import { forgetKubeconfig } from './up.io.ts';

export function down(options: { name: string }): Promise<number> {
  return withLock(options.name, 'down', async () => {
    const settings = readSettings(options.name);
    if (!settings) {
      const words = removeLeftovers(options.name) ? 'what was left of it is removed' : 'nothing to do';
      process.stdout.write(`there is no cluster '${options.name}'; ${words}\n`);
      return 0;
    }
    const progress = openProgress(process.stderr);
    progress.set(options.name, 'working', 'removing');
    try {
      await endEverything(settings);
    } finally {
      progress.close();
    }
    progress.set(options.name, 'done', 'removed');
    return 0;
  });
}

async function endEverything(settings: ClusterSettings): Promise<void> {
  await until(() => {
    const running = processesOf(settings.name);
    for (const { pid } of running) kill(pid);
    return running.length === 0;
  }, 'its processes to end');
  await endContainers(settings, clusterCgroup(settings));
  removeCluster(settings);
  unmountBelow(join(settings.stateDir, 'nodes'));
  unmountBelow(settings.runDir);
  await removeCgroupTree(clusterCgroup(settings));
  // The parent goes with the last cluster; while another is in it the kernel keeps it.
  removeEmptyCgroup('/podlan');
  const left = residue(settings);
  if (left.length > 0)
    throw new UserError(`could not remove everything of '${settings.name}': ${left.join(', ')}; try again`);
  const ca = readCa(settings);
  if (ca !== undefined) forgetKubeconfig((text) => withoutCluster(text, settings.name, ca));
  removeState(settings);
}

const clusterCgroup = (settings: ClusterSettings): string => `/podlan/${settings.name}`;

/** As a power cut ends it: every process at once, its network gone; files stay. */
export async function cutNode(settings: ClusterSettings, node: NodeSettings): Promise<void> {
  markDown(settings, node.name, true);
  const pid = runningPid(settings, node.name);
  if (pid !== undefined) kill(pid);
  await endContainers(settings, nodeCgroup(settings.name, node.name));
  removeNode(settings, node);
  await until(() => runningPid(settings, node.name) === undefined, `${node.name} to end`);
  removePid(settings, node.name);
}

/** Kills what is in the cgroup until nothing is, then the conmon processes that watched it. */
async function endContainers(settings: ClusterSettings, cgroup: string): Promise<void> {
  await until(() => {
    const pids = cgroupPids(cgroup);
    for (const pid of pids) kill(pid);
    return pids.length === 0;
  }, `the processes in ${cgroup} to end`);
  // conmon ends by itself when its container has; one that hangs is ended. Its command line names the cluster's files.
  const below =
    cgroup.split('/').length > 3 ? `${settings.stateDir}/nodes/${cgroup.split('/').at(-1)}/` : `${settings.stateDir}/`;
  const deadlineMs = performance.now() + 500;
  await until(() => {
    const watchers = conmons(below);
    if (performance.now() > deadlineMs) watchers.forEach(kill);
    return watchers.length === 0;
  }, 'conmon to end');
}

function conmons(below: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0');
      return command[0]?.endsWith('conmon') && command.some((word) => word.startsWith(below)) ? [Number(entry)] : [];
    } catch {
      return [];
    }
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export async function until(done: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!done()) {
    if (performance.now() > deadlineMs)
      throw new UserError(`waited ${withinMs / 1000} s for ${what}, in vain; try again`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

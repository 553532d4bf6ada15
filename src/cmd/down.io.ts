// podlan down, and the end of a single node: processes first, then what the kernel holds, then files.
import { join } from 'node:path';
import type { ClusterSettings, NodeSettings } from '../api/cluster.ts';
import { clusterCgroup, nodeCgroup } from '../api/cluster.ts';
import { UserError } from '../cli/errors.ts';
import { withoutCluster } from '../cli/kubeconfig.ts';
import { cgroupPids, removeCgroupTree, removeEmptyCgroup } from '../linux/cgroup/cgroup.io.ts';
import { unmountBelow } from '../linux/mount/mount.io.ts';
import { removeCluster, removeNode, residue } from '../network/down.io.ts';
import { forgetKubeconfig } from './kubeconfig.io.ts';
import { withLock } from './lock.io.ts';
import { readCa } from './tls.io.ts';
import { openProgress } from './progress.io.ts';
import {
  conmonsOf,
  markDown,
  readSettings,
  processesOf,
  removeLeftovers,
  removePid,
  removeState,
  runningPid,
} from './state.io.ts';

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
  await endContainers(clusterCgroup(settings.name), settings.stateDir);
  removeCluster(settings);
  unmountBelow(join(settings.stateDir, 'nodes'));
  unmountBelow(settings.runDir);
  await removeCgroupTree(clusterCgroup(settings.name));
  // The parent goes with the last cluster; while another is in it the kernel keeps it.
  removeEmptyCgroup('/podlan');
  const left = residue(settings);
  if (left.length > 0)
    throw new UserError(`could not remove everything of '${settings.name}': ${left.join(', ')}; try again`);
  const ca = readCa(settings);
  if (ca !== undefined) forgetKubeconfig((text) => withoutCluster(text, settings.name, ca));
  removeState(settings);
}

/** As a power cut ends it: every process at once, its network gone; files stay. */
export async function cutNode(settings: ClusterSettings, node: NodeSettings): Promise<void> {
  markDown(settings, node.name, true);
  const pid = runningPid(settings, node.name);
  if (pid !== undefined) kill(pid);
  await endContainers(nodeCgroup(settings.name, node.name), join(settings.stateDir, 'nodes', node.name));
  removeNode(settings, node);
  await until(() => runningPid(settings, node.name) === undefined, `${node.name} to end`);
  removePid(settings, node.name);
}

/** Kills what is in the cgroup until nothing is, then the conmon processes that watched it, by the directory of its files. */
async function endContainers(cgroup: string, dir: string): Promise<void> {
  await until(() => {
    const pids = cgroupPids(cgroup);
    for (const pid of pids) kill(pid);
    return pids.length === 0;
  }, `the processes in ${cgroup} to end`);
  // conmon ends by itself when its container has; one that hangs is ended.
  const deadlineMs = performance.now() + 500;
  await until(() => {
    const watchers = conmonsOf(dir);
    if (performance.now() > deadlineMs) watchers.forEach(kill);
    return watchers.length === 0;
  }, 'conmon to end');
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

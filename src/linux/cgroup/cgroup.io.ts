// The cgroups below one of our own paths, e.g. /podlan/<cluster>/<node>, in every hierarchy at once.
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupRoots, cpuWeight } from './cgroup.ts';
import type { CgroupLimits } from './cgroup.ts';

let known: { readonly root: string; readonly controllers: readonly string[] }[] | undefined;
const hierarchies = (): typeof known & object => (known ??= cgroupRoots(readFileSync('/proc/self/mountinfo', 'utf8')));

const codeOf = (e: unknown): string | undefined => (e as NodeJS.ErrnoException).code;

/** Directories of the tree, children before parents. */
function treeOf(dir: string): string[] {
  try {
    const below = readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => treeOf(join(dir, entry.name)));
    return [...below, dir];
  } catch (e) {
    if (codeOf(e) === 'ENOENT' || codeOf(e) === 'ENODEV') return [];
    throw e;
  }
}

/** Processes in the cgroup and below it, in any hierarchy. */
export function cgroupPids(path: string): number[] {
  const pids = new Set<number>();
  for (const { root } of hierarchies()) {
    for (const dir of treeOf(join(root, path))) {
      try {
        for (const pid of readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n')) if (pid) pids.add(Number(pid));
      } catch (e) {
        if (codeOf(e) !== 'ENOENT' && codeOf(e) !== 'ENODEV') throw e;
      }
    }
  }
  return [...pids];
}

const retryMs = 5;

/** Removes the cgroups of a tree in every hierarchy. It kills nothing; while processes are in it, it waits for their end. */
export async function removeCgroupTree(path: string, withinMs = 2_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const busy = hierarchies()
      .flatMap(({ root }) => treeOf(join(root, path)))
      .filter((dir) => !removed(dir));
    if (busy.length === 0) return;
    if (performance.now() > deadlineMs) throw new Error(`cgroup in use: ${busy.join(', ')}`);
    await sleep(retryMs);
  }
}

/** Removes one cgroup if nothing is in it. Not its tree: what is below may be another's, empty only for this moment. */
export function removeEmptyCgroup(path: string): void {
  for (const { root } of hierarchies()) removed(join(root, path));
}

function removed(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (e) {
    if (codeOf(e) === 'EBUSY' || codeOf(e) === 'ENOTEMPTY') return false;
    if (codeOf(e) === 'ENOENT') return true;
    throw e;
  }
}

/** Makes the cgroup above a pod's containers and gives it its share: pods compete with each other, not containers. */
export function limitCgroup(path: string, limits: CgroupLimits): void {
  for (const { root, controllers } of hierarchies()) {
    const dir = join(root, path);
    if (controllers.includes('cpu')) {
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'cpu.shares'), String(limits.cpuShares));
    } else if (controllers.length === 0 && hierarchies().length === 1) {
      mkdirSync(dir, { recursive: true });
      delegateControllers(root, path);
      writeFileSync(join(dir, 'cpu.weight'), String(cpuWeight(limits.cpuShares)));
    }
  }
}

/** v2: a controller is there only where each parent hands it down. */
function delegateControllers(root: string, path: string): void {
  let dir = root;
  for (const part of path.split('/').filter(Boolean)) {
    const here = readFileSync(join(dir, 'cgroup.controllers'), 'utf8').trim().split(' ');
    const wanted = ['cpu', 'memory', 'pids'].filter((c) => here.includes(c)).map((c) => `+${c}`);
    if (wanted.length > 0) writeFileSync(join(dir, 'cgroup.subtree_control'), wanted.join(' '));
    dir = join(dir, part);
  }
}

// What `podlan` keeps on the machine about a cluster: its settings, and which of its processes run.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ClusterSettings } from '../api/cluster.ts';
import { UserError } from '../cli/errors.ts';

const stateRoot = '/var/lib/podlan';
const runRoot = '/run/podlan';

export const stateDirOf = (name: string): string => join(stateRoot, name);
export const runDirOf = (name: string): string => join(runRoot, name);
export const settingsFile = (name: string): string => join(stateDirOf(name), 'cluster.json');
export const kubeconfigFile = (settings: ClusterSettings): string => join(settings.stateDir, 'kubeconfig');
export const logFile = (settings: ClusterSettings, who: string): string => join(settings.stateDir, 'log', `${who}.log`);

/** undefined: there is no cluster of that name. */
export function readSettings(name: string): ClusterSettings | undefined {
  const file = settingsFile(name);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ClusterSettings;
  } catch (error) {
    throw new UserError(
      `${file} is not readable as settings (${String(error)}); it is written by podlan alone: put back what was changed by hand`,
    );
  }
}

export function requireSettings(name: string): ClusterSettings {
  const settings = readSettings(name);
  if (settings) return settings;
  const others = clusterNames();
  const known = others.length > 0 ? `there is ${others.join(', ')} (--name)` : 'podlan up starts one';
  throw new UserError(`there is no cluster '${name}' on this machine; ${known}`, 3);
}

/** Written whole or not at all, and on the disk: from here on there is a cluster of that name. */
export function writeSettings(settings: ClusterSettings): void {
  mkdirSync(settings.stateDir, { recursive: true, mode: 0o700 });
  const file = settingsFile(settings.name);
  writeFileSync(`${file}.new`, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

/** Clusters of this machine that have settings. */
export function clusterNames(): string[] {
  if (!existsSync(stateRoot)) return [];
  return readdirSync(stateRoot).filter((name) => existsSync(settingsFile(name)));
}

type Directories = Pick<ClusterSettings, 'name' | 'stateDir' | 'runDir'>;
// The settings' name from the moment in which there is no cluster any more until its last file is gone.
const removedFile = (name: string): string => `${settingsFile(name)}.removed`;

/** Removes the cluster's directories, and the roots when it was the last. Cut off in between, finishRemoval goes on. */
export function removeState(directories: Directories): void {
  const { name, stateDir, runDir } = directories;
  if (existsSync(settingsFile(name))) renameSync(settingsFile(name), removedFile(name));
  removeDirectory(runDir);
  removeDirectory(stateDir, removedFile(name));
  for (const root of [stateRoot, runRoot]) {
    if (existsSync(root) && readdirSync(root).length === 0) rmSync(root, { recursive: true, force: true });
  }
}

const directoriesOf = (name: string): Directories => ({ name, stateDir: stateDirOf(name), runDir: runDirOf(name) });

/** What a `down` that was cut off has left to do. */
export function finishRemoval(name: string): void {
  if (existsSync(removedFile(name))) removeState(directoriesOf(name));
}

/** Files of a cluster that has no settings: its `up` was cut off before there was a cluster, or its `down` after. */
export function removeLeftovers(name: string): boolean {
  const directories = directoriesOf(name);
  const found = existsSync(directories.stateDir) || existsSync(directories.runDir);
  removeState(directories);
  return found;
}

/** A directory that somebody mounted a disk on is emptied, and stays: the mount is not ours. */
function removeDirectory(dir: string, last?: string): void {
  if (!existsSync(dir)) return;
  for (const path of readdirSync(dir).map((entry) => join(dir, entry))) {
    if (path !== last) rmSync(path, { recursive: true, force: true });
  }
  if (last !== undefined) rmSync(last, { force: true });
  try {
    rmdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
  }
}

// A pid is reused; pid and start time together are one process. Field 22 of /proc/<pid>/stat, counted after the
// command's closing parenthesis because a command may hold spaces and parentheses (proc(5)).
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie is dead already: only its parent has not looked yet.
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

const pidFile = (settings: Pick<ClusterSettings, 'runDir'>, who: string): string => join(settings.runDir, `${who}.pid`);

/** Notes that process pid is the cluster's `who` (server or a node's name). */
export function writePid(settings: ClusterSettings, who: string, pid: number): void {
  mkdirSync(settings.runDir, { recursive: true, mode: 0o700 });
  writeFileSync(pidFile(settings, who), `${pid} ${startTime(pid) ?? 'gone'}\n`);
}

export function removePid(settings: Pick<ClusterSettings, 'runDir'>, who: string): void {
  rmSync(pidFile(settings, who), { force: true });
}

/** pid of the cluster's `who` if that very process still runs. */
export function runningPid(settings: Pick<ClusterSettings, 'runDir'>, who: string): number | undefined {
  try {
    const [pid, started] = readFileSync(pidFile(settings, who), 'utf8').trim().split(' ');
    return pid !== undefined && started !== undefined && startTime(Number(pid)) === started ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

export interface ClusterProcess {
  /** server or a node's name. */
  readonly who: string;
  readonly pid: number;
}

/** The arguments of the cluster's `who`, by which processesOf finds it again. */
export const processArguments = (name: string, who: string): string[] =>
  who === 'server' ? ['server', settingsFile(name)] : ['node-process', who, settingsFile(name)];

/** Everybody of the cluster that runs, by what the kernel says: an `up` that is killed may leave a process without a pid file. */
export function processesOf(name: string): ClusterProcess[] {
  return commandLines().flatMap(({ pid, words }) => {
    if (words.at(-1) !== settingsFile(name)) return [];
    if (words.at(-2) === 'server') return [{ who: 'server', pid }];
    return words.at(-3) === 'node-process' ? [{ who: words.at(-2) ?? '', pid }] : [];
  });
}

/** conmon processes that watch containers whose files lie below this directory: their command lines name it. */
export const conmonsOf = (dir: string): number[] =>
  commandLines()
    .filter(({ words }) => words[0]?.endsWith('conmon') && words.some((word) => word.startsWith(`${dir}/`)))
    .map(({ pid }) => pid);

/** Every process of the machine, with the words that it was started with. */
function commandLines(): { pid: number; words: string[] }[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.map((pid) => ({ pid: Number(pid), words: commandOf(Number(pid)) }));
}

/** The words of a command line; none for a process that has ended (a zombie too). */
function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/** Gives a pid file to every process that runs without one. */
export function adoptProcesses(settings: ClusterSettings): void {
  for (const { who, pid } of processesOf(settings.name)) {
    if (runningPid(settings, who) === undefined) writePid(settings, who, pid);
  }
}

// A node that was stopped or killed on purpose stays so until `node start`, a `down` or a reboot (runDir goes with it).
const downFile = (settings: Pick<ClusterSettings, 'runDir'>, who: string): string =>
  join(settings.runDir, `${who}.down`);

export const isDown = (settings: Pick<ClusterSettings, 'runDir'>, who: string): boolean =>
  existsSync(downFile(settings, who));

export function markDown(settings: ClusterSettings, who: string, down: boolean): void {
  if (down) writeFileSync(downFile(settings, who), '');
  else rmSync(downFile(settings, who), { force: true });
}

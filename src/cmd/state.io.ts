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

/** Written whole or not at all: a crash leaves the old file or none. */
export function writeSettings(settings: ClusterSettings): void {
  mkdirSync(settings.stateDir, { recursive: true, mode: 0o700 });
  const file = settingsFile(settings.name);
  writeFileSync(`${file}.new`, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Clusters of this machine that have settings. */
export function clusterNames(): string[] {
  if (!existsSync(stateRoot)) return [];
  return readdirSync(stateRoot).filter((name) => existsSync(settingsFile(name)));
}

/** Removes the cluster's directories, and the roots when it was the last. */
export function removeState(settings: Pick<ClusterSettings, 'stateDir' | 'runDir'>): void {
  removeDirectory(settings.stateDir);
  removeDirectory(settings.runDir);
  for (const root of [stateRoot, runRoot]) {
    if (existsSync(root) && readdirSync(root).length === 0) rmSync(root, { recursive: true, force: true });
  }
}

/** A directory that somebody mounted a disk on is emptied, and stays: the mount is not ours. */
function removeDirectory(dir: string): void {
  if (!existsSync(dir)) return;
  for (const entry of readdirSync(dir)) rmSync(join(dir, entry), { recursive: true, force: true });
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

function runningOf(file: string): number | undefined {
  try {
    const [pid, started] = readFileSync(file, 'utf8').trim().split(' ');
    return pid !== undefined && started !== undefined && startTime(Number(pid)) === started ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

/** pid of the cluster's `who` if that very process still runs. */
export const runningPid = (settings: Pick<ClusterSettings, 'runDir'>, who: string): number | undefined =>
  runningOf(pidFile(settings, who));

/** Everybody of the cluster that runs: server, node-1, ... -> pid. */
export function runningProcesses(settings: Pick<ClusterSettings, 'runDir'>): Map<string, number> {
  const running = new Map<string, number>();
  if (!existsSync(settings.runDir)) return running;
  for (const file of readdirSync(settings.runDir)) {
    if (!file.endsWith('.pid')) continue;
    const pid = runningOf(join(settings.runDir, file));
    if (pid !== undefined) running.set(file.slice(0, -'.pid'.length), pid);
  }
  return running;
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

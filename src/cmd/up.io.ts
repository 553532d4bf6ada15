// podlan up: from nothing, or from whatever is there, to a cluster whose workloads are ready.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterSettings } from '../api/cluster.ts';
import type { Cache } from '../client/types.ts';
import { UserError } from '../cli/errors.ts';
import { hints, reachable, type Reach } from '../cli/hints.ts';
import { readManifests, type Manifest, type ManifestFile } from '../cli/manifests.ts';
import { seconds } from '../cli/progress.ts';
import { applyManifests, type Applied } from './apply.io.ts';
import { connectCluster, type Connection } from './connect.io.ts';
import { createCluster } from './create.io.ts';
import { writeKubeconfig } from './kubeconfig.io.ts';
import { withLock } from './lock.io.ts';
import { openProgress, type Progress } from './progress.io.ts';
import { startProcess } from './start.io.ts';
import {
  adoptProcesses,
  finishRemoval,
  isDown,
  kubeconfigFile,
  logFile,
  readSettings,
  runningPid,
} from './state.io.ts';
import { waitForNodes, waitForWorkloads } from './wait.io.ts';

export interface UpOptions {
  readonly name: string;
  /** undefined: 3 for a new cluster, what it has for an old one. */
  readonly nodes?: number;
  readonly port?: number;
  readonly files: readonly string[];
  readonly mergeKubeconfig: boolean;
  readonly timeoutSeconds: number;
  readonly output: 'text' | 'json';
  /** How the user called podlan. */
  readonly command: string;
}

export async function up(options: UpOptions): Promise<number> {
  const sinceMs = performance.now();
  // Before anything is started: what is wrong with the manifests stops here.
  const manifests = readManifests(options.files.flatMap(readFiles));
  return withLock(options.name, 'up', async () => {
    const progress = openProgress(process.stderr, false);
    let connection: Connection | undefined;
    try {
      const { settings, changed } = await ensureRunning(options, progress);
      connection = connectCluster(settings, ['Node', 'Pod', 'Service', 'Deployment', 'ReplicaSet', 'StatefulSet']);
      const deadlineMs = performance.now() + options.timeoutSeconds * 1000;
      const cache = await connection.cache();
      await waitForNodes(settings, cache, deadlineMs, progress);
      const applied = await applyManifests(connection.client, manifests, progress);
      await waitForWorkloads(cache, applied, deadlineMs, progress);
      progress.close();
      const anything = changed || applied.some((a) => a.result !== 'unchanged');
      report(options, settings, cache, applied, anything, performance.now() - sinceMs);
      return 0;
    } finally {
      progress.close();
      connection?.close();
    }
  });
}

function readFiles(path: string): ManifestFile[] {
  if (path === '-') return [{ path, text: readFileSync(0, 'utf8') }];
  if (!existsSync(path)) throw new UserError(`-f ${path}: there is no such file or directory`);
  if (!statSync(path).isDirectory()) return [{ path, text: readFileSync(path, 'utf8') }];
  const inside = readdirSync(path)
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .sort();
  if (inside.length === 0) throw new UserError(`-f ${path}: no .yaml, .yml or .json file in this directory`);
  return inside.map((name) => ({ path: join(path, name), text: readFileSync(join(path, name), 'utf8') }));
}

/** Creates the cluster if there is none; starts those of its processes that do not run. */
async function ensureRunning(
  options: UpOptions,
  progress: Progress,
): Promise<{ settings: ClusterSettings; changed: boolean }> {
  finishRemoval(options.name);
  const old = readSettings(options.name);
  if (old) {
    refuseChanges(old, options);
    adoptProcesses(old);
  }
  const settings = old ?? (await createCluster({ name: options.name, nodes: options.nodes ?? 3, port: options.port }));
  const names = ['server', ...settings.nodes.map((node) => node.name)];
  const missing = names.filter((who) => runningPid(settings, who) === undefined && !isDown(settings, who));
  writeKubeconfig(settings, options.mergeKubeconfig);
  await startAll(settings, missing, options.timeoutSeconds, progress);
  return { settings, changed: missing.length > 0 };
}

/** Starts processes side by side; when one cannot start, the others end too, and its reason is the error. */
async function startAll(
  settings: ClusterSettings,
  names: readonly string[],
  timeoutSeconds: number,
  progress: Progress,
): Promise<void> {
  const abort = new AbortController();
  let reason: Error | undefined;
  const starting = new Set(names);
  const late = setTimeout(() => {
    const logs = [...starting].map((who) => `${who} (its log: ${logFile(settings, who)})`).join(', ');
    reason ??= new UserError(`not started within ${timeoutSeconds} s: ${logs}`, 5);
    abort.abort();
  }, timeoutSeconds * 1000);
  await Promise.all(
    names.map(async (who) => {
      progress.set(who, 'working', 'starting');
      try {
        await startProcess(settings, who, abort.signal);
        starting.delete(who);
        if (who === 'server') progress.set(who, 'done', `https://127.0.0.1:${settings.apiPort}`);
        else progress.set(who, 'working', 'registering');
      } catch (error) {
        progress.set(who, 'failed', reason ? `ended, because ${reason.message}` : (error as Error).message);
        reason ??= error as Error;
        abort.abort();
      }
    }),
  );
  clearTimeout(late);
  if (reason) throw reason;
}

function refuseChanges(old: ClusterSettings, options: UpOptions): void {
  const again = `podlan down --name ${old.name}, then up again, makes a new one`;
  if (options.nodes !== undefined && options.nodes !== old.nodes.length) {
    throw new UserError(`cluster '${old.name}' has ${old.nodes.length} nodes, not ${options.nodes}; ${again}`);
  }
  if (options.port !== undefined && options.port !== old.apiPort) {
    throw new UserError(`cluster '${old.name}' listens on port ${old.apiPort}, not ${options.port}; ${again}`);
  }
}

function report(
  options: UpOptions,
  settings: ClusterSettings,
  cache: Cache,
  applied: readonly Applied[],
  changed: boolean,
  tookMs: number,
): void {
  const applicable = applied.map((a) => a.manifest.object.metadata.namespace);
  const reach: Reach[] = reachable(
    cache.list('Service').filter((s) => applied.length === 0 || applicable.includes(s.metadata.namespace)),
    cache.list('Node'),
    settings.clusterDomain,
  );
  const file = kubeconfigFile(settings);
  if (options.output === 'json') {
    const objects = applied.map(({ manifest, result }) => ({ kind: manifest.kind, ...nameOf(manifest), result }));
    const data = {
      name: settings.name,
      changed,
      server: `https://127.0.0.1:${settings.apiPort}`,
      kubeconfig: file,
      nodes: settings.nodes,
      applied: objects,
      services: reach,
    };
    process.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
    return;
  }
  const what = changed
    ? `cluster '${settings.name}' is ready (${seconds(tookMs)})`
    : `cluster '${settings.name}' is already running; nothing was changed`;
  const stopped = settings.nodes.filter((node) => isDown(settings, node.name)).map((node) => node.name);
  const note = stopped.length > 0 ? [`stopped: ${stopped.join(', ')} (${options.command} node start NAME)`] : [];
  const pods = cache.list('Pod');
  const lines = hints({ kubeconfig: file, reach, pods, command: options.command, cluster: settings.name });
  process.stdout.write(`${[what, ...note, ...lines].join('\n')}\n`);
}

const nameOf = (manifest: Manifest): { namespace?: string; name: string } => ({
  name: manifest.object.metadata.name,
  ...(manifest.object.metadata.namespace ? { namespace: manifest.object.metadata.namespace } : {}),
});

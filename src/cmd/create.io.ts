// A new cluster's settings: names, address ranges that meet nothing of this machine, a free port.
import { createServer } from 'node:net';
import type { ClusterSettings } from '../api/cluster.ts';
import { defaultTimeouts } from '../api/cluster.ts';
import { UserError } from '../cli/errors.ts';
import { withLockWaiting } from './lock.io.ts';
import { clusterNames, readSettings, runDirOf, stateDirOf, writeSettings } from './state.io.ts';
import { chooseRanges } from '../network/ranges.io.ts';

export interface NewCluster {
  readonly name: string;
  readonly nodes: number;
  /** undefined: the first free one from 6443. */
  readonly port?: number;
}

/** Chooses and writes the settings, and the certificates with them. */
export function createCluster(wanted: NewCluster): Promise<ClusterSettings> {
  // Two clusters that start at once must not choose the same slot or port.
  return withLockWaiting('machine', `up --name ${wanted.name}`, 10_000, async () => {
    const others = clusterNames()
      .map((name) => readSettings(name))
      .filter((settings) => settings !== undefined);
    const ranges = chooseRanges(others.map((settings) => settings.slot));
    const taken = new Set(others.map((settings) => settings.apiPort));
    const settings: ClusterSettings = {
      name: wanted.name,
      ...ranges,
      nodePodPrefix: 24,
      clusterDomain: 'cluster.local',
      apiPort: wanted.port ?? (await freePort(6443, taken)),
      nodePorts: { from: 30_000, to: 32_767 },
      timeouts: defaultTimeouts,
      stateDir: stateDirOf(wanted.name),
      runDir: runDirOf(wanted.name),
      nodes: Array.from({ length: wanted.nodes }, (_, i) => ({
        name: `node-${i + 1}`,
        index: i + 1,
        ip: ranges.hostIp.replace(/\.\d+$/, `.${11 + i}`),
      })),
    };
    if (!(await isFree(settings.apiPort))) {
      throw new UserError(`port ${settings.apiPort} on 127.0.0.1 is in use; choose another with --port`);
    }
    await (await import('./pki.io.ts')).makePki(settings);
    // Last: who finds settings finds a cluster that can start.
    writeSettings(settings);
    return settings;
  });
}

async function freePort(from: number, taken: ReadonlySet<number>): Promise<number> {
  for (let port = from; port < from + 100; port += 1) if (!taken.has(port) && (await isFree(port))) return port;
  throw new UserError(`no free port from ${from} to ${from + 99} on 127.0.0.1; choose one with --port`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}

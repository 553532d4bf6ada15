// The host's settings, kept while any cluster is there and put back with the last one.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ClusterSettings } from '../api/cluster.ts';
import type { Log } from '../client/types.ts';
import { runInNetns, shareNetnsDir, unshareNetnsDir } from '../linux/net/netns.io.ts';
import { listSysctls, readSysctl, setSysctls } from '../linux/net/sysctl.io.ts';
import type { Nft } from '../linux/nft/nft.ts';
import { openNft } from '../linux/nft/nft.io.ts';
import {
  bridgeSysctls,
  droppingForwardChains,
  type HostRecord,
  hostRuleset,
  hostRulesetGone,
  hostTable,
  IP_FORWARD,
  joined,
  left,
} from './host.ts';

/** Beside the clusters' own run directories. */
const recordPath = (settings: ClusterSettings): string => join(dirname(settings.runDir), 'sysctl.json');

function readRecord(settings: ClusterSettings): HostRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(settings), 'utf8')) as HostRecord;
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${recordPath(settings)} cannot be read; it holds the host's settings before podlan`, { cause: e });
  }
}

function writeRecord(settings: ClusterSettings, record: HostRecord): void {
  const path = recordPath(settings);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

/** Setting ip_forward sets it for every interface, so each one's own value is remembered too. */
function forwardingNow(): Record<string, string> {
  const names = [IP_FORWARD, ...listSysctls('net/ipv4/conf').map((dev) => `net/ipv4/conf/${dev}/forwarding`)];
  return Object.fromEntries(
    names.flatMap((name) => [[name, readSysctl(name)]]).filter(([, value]) => value !== undefined),
  );
}

/** Before a cluster's first link: what the host was is saved, then it forwards. Call it under the lock, in the host's netns. */
export function claimHost(settings: ClusterSettings): void {
  const record = readRecord(settings) ?? { clusters: [], before: forwardingNow(), netnsDir: shareNetnsDir() };
  const next = joined(record, settings.name);
  if (next !== record) writeRecord(settings, next);
  setSysctls({ [IP_FORWARD]: '1' });
}

/** Once its bridge is there. In the host's netns. */
export function finishHost(settings: ClusterSettings, ports: readonly string[]): void {
  setSysctls(bridgeSysctls(settings.bridge, ports));
  const nft = openNft();
  try {
    nft.run(hostRuleset(settings));
  } finally {
    nft.close();
  }
}

/** What others take away now and then: a firewall's reload flushes all tables, `sysctl --system` stops forwarding. */
export function holdHost(hostFd: number, settings: ClusterSettings, nft: Nft): void {
  runInNetns(hostFd, () => setSysctls({ [IP_FORWARD]: '1' }));
  if (nft.list(hostTable(settings.name)).length === 0) nft.run(hostRuleset(settings));
}

/** The cluster is going: its table goes, and with the last cluster the host is as it was. Under the lock, in the host's netns. */
export function releaseHost(settings: ClusterSettings): void {
  const nft = openNft();
  try {
    nft.run(hostRulesetGone(settings.name));
  } finally {
    nft.close();
  }
  const record = readRecord(settings);
  if (!record) return;
  const next = left(record, settings.name);
  if (next.clusters.length > 0) return writeRecord(settings, next);
  // ip_forward first: it overwrites the interfaces' own.
  const { [IP_FORWARD]: ipForward, ...interfaces } = record.before;
  if (ipForward !== undefined) setSysctls({ [IP_FORWARD]: ipForward });
  setSysctls(interfaces);
  unshareNetnsDir(record.netnsDir);
  rmSync(recordPath(settings), { force: true });
  removeIfEmpty(dirname(recordPath(settings)));
}

/** The run directory of all clusters goes with the last of them, unless a process still has its files there. */
function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (e) {
    if (!['ENOENT', 'ENOTEMPTY'].includes((e as NodeJS.ErrnoException).code ?? '')) throw e;
  }
}

/**
 * Says once, clearly, when somebody else's firewall drops what pods send to the outside. It is not changed: whoever set it
 * shall decide.
 */
export function warnOfFirewall(hostFd: number, settings: ClusterSettings, log: Log): void {
  // The child is forked within this call, so it is born in the host's namespace.
  const child = runInNetns(hostFd, () =>
    execFile('nft', ['list', 'chains'], { encoding: 'utf8' }, (error, stdout) => {
      if (error) return log('debug', `nft list chains: ${error.message}`);
      const tables = droppingForwardChains(stdout);
      if (tables.length === 0) return;
      log(
        'warn',
        `the host's firewall (table ${tables.join(', table ')}) drops forwarded packets by default: pods may not reach the ` +
          `outside; allow interface ${settings.bridge} in it`,
      );
    }),
  );
  child.unref();
}

// The cluster's DNS on one node: a watch cache of Services, EndpointSlices and Namespaces, answered on the cluster DNS address.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterSettings } from '../../api/cluster.ts';
import type { Cache, Log } from '../../client/types.ts';
import { createForwarder, type ForwardCounters } from './forward.io.ts';
import { type DnsCounters, type DnsServer, serveDns, type ServeOptions } from './server.io.ts';
import { createZone, zoneKinds } from './zone.ts';

export type { DnsCounters, ForwardCounters };

export interface DnsOptions {
  readonly settings: ClusterSettings;
  /** Must hold zoneKinds. */
  readonly cache: Cache;
  readonly log: Log;
  /** Runs `make` in the host's network namespace, synchronously. */
  readonly inHostNetns: <T>(make: () => T) => T;
  /** /etc/resolv.conf of the host, unless a test has its own. */
  readonly resolvConf?: string;
  /** settings.dnsIp and port 53, unless a test has its own. */
  readonly listen?: { readonly ip: string; readonly port: number };
}

export interface Dns {
  readonly port: number;
  counters(): DnsCounters & { upstream: ForwardCounters };
  close(): Promise<void>;
}

const ADDRESS_WARN_MS = 5_000;
const ADDRESS_POLL_MS = 20;

/** Resolves when the cache is complete and both sockets are open: before that, a name would seem not to exist. */
export async function startDns(o: DnsOptions): Promise<Dns> {
  const { settings, cache } = o;
  const zone = createZone({
    domain: settings.clusterDomain,
    dnsIp: settings.dnsIp,
    podNetworks: [settings.podNetwork, settings.nodeNetwork],
    privateNetworks: [settings.podNetwork, settings.serviceNetwork, settings.nodeNetwork],
  });
  const unsubscribe = cache.onChange((change) => zone.apply(change));
  await cache.synced;
  for (const kind of zoneKinds) for (const object of cache.list(kind)) zone.apply({ kind, type: 'added', object });
  const forwarder = createForwarder({
    own: [settings.dnsIp],
    inHostNetns: o.inHostNetns,
    readResolvConf: () => readText(o.resolvConf ?? '/etc/resolv.conf'),
  });
  const listen = o.listen ?? { ip: settings.dnsIp, port: 53 };
  const server = await listenWhenAddressIsThere({ zone, forwarder, listen }, o.log);
  o.log('info', `dns: answering ${settings.clusterDomain} on ${listen.ip}:${server.port}`);
  return {
    port: server.port,
    counters: () => structuredClone({ ...server.counters, upstream: forwarder.counters }),
    async close() {
      unsubscribe();
      forwarder.close();
      await server.close();
    },
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The node's network is set up at the same time by somebody else: the address may come a moment later. */
async function listenWhenAddressIsThere(o: ServeOptions, log: Log): Promise<DnsServer> {
  const where = `${o.listen.ip}:${o.listen.port}`;
  const warnAtMs = performance.now() + ADDRESS_WARN_MS;
  let warned = false;
  for (;;) {
    try {
      return await serveDns(o);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'EADDRNOTAVAIL') {
        throw new Error(`cannot listen on ${where}: ${code ?? String(error)}`, { cause: error });
      }
      if (!warned && performance.now() > warnAtMs) {
        warned = true;
        log('warn', `dns: still waiting for ${o.listen.ip} to be an address of this node`);
      }
      await sleep(ADDRESS_POLL_MS);
    }
  }
}

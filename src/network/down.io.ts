// Takes apart what node.io.ts and the agents made. Nothing here needs to have been made: what is not there is passed over.
import type { ClusterSettings, NodeSettings } from '../api/cluster.ts';
import { nodeNetns } from '../api/cluster.ts';
import { openNet } from '../linux/net/net.io.ts';
import type { Net } from '../linux/net/net.ts';
import { isNetError } from '../linux/net/net.ts';
import { deleteNetns, listNetns, openNetns, runInNetns, withNetnsLock } from '../linux/net/netns.io.ts';
import { openNft } from '../linux/nft/nft.io.ts';
import { closeSync } from 'node:fs';
import { hostTable } from './host.ts';
import { releaseHost } from './host.io.ts';
import type { NodeOptions } from './node.io.ts';
import { clusterLinks, clusterRoutes, nodeVethName } from './podnet/podnet.ts';

function withHost<T>(options: NodeOptions, fn: (host: Net, fd: number) => T): T {
  const fd = openNetns(options.hostNetns);
  try {
    const host = openNet(fd);
    try {
      return fn(host, fd);
    } finally {
      host.close();
    }
  } finally {
    closeSync(fd);
  }
}

function deleteLink(host: Net, name: string): void {
  try {
    host.run({ op: 'link-del', name });
  } catch (e) {
    if (!isNetError(e, 'ENODEV')) throw e;
  }
}

/** Deletes the namespaces whose names start so: pods' before their node's. */
function deleteBelow(prefix: string): void {
  for (const name of listNetns().toReversed()) if (name.startsWith(prefix)) deleteNetns(name);
}

/** One node's namespaces and its link to the host. Its processes must have ended: they would keep the namespace alive. */
export function removeNode(settings: ClusterSettings, node: NodeSettings, options: NodeOptions = {}): void {
  withNetnsLock(() => {
    // The link is deleted by name, at once; a namespace is taken apart by the kernel some time later.
    withHost(options, (host) => deleteLink(host, nodeVethName(settings.slot, node.index)));
    deleteBelow(`${nodeNetns(settings.name, node.name)}.`);
    deleteNetns(nodeNetns(settings.name, node.name));
  });
}

/** All of the cluster's network; with the machine's last cluster the host's settings are put back. */
export function removeCluster(settings: ClusterSettings, options: NodeOptions = {}): void {
  withNetnsLock(() => {
    withHost(options, (host, fd) => {
      const seen = host.see();
      // Not every route goes with the bridge: the one that leads nowhere has no device.
      for (const route of clusterRoutes(settings, seen)) host.run({ op: 'route-del', ...route });
      for (const link of clusterLinks(settings, seen)) deleteLink(host, link.name);
      deleteBelow(`${settings.name}.`);
      runInNetns(fd, () => releaseHost(settings));
    });
  });
}

/** What of the cluster is still there, each in words. */
export function residue(settings: ClusterSettings, options: NodeOptions = {}): string[] {
  return withHost(options, (host, fd) => {
    const seen = host.see();
    const nft = runInNetns(fd, openNft);
    try {
      return [
        ...listNetns()
          .filter((name) => name.startsWith(`${settings.name}.`))
          .map((name) => `netns ${name}`),
        ...clusterLinks(settings, seen).map((link) => `link ${link.name}`),
        ...clusterRoutes(settings, seen).map((route) => `route ${route.to}`),
        ...nft.list(hostTable(settings.name)).map((table) => `nft table ${table.family} ${table.name}`),
      ];
    } finally {
      nft.close();
    }
  });
}

// A node's network namespace: made, or repaired, or found as it should be; then the process moves into it.
import type { ClusterSettings, NodeSettings } from '../api/cluster.ts';
import { nodeNetns } from '../api/cluster.ts';
import { diff } from '../linux/net/diff.ts';
import type { Net } from '../linux/net/net.ts';
import { openNet } from '../linux/net/net.io.ts';
import { createNetns, enterNetns, openNetns, runInNetns, withNetnsLock } from '../linux/net/netns.io.ts';
import { setSysctls } from '../linux/net/sysctl.io.ts';
import { claimHost, finishHost } from './host.io.ts';
import {
  hostBase,
  NODE_SYSCTLS,
  NODE_UPLINK_SYSCTLS,
  nodeBase,
  nodeVethName,
  uplinkMtu,
  unpaired,
} from './podnet/podnet.ts';

/** The two namespaces that a node process works in. */
export interface EnteredNode {
  /** Descriptor of the host's namespace; stays open, and serves every thread of the process. */
  readonly fd: number;
  /** Runs fn, which is synchronous, with the calling thread in the host's namespace. */
  run<T>(fn: () => T): T;
  /** Name of the node's own namespace in /run/netns. */
  readonly netns: string;
}

export interface NodeOptions {
  /** Namespace that counts as the host. Default: the calling thread's own. */
  readonly hostNetns?: string;
}

/** Makes the node's network, or what is missing of it. Nodes that start together do it one after the other. */
export function makeNode(settings: ClusterSettings, node: NodeSettings, options: NodeOptions = {}): EnteredNode {
  const fd = openNetns(options.hostNetns);
  const netns = nodeNetns(settings.name, node.name);
  withNetnsLock(() => {
    runInNetns(fd, () => claimHost(settings));
    createNetns(netns);
    // Before there is a link in it: new links take the defaults.
    runInNetns(netns, () => setSysctls(NODE_SYSCTLS));
    const nets: Net[] = [];
    try {
      const host = openNet(fd);
      nets.push(host);
      const inside = openNet(netns);
      nets.push(inside);
      connect(settings, node, host, inside);
    } finally {
      for (const net of nets) net.close();
    }
    runInNetns(netns, () => setSysctls(NODE_UPLINK_SYSCTLS));
    runInNetns(fd, () => finishHost(settings, [nodeVethName(settings.slot, node.index)]));
  });
  return { fd, run: (fn) => runInNetns(fd, fn), netns };
}

function connect(settings: ClusterSettings, node: NodeSettings, host: Net, inside: Net): void {
  const seen = host.see();
  const broken = unpaired(settings, node, seen, inside.see());
  for (const op of broken.host) host.run(op);
  for (const op of broken.node) inside.run(op);
  for (const op of diff(hostBase(settings, node, uplinkMtu(seen)), host.see())) host.run(op);
  const now = inside.see();
  const base = nodeBase(settings, node);
  // Ways to pods and other nodes are the agent's; they stay as they are until it looks.
  const places = new Set((base.routes ?? []).map((route) => route.to));
  const routes = now.routes.filter((route) => places.has(route.to));
  for (const op of diff(base, { ...now, routes })) inside.run(op);
}

/** makeNode, and then the calling thread moves into the node's namespace for good. */
export function enterNode(settings: ClusterSettings, node: NodeSettings, options: NodeOptions = {}): EnteredNode {
  const made = makeNode(settings, node, options);
  enterNetns(made.netns);
  return made;
}

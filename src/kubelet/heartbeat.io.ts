// The node's own word: its Node object, and a Lease that says "alive" every leaseRenewMs.
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { rfc3339Micro } from '../api/time.ts';
import { isAlreadyExists, isNotFound } from '../api/status.ts';
import type { Node } from '../api/types.ts';
import type { NodeContext } from './node.io.ts';
import { newNode, nodeLabels, nodeStatus, notReady, ready, sameNodeStatus } from './nodestatus.ts';
import type { MachineFacts, Readiness } from './nodestatus.ts';

/** Unchanged, the status is sent this often all the same. */
const REPORT_MS = 300_000;
/** The network says nothing when it becomes ready: until then it is asked this often. */
const NETWORK_POLL_MS = 10;
const LEASE_NAMESPACE = 'kube-node-lease';

export interface Heartbeat {
  /** The node goes down in order: no new pods. Resolves when the API knows, or cannot be asked. */
  shutdown(): Promise<void>;
  stop(): void;
}

function readFacts(node: NodeContext): MachineFacts {
  const { blocks, bsize } = statfsSync(node.dir);
  const version = execFileSync('runc', ['--version'], { encoding: 'utf8' });
  return {
    ...node.machine,
    diskBytes: blocks * bsize,
    runcVersion: /version\s+(\d+\.\d+\.\d+)/.exec(version)?.[1] ?? 'unknown',
  };
}

export function startHeartbeat(node: NodeContext, isReady: () => boolean, becameReady: () => void): Heartbeat {
  const { client, cache, env, settings } = node;
  const { name } = node.node;
  const facts = readFacts(node);
  let stopped = false;
  let down = false;
  let wasReady = false;
  let reportedMs = 0;
  let reporting: Promise<void> | undefined;
  let again = false;
  const cancels = new Map<string, () => void>();
  const later = (what: string, delayMs: number, work: () => void): void => {
    if (!stopped) cancels.set(what, env.after(delayMs, work));
  };

  const readiness = (): Readiness => {
    if (down) return notReady('node is shutting down');
    return isReady() ? ready : notReady('the network of the node is not set up yet');
  };
  const startedMs = env.nowMs();
  // This process starts anew on a node that the cluster knows: its pods run on, and to call it not ready for the moment
  // that its network takes would have them evicted. The Lease says meanwhile whether it lives.
  const comesBack = (): boolean => !isReady() && !down && env.nowMs() - startedMs < settings.timeouts.nodeGraceMs;
  const reportOnce = async (): Promise<void> => {
    const known = cache.get('Node', undefined, name);
    if (known && comesBack()) return later('report', settings.timeouts.nodeGraceMs, () => void report());
    const object = known ?? (await register());
    const status = nodeStatus(object.status, node.node, facts, readiness(), env.nowMs());
    if (sameNodeStatus(object.status, status) && env.nowMs() - reportedMs < REPORT_MS) return;
    const answer = await client.patch('Node', { name }, 'merge', { status }, 'status');
    reportedMs = env.nowMs();
    cache.observe('Node', answer);
  };
  const register = async (): Promise<Node> => {
    try {
      const made = await client.create('Node', newNode(node.node, facts, env.nowMs()));
      cache.observe('Node', made);
      return made;
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
      const labels = nodeLabels(node.node, facts);
      const found = await client.patch('Node', { name }, 'merge', { metadata: { labels } });
      cache.observe('Node', found);
      return found;
    }
  };
  /** One at a time; what happens meanwhile is one more. */
  const report = (): Promise<void> => {
    if (reporting) {
      again = true;
      return reporting;
    }
    reporting = reportOnce()
      .catch((e: unknown) => {
        env.log('warn', `node status: ${String(e)}`);
        later('report', 500, () => void report());
      })
      .finally(() => {
        reporting = undefined;
        if (again && !stopped) {
          again = false;
          void report();
        }
      });
    return reporting;
  };

  const renew = async (): Promise<void> => {
    const renewTime = rfc3339Micro(env.nowMs());
    const key = { namespace: LEASE_NAMESPACE, name };
    try {
      await client.patch('Lease', key, 'merge', { spec: { renewTime } }).catch(async (e: unknown) => {
        if (!isNotFound(e)) throw e;
        await client.create('Lease', {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { ...key },
          spec: {
            holderIdentity: name,
            leaseDurationSeconds: Math.max(1, Math.ceil(settings.timeouts.nodeGraceMs / 1000)),
            renewTime,
          },
        });
      });
    } catch (e) {
      env.log('debug', `lease: ${String(e)}`);
    }
    watchNetwork();
    later('lease', settings.timeouts.leaseRenewMs, () => void renew());
  };
  const watchNetwork = (): void => {
    const now = isReady();
    if (now !== wasReady) {
      wasReady = now;
      void report();
      becameReady();
    }
    if (!now) later('network', NETWORK_POLL_MS, watchNetwork);
  };

  const forgetListener = cache.onChange((change) => {
    // Another has changed it (the node was thought lost, its object deleted): say again how it is.
    if (change.kind === 'Node' && change.object.metadata.name === name && !stopped) void report();
  });
  void report();
  void renew();
  return {
    async shutdown() {
      down = true;
      await report();
      if (again) await report();
    },
    stop() {
      stopped = true;
      forgetListener();
      for (const cancel of cancels.values()) cancel();
    },
  };
}

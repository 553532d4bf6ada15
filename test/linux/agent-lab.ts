// A small machine of namespaces for the network agent: a 'host', nodes, and objects handed to them without a server.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterSettings, NodeSettings } from '../../src/api/cluster.ts';
import { nodeNetns } from '../../src/api/cluster.ts';
import { clusterSettings } from '../../src/api/testdata/cluster.ts';
import type { Kind, KindMap, KubeObject, NetworkPolicy, Node, Pod } from '../../src/api/types.ts';
import type { Cache, Client, Env, ObjectChange } from '../../src/client/types.ts';
import { createNetns, deleteNetns } from '../../src/linux/net/netns.io.ts';
import { openNft } from '../../src/linux/nft/nft.io.ts';
import { type NetworkAgent, startNetworkAgent } from '../../src/network/agent.io.ts';
import type { NftFactory } from '../../src/network/agent.ts';
import { removeCluster, residue } from '../../src/network/down.io.ts';
import { makeNode } from '../../src/network/node.io.ts';

let labs = 0;

export interface Lab {
  readonly settings: ClusterSettings;
  readonly hostNetns: string;
  readonly cache: LabCache;
  readonly log: string[];
  node(index: number): NodeSettings;
  start(index: number, o?: { podCidr?: string | undefined; nft?: NftFactory }): Promise<NetworkAgent>;
  /** Removes everything, and says what was still there. */
  end(): string[];
}

export function openLab(nodes: number): Lab {
  const name = `pltest${process.pid}x${++labs}`;
  const dir = mkdtempSync(join(tmpdir(), 'podlan-lab-'));
  const hostNetns = `${name}-host`;
  const settings: ClusterSettings = {
    ...clusterSettings,
    name,
    slot: 99,
    bridge: 'podlan99',
    nodeNetwork: '172.30.99.0/24',
    hostIp: '172.30.99.1',
    podNetwork: '10.99.0.0/16',
    serviceNetwork: '10.98.0.0/16',
    apiServiceIp: '10.98.0.1',
    dnsIp: '10.98.0.10',
    stateDir: join(dir, 'state'),
    runDir: join(dir, 'run', name),
    nodes: Array.from({ length: nodes }, (_, i) => ({
      name: `node-${i + 1}`,
      index: i + 1,
      ip: `172.30.99.${11 + i}`,
    })),
  };
  createNetns(hostNetns);
  const cache = new LabCache();
  const log: string[] = [];
  cache.put('Namespace', meta('Namespace', 'v1', 'default'));
  const agents: NetworkAgent[] = [];
  const node = (index: number): NodeSettings => {
    const found = settings.nodes[index - 1];
    if (!found) throw new Error(`the lab has no node ${index}`);
    return found;
  };
  return {
    settings,
    hostNetns,
    cache,
    log,
    node,
    async start(index, o = {}) {
      const entered = makeNode(settings, node(index), { hostNetns });
      const podCidr = 'podCidr' in o ? o.podCidr : `10.99.${index}.0/24`;
      cache.put('Node', nodeObject(node(index), podCidr));
      const client = {} as Client;
      const agent = await startNetworkAgent({
        settings,
        node: node(index),
        cache,
        client,
        env: labEnv(log),
        nft: o.nft ?? openNft,
        entered,
      });
      agents.push(agent);
      return agent;
    },
    end() {
      for (const agent of agents) void agent.stop();
      try {
        removeCluster(settings, { hostNetns });
        return residue(settings, { hostNetns });
      } finally {
        deleteNetns(hostNetns);
        rmSync(dir, { recursive: true, force: true });
      }
    },
  };
}

const labEnv = (log: string[]): Env => ({
  nowMs: () => Date.now(),
  random: () => Math.random(),
  uuid: () => crypto.randomUUID(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  log: (level, message, fields) => log.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
});

let revisions = 0;
export function meta(kind: Kind, apiVersion: string, name: string, namespace?: string): KubeObject {
  const metadata = { name, namespace, uid: crypto.randomUUID(), resourceVersion: `${++revisions}` };
  return { apiVersion, kind, metadata: { ...metadata, creationTimestamp: '2026-11-23T10:00:00Z' } };
}

export const nodeObject = (node: NodeSettings, podCIDR: string | undefined, ready = true): Node => ({
  ...meta('Node', 'v1', node.name),
  spec: podCIDR ? { podCIDR, podCIDRs: [podCIDR] } : {},
  status: {
    addresses: [{ type: 'InternalIP', address: node.ip }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});

export const podObject = (name: string, node: string, labels: Record<string, string> = {}): Pod => {
  const object = meta('Pod', 'v1', name, 'default');
  return {
    ...object,
    metadata: { ...object.metadata, labels },
    spec: { nodeName: node, containers: [{ name: 'c', image: 'host' }] },
    status: { phase: 'Pending' },
  };
};

/** A cache whose objects come by hand; refresh brings what the 'server' has and the watch has not brought yet. */
export class LabCache implements Cache {
  readonly synced = Promise.resolve();
  readonly #objects = new Map<string, KubeObject>();
  readonly #listeners = new Set<(change: ObjectChange) => void>();
  readonly refreshed: string[] = [];
  /** Objects that only refresh() brings. */
  readonly late: { kind: 'NetworkPolicy'; object: NetworkPolicy }[] = [];

  #key = (kind: Kind, namespace: string | undefined, name: string) => `${kind}/${namespace ?? ''}/${name}`;
  get<K extends Kind>(kind: K, namespace: string | undefined, name: string): KindMap[K] | undefined {
    return this.#objects.get(this.#key(kind, namespace, name)) as KindMap[K] | undefined;
  }
  list<K extends Kind>(kind: K, namespace?: string): readonly KindMap[K][] {
    const all = [...this.#objects.values()].filter((o) => o.kind === kind);
    return all.filter((o) => namespace === undefined || o.metadata.namespace === namespace) as unknown as KindMap[K][];
  }
  owned(): [] {
    return [];
  }
  podsOn(node: string): readonly Pod[] {
    return this.list('Pod').filter((pod) => pod.spec.nodeName === node);
  }
  put<K extends Kind>(kind: K, object: KindMap[K]): void {
    const key = this.#key(kind, object.metadata.namespace, object.metadata.name);
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const tell of this.#listeners) tell({ kind, type: old ? 'modified' : 'added', object, old });
  }
  remove(object: KubeObject): void {
    const kind = object.kind as Kind;
    this.#objects.delete(this.#key(kind, object.metadata.namespace, object.metadata.name));
    for (const tell of this.#listeners) tell({ kind, type: 'deleted', object, old: object });
  }
  onChange(listener: (change: ObjectChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  observe(): void {}
  async refresh(kind: Kind, namespace?: string): Promise<void> {
    this.refreshed.push(`${kind} ${namespace ?? ''}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    for (const { kind: late, object } of this.late.splice(0)) this.put(late, object);
  }
  close(): void {}
}

const inside = (netns: string, argv: readonly string[]): string[] => ['netns', 'exec', netns, ...argv];

/** Whether one packet from there to ip is answered. */
export function pings(netns: string, ip: string): boolean {
  try {
    execFileSync('ip', inside(netns, ['busybox', 'ping', '-c1', '-W1', ip]), { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

export function run(netns: string, ...argv: string[]): string {
  return execFileSync('ip', inside(netns, argv), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A TCP server that says whom it is speaking with; resolves when it listens. */
export async function whoServer(netns: string, port: number): Promise<{ stop(): void }> {
  const code = `require('net').createServer(s=>{s.on('error',()=>{});s.end(s.remoteAddress)}).listen(${port},()=>console.log('up'))`;
  const child = spawn('ip', inside(netns, [process.execPath, '-e', code]), { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', reject);
  });
  return { stop: () => void child.kill('SIGKILL') };
}

/** What the server at ip:port says, or the error's code. */
export function ask(netns: string, ip: string, port: number): string {
  const code = `const s=require('net').connect({host:'${ip}',port:${port},timeout:500});
    s.on('data',d=>process.stdout.write(d)).on('error',e=>process.stdout.write(e.code))
     .on('timeout',()=>{process.stdout.write('timeout');s.destroy()})`;
  return run(netns, process.execPath, '-e', code);
}

export const podName = (settings: ClusterSettings, node: string, pod: Pod): string =>
  `${nodeNetns(settings.name, node)}.${pod.metadata.uid}`;

/** Polls until it is true; fails with what it was waiting for. */
export async function until(what: string, condition: () => boolean, deadlineMs = 3_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

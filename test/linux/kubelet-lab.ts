// One node for tests: the real API server in this process, the real kubelet, runc and conmon, in network namespaces of its own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterSettings, NodeSettings } from '../../src/api/cluster.ts';
import { defaultTimeouts, nodeCgroup, nodeNetns, podNetns } from '../../src/api/cluster.ts';
import type { Draft, Event, Kind, KindMap, Pod } from '../../src/api/types.ts';
import { createApiServer } from '../../src/apiserver/server.ts';
import { createCache } from '../../src/client/cache.ts';
import { createClient } from '../../src/client/client.ts';
import type { Cache, Client } from '../../src/client/types.ts';
import { realEnv } from '../../src/cmd/env.io.ts';
import type { PodNetwork } from '../../src/kubelet/inputs.ts';
import { startKubelet } from '../../src/kubelet/kubelet.io.ts';
import { cgroupPids, removeCgroupTree, removeEmptyCgroup } from '../../src/linux/cgroup/cgroup.io.ts';
import { mountsBelow } from '../../src/linux/mount/mount.ts';
import { unmountBelow } from '../../src/linux/mount/mount.io.ts';
import { createNetns, deleteNetns, enterNetns, hasNetns, listNetns } from '../../src/linux/net/netns.io.ts';
import { execInContainer } from '../../src/linux/oci/exec.io.ts';
import { memoryStore } from '../../src/store/memory.ts';

type Kubelet = Awaited<ReturnType<typeof startKubelet>>;

const NODE_IP = '172.31.255.11';
const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });

export interface Lab {
  readonly settings: ClusterSettings;
  readonly client: Client;
  readonly cache: Cache;
  readonly network: PodNetwork & { readonly attachMs: number[] };
  readonly imagesDir: string;
  kubelet: Kubelet;
  /** What the kubelet logged as errors. */
  readonly errors: string[];
  create<K extends Kind>(
    kind: K,
    object: Partial<Draft<KindMap[K]>> & { metadata: { name: string } },
  ): Promise<KindMap[K]>;
  pod(name: string, spec: Partial<Pod['spec']>, meta?: Partial<Pod['metadata']>): Promise<Pod>;
  get(name: string): Pod | undefined;
  /** Resolves with the pod as soon as it is so. */
  until(name: string, what: (pod: Pod) => boolean | undefined, withinMs?: number): Promise<Pod>;
  gone(name: string, withinMs?: number): Promise<void>;
  events(name: string): Promise<Event[]>;
  log(name: string, container?: string): string;
  restart(): Promise<void>;
  /** Every process of the node's pods dies, conmon too, and its networks go: as when the node was killed. */
  cutPower(): Promise<void>;
  /** What this node has left in the kernel and on disk. */
  residue(): string[];
  close(): Promise<void>;
}

/** Runs until SIGTERM, and ends on it at once. */
export const STAY = 'trap "exit 0" TERM; busybox sleep 1000 & wait';
export const busybox = (script: string): string[] => ['busybox', 'sh', '-c', script];

export async function openLab(unique: string): Promise<Lab> {
  const dir = mkdtempSync(join(tmpdir(), `podlan-${unique}-`));
  const node: NodeSettings = { name: 'node-1', index: 1, ip: NODE_IP };
  const settings = labSettings(`podlan-${unique}-${process.pid}`, dir, node);
  try {
    return await buildLab(settings, node, dir);
  } catch (e) {
    await removeLab(settings.name, dir);
    throw e;
  }
}

async function buildLab(settings: ClusterSettings, node: NodeSettings, dir: string): Promise<Lab> {
  const errors: string[] = [];
  const env = realEnv((level, message, fields) => {
    if (level === 'error' || level === 'warn') errors.push(`${message} ${JSON.stringify(fields ?? {})}`);
    if (process.env.PODLAN_LOG === 'debug') process.stderr.write(`${level} ${message}\n`);
  });
  const home = nodeNetns(settings.name, node.name);
  createNetns(home);
  // As the node process does: from here on this thread lives there.
  enterNetns(home);
  ip('link', 'set', 'lo', 'up');
  ip('addr', 'add', `${NODE_IP}/32`, 'dev', 'lo');
  const { serviceNetwork, nodePorts, clusterDomain } = settings;
  const server = await createApiServer({
    store: memoryStore(),
    env,
    settings: { serviceNetwork, nodePorts, clusterDomain, reservedIps: [], evictAfterSeconds: 1 },
  });
  const client = createClient(server.handle, { name: 'lab', groups: ['system:masters'] });
  for (const name of ['default', 'kube-node-lease']) await ensureNamespace(client, name);
  const kinds: Kind[] = ['Node', 'Pod', 'ConfigMap', 'Secret', 'Service'];
  const cache = createCache(
    client,
    env,
    kinds.map((kind) => ({ kind })),
  );
  const network = labNetwork(settings.name, node.name);
  const start = (): Promise<Kubelet> =>
    startKubelet({ settings, node, client, cache, env, network, exec: execInContainer });
  const lab: Lab = {
    settings,
    client,
    cache,
    network,
    errors,
    imagesDir: join(settings.stateDir, 'images'),
    kubelet: await start(),
    create: (kind, object) =>
      client.create(kind, { ...object, metadata: { namespace: 'default', ...object.metadata } } as never),
    pod: (name, spec, meta = {}) => createPod(client, name, spec, meta),
    get: (name) => cache.get('Pod', 'default', name),
    until: (name, what, withinMs) => until(cache, name, what, withinMs),
    gone: (name, withinMs) => until(cache, name, (pod) => pod === undefined, withinMs).then(() => undefined),
    events: async (name) =>
      (await client.list('Event', { namespace: 'default' })).items.filter((e) => e.involvedObject.name === name),
    log: (name, container) => readLog(lab, name, container),
    async restart() {
      await lab.kubelet.stop(false);
      lab.kubelet = await start();
    },
    async cutPower() {
      killAll(settings.name, dir);
      await removeCgroupTree(`/podlan/${settings.name}`);
      for (const uid of network.attached().keys()) await network.detach(uid);
      unmountBelow(dir);
    },
    residue: () => residue(settings, dir),
    async close() {
      await lab.kubelet.stop(false);
      cache.close();
      await server.close();
      await removeLab(settings.name, dir);
    },
  };
  return lab;
}

function labSettings(name: string, dir: string, node: NodeSettings): ClusterSettings {
  return {
    name,
    slot: 250,
    bridge: 'podlan250',
    nodeNetwork: '172.31.255.0/24',
    hostIp: '172.31.255.1',
    podNetwork: '10.250.0.0/16',
    nodePodPrefix: 24,
    serviceNetwork: '10.251.0.0/16',
    apiServiceIp: '10.251.0.1',
    dnsIp: '10.251.0.10',
    clusterDomain: 'cluster.local',
    apiPort: 6443,
    nodePorts: { from: 30_000, to: 32_767 },
    timeouts: defaultTimeouts,
    stateDir: join(dir, 'state'),
    runDir: join(dir, 'run'),
    nodes: [node],
  };
}

async function ensureNamespace(client: Client, name: string): Promise<void> {
  if (!(await client.get('Namespace', { name })))
    await client.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

/** A netns per pod with a veth into the node's: as much network as the kubelet asks for. */
function labNetwork(cluster: string, node: string): PodNetwork & { readonly attachMs: number[] } {
  const held = new Map<string, { netnsPath: string; ips: string[] }>();
  const attachMs: number[] = [];
  let last = 1;
  return {
    attachMs,
    async attach(pod) {
      const { uid } = pod.metadata;
      const known = held.get(uid);
      if (known) return known;
      const startMs = performance.now();
      const name = podNetns(cluster, node, uid);
      const address = `10.250.0.${++last}`;
      const veth = `veth${uid.replaceAll('-', '').slice(0, 8)}`;
      createNetns(name);
      ip('link', 'add', veth, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      ip('link', 'set', veth, 'up');
      ip('route', 'add', `${address}/32`, 'dev', veth);
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', name, 'addr', 'add', `${address}/32`, 'dev', 'eth0');
      ip('-n', name, 'route', 'add', 'default', 'dev', 'eth0');
      const sandbox = { netnsPath: `/run/netns/${name}`, ips: [address] };
      held.set(uid, sandbox);
      attachMs.push(performance.now() - startMs);
      return sandbox;
    },
    async detach(uid) {
      held.delete(uid);
      const name = podNetns(cluster, node, uid);
      if (hasNetns(name)) deleteNetns(name);
    },
    attached: () => held,
    ready: () => true,
  };
}

function createPod(
  client: Client,
  name: string,
  spec: Partial<Pod['spec']>,
  meta: Partial<Pod['metadata']>,
): Promise<Pod> {
  const containers = (spec.containers ?? []).map((c) => ({ image: 'host', ...c }));
  return client.create('Pod', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', ...meta },
    spec: { nodeName: 'node-1', terminationGracePeriodSeconds: 5, ...spec, containers },
  });
}

function until(cache: Cache, name: string, what: (pod: Pod) => boolean | undefined, withinMs = 15_000): Promise<Pod> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const pod = cache.get('Pod', 'default', name) as Pod;
      if (!what(pod)) return;
      clearTimeout(timer);
      forget();
      resolve(pod);
    };
    const timer = setTimeout(() => {
      forget();
      reject(new Error(`waited in vain for ${name}: ${JSON.stringify(cache.get('Pod', 'default', name)?.status)}`));
    }, withinMs);
    const forget = cache.onChange((change) => {
      if (change.kind === 'Pod' && change.object.metadata.name === name) look();
    });
    look();
  });
}

function readLog(lab: Lab, name: string, container?: string): string {
  const found = lab.kubelet.pods.find('default', name, container);
  if ('refusal' in found) throw new Error(found.refusal);
  const lines = readFileSync(found.logPath, 'utf8').split('\n').filter(Boolean);
  // CRI: time stream tag text; the tag P says that the line goes on.
  return lines
    .map((line) => line.split(' '))
    .map(([, , tag, ...text]) => `${text.join(' ')}${tag === 'P' ? '' : '\n'}`)
    .join('');
}

function killAll(cluster: string, dir: string): void {
  for (const pid of [...conmons(dir), ...cgroupPids(`/podlan/${cluster}`)]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // A container's first process takes the others along: they are gone already.
    }
  }
}

/** Whatever a test has left, also one that failed in the middle. */
async function removeLab(cluster: string, dir: string): Promise<void> {
  killAll(cluster, dir);
  await removeCgroupTree(`/podlan/${cluster}`);
  removeEmptyCgroup('/podlan');
  unmountBelow(dir);
  for (const name of listNetns()) if (name.startsWith(`${cluster}.`)) deleteNetns(name);
  rmSync(dir, { recursive: true, force: true });
}

function conmons(dir: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0');
      return words[0] === 'conmon' && words.some((w) => w.startsWith(dir)) ? [Number(entry)] : [];
    } catch {
      return [];
    }
  });
}

function residue(settings: ClusterSettings, dir: string): string[] {
  const netns = listNetns().filter((n) => n.startsWith(`${nodeNetns(settings.name, 'node-1')}.`));
  const mounts = mountsBelow(readFileSync('/proc/self/mountinfo', 'utf8'), dir);
  const pids = cgroupPids(nodeCgroup(settings.name, 'node-1')).map((pid) => `process ${pid}`);
  const files = execFileSync(
    'find',
    [join(settings.stateDir, 'nodes'), join(settings.runDir, 'runc'), '-xdev', '-mindepth', '3'],
    {
      encoding: 'utf8',
    },
  );
  return [...netns, ...mounts, ...pids, ...files.split('\n').filter(Boolean)];
}

// What all pods of a node share: directories, facts about the machine, and the hands that act.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { ClusterSettings, NodeSettings } from '../api/cluster.ts';
import { nodeCgroup, nodeNetns } from '../api/cluster.ts';
import type { KubeObject } from '../api/types.ts';
import { createExecutor } from '../client/executor.ts';
import type { Cache, Change, Client, Env } from '../client/types.ts';
import type { Mounts } from '../linux/mount/mount.ts';
import { heldCapabilities } from '../linux/oci/capabilities.ts';
import type { Device } from '../linux/oci/config.ts';
import type { ExecFn } from '../linux/oci/exec.io.ts';
import type { Runtime } from '../linux/oci/runtime.ts';
import type { NodeFacts } from './downward.ts';
import type { ImageStore } from './image/store.io.ts';
import type { PodNetwork } from './inputs.ts';

export interface KubeletOptions {
  readonly settings: ClusterSettings;
  readonly node: NodeSettings;
  readonly client: Client;
  readonly cache: Cache;
  readonly env: Env;
  readonly network: PodNetwork;
  readonly exec: ExecFn;
}

export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly hostname: string;
  readonly cgroupV2: boolean;
  readonly held: { readonly capabilities: ReadonlySet<string>; readonly oomScoreAdj: number };
}

const text = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
};

export function readMachine(): Machine {
  return {
    cpus: cpus().length,
    memoryBytes: totalmem(),
    architecture: arch() === 'x64' ? 'amd64' : arch(),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(text('/etc/os-release'))?.[1] ?? 'Linux',
    machineId: text('/etc/machine-id').replaceAll('-', ''),
    bootId: text('/proc/sys/kernel/random/boot_id'),
    hostname: hostname(),
    // v2 alone has this file at the root of /sys/fs/cgroup.
    cgroupV2: text('/sys/fs/cgroup/cgroup.controllers') !== '',
    held: {
      capabilities: heldCapabilities(text('/proc/self/status')),
      oomScoreAdj: Number(text('/proc/self/oom_score_adj')),
    },
  };
}

/** Whatever stands between a pod and the kernel. */
export interface NodeContext extends KubeletOptions {
  readonly dir: string;
  readonly runcRoot: string;
  readonly cgroup: string;
  readonly nodeNetnsPath: string;
  readonly maskedPaths: readonly string[];
  readonly machine: Machine;
  readonly facts: NodeFacts;
  readonly devices: () => readonly Device[];
  readonly runtime: Runtime;
  readonly images: ImageStore;
  readonly mounts: Mounts;
  execute(change: Change): Promise<void>;
  event(regarding: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

export const nodeDir = (o: KubeletOptions): string => join(o.settings.stateDir, 'nodes', o.node.name);

export function nodeContext(o: KubeletOptions, parts: Pick<NodeContext, 'runtime' | 'images' | 'mounts'>): NodeContext {
  const { settings, node, env } = o;
  const machine = readMachine();
  const executor = createExecutor(o.client, o.cache, env);
  let devices: readonly Device[] | undefined;
  return {
    ...o,
    ...parts,
    dir: nodeDir(o),
    runcRoot: join(settings.runDir, 'runc', node.name),
    cgroup: nodeCgroup(settings.name, node.name),
    nodeNetnsPath: `/run/netns/${nodeNetns(settings.name, node.name)}`,
    // A pod on the machine's own root must not find the cluster's keys there, nor other pods' files.
    maskedPaths: [...new Set([settings.stateDir, settings.runDir, '/var/lib/podlan', '/run/podlan'])],
    machine,
    facts: {
      nodeName: node.name,
      nodeIp: node.ip,
      allocatable: { cpu: machine.cpus, memoryBytes: machine.memoryBytes },
    },
    devices: () => (devices ??= readDevices('/dev')),
    execute: (change) => executor.execute(change),
    event(regarding, type, reason, message) {
      const why = `${reason}: ${message}`;
      void executor
        .execute({ op: 'event', why, regarding, type, reason, message, source: 'kubelet' })
        .catch((e: unknown) => env.log('debug', `event ${why}: ${String(e)}`));
    },
  };
}

/** The machine's device nodes, for privileged containers; terminals and shared memory are each container's own. */
function readDevices(dir: string): Device[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (['pts', 'shm', 'mqueue', 'console', 'ptmx', 'fd'].includes(entry.name)) return [];
    if (entry.isDirectory()) return readDevices(path);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    const { rdev, mode, uid, gid } = statSync(path);
    // makedev(3) as glibc splits it
    const major = ((rdev / 2 ** 8) & 0xfff) | (Math.floor(rdev / 2 ** 32) & ~0xfff);
    const minor = (rdev & 0xff) | ((rdev / 2 ** 12) & ~0xff);
    const type = entry.isBlockDevice() ? 'b' : 'c';
    return [{ path, type, major, minor, fileMode: mode & 0o7777, uid, gid }];
  });
}

// A pod's sandbox and the files that its containers share: network, names, /dev/shm.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../api/types.ts';
import { limitCgroup, removeCgroupTree } from '../linux/cgroup/cgroup.io.ts';
import { podLimits } from './bundle.ts';
import type { Sandbox } from './inputs.ts';
import { hostNetworkHosts, hostnameOf, hostsFile, resolvConf } from './netfiles.ts';
import type { NodeContext } from './node.io.ts';
import type { PodFiles } from './start.io.ts';

export type PodSandbox = Sandbox & { readonly attempt: number };

const SHM_BYTES = 64 << 20;

export const podFiles = (dir: string): PodFiles => ({
  dir,
  hosts: join(dir, 'etc-hosts'),
  hostname: join(dir, 'etc-hostname'),
  resolvConf: join(dir, 'etc-resolv.conf'),
  shm: join(dir, 'shm'),
});

/** Network first: policy is in force before anything of the pod runs. */
export async function makeSandbox(node: NodeContext, pod: Pod, dir: string, attempt: number): Promise<PodSandbox> {
  const network: Sandbox = pod.spec.hostNetwork
    ? { netnsPath: node.nodeNetnsPath, ips: [node.node.ip] }
    : await node.network.attach(pod);
  const sandbox: PodSandbox = { netnsPath: network.netnsPath, ips: network.ips, attempt };
  const files = podFiles(dir);
  const { clusterDomain, dnsIp } = node.settings;
  const hosts = pod.spec.hostNetwork
    ? hostNetworkHosts(pod, readText('/etc/hosts'))
    : hostsFile(pod, sandbox.ips, clusterDomain);
  writeFileSync(files.hosts, hosts, { mode: 0o644 });
  writeFileSync(files.hostname, `${hostnameOf(pod)}\n`, { mode: 0o644 });
  writeFileSync(files.resolvConf, resolvConf(pod, { dnsIp, clusterDomain }, readText('/etc/resolv.conf')), {
    mode: 0o644,
  });
  mkdirSync(files.shm, { recursive: true });
  node.mounts.unmount(files.shm);
  node.mounts.tmpfs(files.shm, { sizeBytes: SHM_BYTES, mode: '1777' });
  limitCgroup(podCgroup(node, pod), podLimits(pod));
  writeJson(join(dir, 'sandbox.json'), sandbox);
  return sandbox;
}

export async function removeSandbox(node: NodeContext, pod: Pod, dir: string): Promise<void> {
  if (!pod.spec.hostNetwork) await node.network.detach(pod.metadata.uid);
  node.mounts.unmountBelow(dir);
  await removeCgroupTree(podCgroup(node, pod));
  rmSync(join(dir, 'sandbox.json'), { force: true });
}

const podCgroup = (node: NodeContext, pod: Pod): string => `${node.cgroup}/pod${pod.metadata.uid}`;

/** The sandbox as it was left by the process before this one; `lost`: its network is gone, the count goes on. */
export function foundSandbox(
  node: NodeContext,
  pod: Pod,
  dir: string,
): { readonly sandbox?: PodSandbox; readonly lost: number } {
  const file = join(dir, 'sandbox.json');
  if (!existsSync(file)) return { lost: 0 };
  const sandbox = JSON.parse(readFileSync(file, 'utf8')) as PodSandbox;
  const held = pod.spec.hostNetwork ? sandbox : node.network.attached().get(pod.metadata.uid);
  // The node's own network outlives no reboot either: /dev/shm of the pod tells.
  if (held && node.mounts.isMounted(podFiles(dir).shm)) return { sandbox: { ...sandbox, ...held }, lost: 0 };
  return { lost: sandbox.attempt + 1 };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function writeJson(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value));
  renameSync(`${path}.new`, path);
}

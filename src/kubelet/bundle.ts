// (pod, container, image, paths, variables) -> what the container is to be for the runtime. Pure.
import { qosClass } from '../api/defaults/pod.ts';
import { parseQuantity } from '../api/quantity.ts';
import type { core, Pod } from '../api/types.ts';
import { cgroupLimits } from '../linux/cgroup/cgroup.ts';
import type { CgroupLimits } from '../linux/cgroup/cgroup.ts';
import { ALL_CAPABILITIES, capabilities } from '../linux/oci/capabilities.ts';
import type { ContainerSpec, Device, OciMount } from '../linux/oci/config.ts';
import type { Container } from './containers.ts';
import { expand } from './env.ts';
import { argvOf, imageEnv } from './image/image.ts';
import type { Image } from './image/image.ts';
import { fqdnOf, hostnameOf } from './netfiles.ts';

export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Of the image's /etc/group. */
  readonly additionalGids: readonly number[];
}

export interface BundleInput {
  readonly image: Image;
  /** The image's USER or runAsUser, looked up in the image's /etc/passwd and /etc/group. */
  readonly user: User;
  readonly env: ReadonlyMap<string, string>;
  readonly rootfs: string;
  readonly netnsPath: string;
  readonly cgroupPath: string;
  readonly cgroupV2: boolean;
  readonly devices: readonly Device[];
  readonly maskedPaths: readonly string[];
  /** Files of this container and its pod on the node. */
  readonly files: {
    readonly hosts: string;
    readonly hostname: string;
    readonly resolvConf: string;
    readonly terminationMessage: string;
    readonly shm: string;
  };
  /** Directory or file on the node for each volumeMount, in the spec's order. */
  readonly volumeSources: readonly string[];
  /** Volumes that their container may not write, whatever it asks. */
  readonly readOnlyVolumes: ReadonlySet<string>;
  readonly clusterDomain: string;
  readonly nodeMemoryBytes: number;
  /** What the node process itself may do: it can give no more. */
  readonly held: { readonly capabilities: ReadonlySet<string>; readonly oomScoreAdj: number };
}

export class BundleError extends Error {}

export function containerSpec(pod: Pod, container: Container, o: BundleInput): ContainerSpec {
  const security = container.securityContext ?? {};
  const context = pod.spec.securityContext ?? {};
  const privileged = security.privileged ?? false;
  const caps = privileged
    ? [...ALL_CAPABILITIES]
    : capabilities(security.capabilities?.add, security.capabilities?.drop);
  const argv = argvOf(container, o.image.config).map((word, i, all) => expandArg(word, i, all, container, o));
  if (argv.length === 0) throw new BundleError('no command specified');
  return {
    args: argv,
    env: environment(pod, o),
    cwd: container.workingDir || o.image.config.WorkingDir || '/',
    terminal: container.tty ?? false,
    user: { uid: o.user.uid, gid: o.user.gid, additionalGids: groups(context, o.user) },
    rootfs: o.rootfs,
    readonlyRootfs: security.readOnlyRootFilesystem ?? false,
    ...(pod.spec.hostNetwork ? {} : { hostname: unixHostname(pod, o.clusterDomain) }),
    mounts: mounts(container, o),
    maskedPaths: o.maskedPaths,
    netnsPath: o.netnsPath,
    hostPid: pod.spec.hostPID ?? false,
    hostIpc: pod.spec.hostIPC ?? false,
    capabilities: caps.filter((c) => !privileged || o.held.capabilities.has(c)),
    privileged,
    noNewPrivileges: security.allowPrivilegeEscalation === false,
    unmaskedProc: security.procMount === 'Unmasked',
    seccomp:
      (security.seccompProfile ?? context.seccompProfile)?.type === 'RuntimeDefault' ? 'RuntimeDefault' : 'Unconfined',
    devices: o.devices,
    cgroupPath: o.cgroupPath,
    cgroupV2: o.cgroupV2,
    ...resourceLimits(container),
    oomScoreAdj: allowedScore(oomScoreAdj(pod, container, o.nodeMemoryBytes), o),
    sysctls: sysctls(pod),
  };
}

/** command and args of the pod may name variables; the image's own words are taken as they are. */
function expandArg(word: string, i: number, all: readonly string[], container: Container, o: BundleInput): string {
  const { command = [], args = [] } = container;
  const fromPod = command.length > 0 || i >= all.length - args.length;
  return fromPod ? expand(word, o.env) : word;
}

function environment(pod: Pod, o: BundleInput): string[] {
  const merged = new Map<string, string>();
  for (const entry of imageEnv(o.image.config)) {
    const at = entry.indexOf('=');
    merged.set(entry.slice(0, at), entry.slice(at + 1));
  }
  merged.set('HOSTNAME', hostnameOf(pod));
  for (const [key, value] of o.env) merged.set(key, value);
  return [...merged].map(([key, value]) => `${key}=${value}`);
}

const unixHostname = (pod: Pod, clusterDomain: string): string =>
  pod.spec.setHostnameAsFQDN ? (fqdnOf(pod, clusterDomain) ?? hostnameOf(pod)) : hostnameOf(pod);

function groups(context: core.PodSecurityContext, user: User): number[] {
  const policy = (context as { supplementalGroupsPolicy?: string }).supplementalGroupsPolicy;
  const ofImage = policy === 'Strict' ? [] : user.additionalGids;
  const asked = [...(context.supplementalGroups ?? []), ...(context.fsGroup === undefined ? [] : [context.fsGroup])];
  // The own group among them: a file that refuses its group must not be open to who leaves it out (CVE-2022-2995).
  return [...new Set([user.gid, ...ofImage, ...asked])];
}

const PROPAGATION: Readonly<Record<string, string>> = {
  None: 'rprivate',
  HostToContainer: 'rslave',
  Bidirectional: 'rshared',
};

const bind = (source: string, destination: string, readOnly: boolean, propagation = 'rprivate'): OciMount => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', propagation, readOnly ? 'ro' : 'rw'],
});

/** The pod's files first; a volume that lies over one of them wins. Parents before children. */
function mounts(container: Container, o: BundleInput): OciMount[] {
  const readOnlyRoot = container.securityContext?.readOnlyRootFilesystem ?? false;
  const volumes = (container.volumeMounts ?? []).map((mount, i) =>
    bind(
      o.volumeSources[i] ?? '',
      mount.mountPath,
      (mount.readOnly ?? false) || o.readOnlyVolumes.has(mount.name),
      PROPAGATION[mount.mountPropagation ?? 'None'],
    ),
  );
  const taken = new Set(volumes.map((m) => m.destination.replace(/\/+$/, '')));
  const own = [
    bind(o.files.hosts, '/etc/hosts', readOnlyRoot),
    bind(o.files.hostname, '/etc/hostname', readOnlyRoot),
    bind(o.files.resolvConf, '/etc/resolv.conf', readOnlyRoot),
    bind(o.files.shm, '/dev/shm', false),
    bind(o.files.terminationMessage, container.terminationMessagePath ?? '/dev/termination-log', false),
  ].filter((m) => !taken.has(m.destination));
  const depth = (m: OciMount): number => m.destination.split('/').filter(Boolean).length;
  return [...own, ...volumes].sort((a, b) => depth(a) - depth(b));
}

const amount = (text: string | undefined): number | undefined => (text === undefined ? undefined : parseQuantity(text));

function resourceLimits(
  container: Container,
): Pick<ContainerSpec, 'cpuShares' | 'cpuQuotaUs' | 'cpuPeriodUs' | 'memoryBytes'> {
  const { requests, limits } = container.resources ?? {};
  return cgroupLimits({
    cpuRequest: amount(requests?.cpu),
    cpuLimit: amount(limits?.cpu),
    memoryLimitBytes: amount(limits?.memory),
  });
}

/** The pod's cgroup above its containers': its share against other pods. */
export function podLimits(pod: Pod): CgroupLimits {
  const total = pod.spec.containers.reduce((sum, { resources }) => {
    return sum + (amount(resources?.requests?.cpu) ?? amount(resources?.limits?.cpu) ?? 0);
  }, 0);
  return cgroupLimits({ cpuRequest: total });
}

/** Who goes first when the machine is out of memory: upstream's numbers. */
export function oomScoreAdj(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  if (pod.spec.priorityClassName === 'system-node-critical') return -997;
  const qos = qosClass(pod.spec);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const request = amount(container.resources?.requests?.memory) ?? 0;
  return Math.min(999, Math.max(3, 1000 - Math.trunc((1000 * request) / nodeMemoryBytes)));
}

/** To lower the score below its own a process needs a capability; runc dies without a word when it has it not. */
const allowedScore = (score: number, { held }: BundleInput): number =>
  held.capabilities.has('CAP_SYS_RESOURCE') ? score : Math.max(score, held.oomScoreAdj);

/** As container engines set them: ports below 1024 and ping need no capability in a pod's own network. */
function sysctls(pod: Pod): Record<string, string> {
  const asked = (pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name.replaceAll('/', '.'), value]);
  const usual = { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' };
  return { ...(pod.spec.hostNetwork ? {} : usual), ...Object.fromEntries(asked) };
}

/** USER of the image and runAsUser/runAsGroup of the pod as uid and gid, by the image's own user database. */
export function resolveUser(
  wanted: { readonly image?: string; readonly runAsUser?: number; readonly runAsGroup?: number },
  files: { readonly passwd: string; readonly group: string },
): User {
  const [userPart = '', groupPart] = (
    wanted.runAsUser === undefined ? (wanted.image ?? '') : String(wanted.runAsUser)
  ).split(':');
  const passwd = files.passwd.split('\n').map((line) => line.split(':'));
  const groupLines = files.group.split('\n').map((line) => line.split(':'));
  const numeric = /^\d+$/.test(userPart) ? Number(userPart) : undefined;
  const entry = passwd.find((p) => (numeric === undefined ? p[0] === (userPart || 'root') : p[2] === String(numeric)));
  if (!entry && numeric === undefined && userPart !== '' && userPart !== 'root')
    throw new BundleError(`unable to find user ${userPart}: no matching entries in passwd file`);
  const uid = numeric ?? Number(entry?.[2] ?? 0);
  const gid = wanted.runAsGroup ?? groupOf(groupPart, groupLines) ?? Number(entry?.[3] ?? 0);
  const name = entry?.[0];
  const memberOf = groupLines.filter((g) => name !== undefined && (g[3] ?? '').split(',').includes(name));
  return { uid, gid, additionalGids: memberOf.map((g) => Number(g[2])).filter((g) => g !== gid) };
}

function groupOf(part: string | undefined, lines: readonly string[][]): number | undefined {
  if (part === undefined || part === '') return undefined;
  if (/^\d+$/.test(part)) return Number(part);
  const found = lines.find((g) => g[0] === part)?.[2];
  if (found === undefined) throw new BundleError(`unable to find group ${part}: no matching entries in group file`);
  return Number(found);
}

/** runAsNonRoot against the user that the container would have; undefined: all is well. */
export function rootRefusal(pod: Pod, container: Container, user: User): string | undefined {
  const security = container.securityContext ?? {};
  const nonRoot = security.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot ?? false;
  if (!nonRoot || user.uid !== 0) return undefined;
  const asked = security.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const who = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`;
  if (asked !== undefined) return `container's runAsUser breaks non-root policy ${who}`;
  return `container has runAsNonRoot and image will run as root ${who}`;
}

// A bundle's config.json (OCI runtime-spec 1.0.2) as a pure function of what the container is to be.
import { defaultSeccomp } from './seccomp.ts';

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface OciConfig {
  readonly ociVersion: string;
  readonly process: {
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly terminal: boolean;
  } & Record<string, unknown>;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly mounts: readonly OciMount[];
  readonly linux: Record<string, unknown>;
  readonly hostname?: string;
}

export interface Device {
  readonly path: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface ContainerSpec {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly terminal: boolean;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  readonly rootfs: string;
  readonly readonlyRootfs: boolean;
  /** Absent with hostNetwork: the node's name stays. */
  readonly hostname?: string;
  /** Volumes and single files, binds mostly; added after the standard ones. */
  readonly mounts: readonly OciMount[];
  /** Hidden besides the usual ones: an empty read-only directory lies over each that exists. */
  readonly maskedPaths: readonly string[];
  readonly netnsPath: string;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly capabilities: readonly string[];
  readonly privileged: boolean;
  readonly noNewPrivileges: boolean;
  readonly unmaskedProc: boolean;
  readonly seccomp: 'RuntimeDefault' | 'Unconfined';
  /** The machine's devices; used when privileged. */
  readonly devices: readonly Device[];
  readonly cgroupPath: string;
  readonly cgroupV2: boolean;
  readonly cpuShares: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  readonly memoryBytes?: number;
  readonly oomScoreAdj: number;
  readonly sysctls: Readonly<Record<string, string>>;
}

const tmpfs = (destination: string, ...options: string[]): OciMount => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options,
});

function standardMounts(c: ContainerSpec): OciMount[] {
  const access = c.privileged ? 'rw' : 'ro';
  const fixed = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: fixed },
    tmpfs('/dev', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: fixed },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...fixed, access] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...fixed, 'relatime', access] },
  ];
}

const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** runc makes the usual nodes (null, zero, random, tty, ...) by itself; these rules let them be used, and mknod. */
const DEVICE_RULES = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 2],
  ].map(([major, minor]) => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

function namespaces(c: ContainerSpec): { type: string; path?: string }[] {
  return [
    { type: 'mount' },
    { type: 'network', path: c.netnsPath },
    ...(c.hostname === undefined ? [] : [{ type: 'uts' }]),
    ...(c.hostPid ? [] : [{ type: 'pid' }]),
    ...(c.hostIpc ? [] : [{ type: 'ipc' }]),
    ...(c.cgroupV2 && !c.privileged ? [{ type: 'cgroup' }] : []),
  ];
}

function resources(c: ContainerSpec): Record<string, unknown> {
  return {
    devices: c.privileged ? [{ allow: true, access: 'rwm' }] : DEVICE_RULES,
    cpu: {
      shares: c.cpuShares,
      ...(c.cpuQuotaUs === undefined ? {} : { quota: c.cpuQuotaUs, period: c.cpuPeriodUs }),
    },
    ...(c.memoryBytes === undefined ? {} : { memory: { limit: c.memoryBytes } }),
  };
}

export function ociConfig(c: ContainerSpec): OciConfig {
  const caps = c.capabilities;
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: c.terminal,
      user: c.user,
      args: c.args,
      env: c.env,
      cwd: c.cwd,
      // No inheritable and no ambient set: a user other than root has none of these after execve.
      capabilities: { bounding: caps, effective: caps, permitted: caps },
      noNewPrivileges: c.noNewPrivileges,
      oomScoreAdj: c.oomScoreAdj,
    },
    root: { path: c.rootfs, readonly: c.readonlyRootfs },
    ...(c.hostname === undefined ? {} : { hostname: c.hostname }),
    mounts: [...standardMounts(c), ...c.mounts],
    linux: {
      namespaces: namespaces(c),
      cgroupsPath: c.cgroupPath,
      resources: resources(c),
      ...(c.privileged ? { devices: c.devices } : {}),
      ...(Object.keys(c.sysctls).length > 0 ? { sysctl: c.sysctls } : {}),
      ...(c.seccomp === 'RuntimeDefault' && !c.privileged ? { seccomp: defaultSeccomp(caps) } : {}),
      maskedPaths: [...(c.privileged || c.unmaskedProc ? [] : MASKED), ...c.maskedPaths],
      readonlyPaths: c.privileged || c.unmaskedProc ? [] : READ_ONLY,
    },
  };
}

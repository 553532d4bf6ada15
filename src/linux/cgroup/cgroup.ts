// cgroups as data: where a path of ours lies in each hierarchy, and the numbers that the kernel wants.

/** Directories that are the root of one hierarchy, from /proc/self/mountinfo: several with v1 and hybrid, one with v2. */
export function cgroupRoots(mountinfo: string): { readonly root: string; readonly controllers: readonly string[] }[] {
  const roots: { root: string; controllers: readonly string[] }[] = [];
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const point = before.split(' ')[4];
    const [type, , options = ''] = after.split(' ');
    if (point === undefined || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    // A mount that lies over another one of the same place, or a container's view of its own subtree, adds nothing.
    if (!point.startsWith('/sys/fs/cgroup') || roots.some((r) => r.root === point)) continue;
    roots.push({ root: point, controllers: type === 'cgroup2' ? [] : options.split(',').filter((o) => o !== 'rw') });
  }
  return roots;
}

export interface CpuMemory {
  /** Cores. */
  readonly cpuRequest?: number;
  readonly cpuLimit?: number;
  readonly memoryLimitBytes?: number;
}

const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const PERIOD_US = 100_000;
const MIN_QUOTA_US = 1_000;

export interface CgroupLimits {
  readonly cpuShares: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  readonly memoryBytes?: number;
}

/** As the kubelet does it: 1024 shares are one core; a limit alone is a request too. */
export function cgroupLimits(r: CpuMemory): CgroupLimits {
  const wanted = r.cpuRequest ?? r.cpuLimit ?? 0;
  const cpuShares = Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.trunc(wanted * 1024)));
  return {
    cpuShares,
    ...(r.cpuLimit
      ? { cpuQuotaUs: Math.max(MIN_QUOTA_US, Math.round(r.cpuLimit * PERIOD_US)), cpuPeriodUs: PERIOD_US }
      : {}),
    ...(r.memoryLimitBytes ? { memoryBytes: Math.trunc(r.memoryLimitBytes) } : {}),
  };
}

/** cgroup v2's cpu.weight of v1's cpu.shares, by the kernel documentation's map of [2, 262144] to [1, 10000]. */
export const cpuWeight = (shares: number): number => 1 + Math.trunc(((shares - 2) * 9999) / 262_142);

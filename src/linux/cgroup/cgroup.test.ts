import { describe, expect, it } from 'vitest';
import { cgroupLimits, cgroupRoots, cpuWeight } from './cgroup.ts';

describe('cgroupRoots', () => {
  it('reads a hybrid machine', () => {
    const info = [
      '25 22 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755',
      '26 25 0:23 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu',
      '27 25 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    ].join('\n');
    expect(cgroupRoots(info)).toEqual([
      { root: '/sys/fs/cgroup/cpu', controllers: ['cpu'] },
      { root: '/sys/fs/cgroup/unified', controllers: [] },
    ]);
  });
});

describe('cgroupLimits', () => {
  it.each([
    [{}, { cpuShares: 2 }],
    [{ cpuRequest: 0.5 }, { cpuShares: 512 }],
    [{ cpuLimit: 2 }, { cpuShares: 2048, cpuQuotaUs: 200_000, cpuPeriodUs: 100_000 }],
    [{ cpuLimit: 0.001 }, { cpuShares: 2, cpuQuotaUs: 1_000, cpuPeriodUs: 100_000 }],
    [{ memoryLimitBytes: 1024 }, { cpuShares: 2, memoryBytes: 1024 }],
  ])('%o', (asked, limits) => expect(cgroupLimits(asked)).toEqual(limits));
  it('maps shares to weights at both ends', () => {
    expect([cpuWeight(2), cpuWeight(1024), cpuWeight(262_144)]).toEqual([1, 39, 10_000]);
  });
});

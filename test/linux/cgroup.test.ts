// cgroups on the kernel: what goes, and what must stay.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cgroupRoots } from '../../src/linux/cgroup/cgroup.ts';
import { removeCgroupTree, removeEmptyCgroup } from '../../src/linux/cgroup/cgroup.io.ts';

const ours = `/podlan-test-${process.pid}`;
const roots = cgroupRoots(readFileSync('/proc/self/mountinfo', 'utf8')).map(({ root }) => root);
const make = (path: string): void => roots.forEach((root) => mkdirSync(join(root, path), { recursive: true }));
const everywhere = (path: string): boolean[] => [...new Set(roots.map((root) => existsSync(join(root, path))))];

afterAll(() => removeCgroupTree(ours));

describe('removeEmptyCgroup', () => {
  it("leaves what is below alone: another cluster's cgroups are empty between their making and their first process", () => {
    make(`${ours}/other/node-1`);
    removeEmptyCgroup(ours);
    expect(everywhere(`${ours}/other/node-1`)).toEqual([true]);
  });

  it('removes it when nothing is below, and does not mind when it is gone', async () => {
    await removeCgroupTree(`${ours}/other`);
    removeEmptyCgroup(ours);
    removeEmptyCgroup(ours);
    expect(everywhere(ours)).toEqual([false]);
  });
});

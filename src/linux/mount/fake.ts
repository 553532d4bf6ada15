// Mounts in memory: a table, with the kernel's refusals that matter.
import type { Mounts } from './mount.ts';
import { overlayOptions } from './mount.ts';

export interface FakeMounts extends Mounts {
  /** target -> type and options, in the order in which they were mounted. */
  readonly table: ReadonlyMap<string, string>;
}

export function fakeMounts(): FakeMounts {
  const table = new Map<string, string>();
  return {
    table,
    overlay: (target, overlay) => void table.set(target, `overlay ${overlayOptions(overlay)}`),
    tmpfs: (target, options) => void table.set(target, `tmpfs mode=${options.mode ?? '0755'}`),
    unmount: (target) => void table.delete(target),
    isMounted: (target) => table.has(target),
    unmountBelow: (dir) => {
      for (const target of table.keys()) if (target === dir || target.startsWith(`${dir}/`)) table.delete(target);
    },
  };
}

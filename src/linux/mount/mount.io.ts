// mount(2) and its neighbours, called directly: a spawned mount(8) takes 3 ms, this 0.05.
import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { errnoName } from '../../lib/errno.io.ts';
import type { Mounts, Overlay } from './mount.ts';
import { mountsBelow, overlayOptions } from './mount.ts';

const libc = koffi.load(null);
const c = {
  mount: libc.func(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
  ),
  umount2: libc.func('int umount2(const char *target, int flags)'),
  mknod: libc.func('int mknod(const char *path, unsigned int mode, unsigned long dev)'),
  lsetxattr: libc.func(
    'int lsetxattr(const char *path, const char *name, const char *value, unsigned long size, int flags)',
  ),
};

const MS_NOSUID = 2;
const MS_NODEV = 4;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const S_IFCHR = 0o020000;

/** A system call of this file was refused. */
export class MountError extends Error {
  readonly code: string;
  constructor(what: string, errno: number) {
    const code = errnoName(errno);
    super(`${what}: ${code}`);
    this.name = 'MountError';
    this.code = code;
  }
}

function check(result: number, what: string): void {
  if (result !== 0) throw new MountError(what, koffi.errno());
}

export function mountOverlay(target: string, overlay: Overlay): void {
  check(c.mount('overlay', target, 'overlay', 0, overlayOptions(overlay)), `mount -t overlay ${target}`);
}

export function mountTmpfs(
  target: string,
  options: { readonly sizeBytes?: number; readonly mode?: string } = {},
): void {
  const data = [`mode=${options.mode ?? '0755'}`, ...(options.sizeBytes ? [`size=${options.sizeBytes}`] : [])];
  check(c.mount('tmpfs', target, 'tmpfs', MS_NOSUID | MS_NODEV, data.join(',')), `mount -t tmpfs ${target}`);
}

/** False: nothing was mounted there. */
export function unmount(target: string): boolean {
  if (c.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) === 0) return true;
  const error = new MountError(`umount ${target}`, koffi.errno());
  if (error.code === 'EINVAL' || error.code === 'ENOENT') return false;
  throw error;
}

/** Unmounts everything at and below a directory, what was mounted last first. */
export function unmountBelow(dir: string): void {
  for (const point of mountsBelow(readFileSync('/proc/self/mountinfo', 'utf8'), dir)) unmount(point);
}

/** overlay's whiteout: hides what the layers below have under this name. */
export function makeWhiteout(path: string): void {
  check(c.mknod(path, S_IFCHR, 0), `mknod ${path} c 0 0`);
}

/** overlay's opaque mark: hides all that the layers below have in this directory. */
export function markOpaque(dir: string): void {
  check(c.lsetxattr(dir, 'trusted.overlay.opaque', 'y', 1, 0), `setxattr trusted.overlay.opaque ${dir}`);
}

export const kernelMounts: Mounts = {
  overlay: mountOverlay,
  tmpfs: mountTmpfs,
  unmount: (target) => void unmount(target),
  unmountBelow,
  isMounted: (target) => mountsBelow(readFileSync('/proc/self/mountinfo', 'utf8'), target).includes(target),
};

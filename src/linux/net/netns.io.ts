// Network namespaces under /run/netns, as `ip netns` keeps them, and the calling thread's walk through them.
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  rmdirSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';
import { errnoName } from '../../lib/errno.io.ts';

const libc = koffi.load(null);
const c = {
  setns: libc.func('int setns(int fd, int nstype)'),
  unshare: libc.func('int unshare(int flags)'),
  mount: libc.func(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, void *data)',
  ),
  flock: libc.func('int flock(int fd, int operation)'),
  umount2: libc.func('int umount2(const char *target, int flags)'),
};

const CLONE_NEWNET = 0x40000000;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SHARED = 1 << 20;
const LOCK_EX = 2;
const MNT_DETACH = 2;
const NSFS_MAGIC = 0x6e736673;

const DIR = '/run/netns';
/** setns moves the calling thread only, so this must name the thread's namespace and not the process's. */
const OWN = '/proc/thread-self/ns/net';

export const netnsPath = (name: string): string => `${DIR}/${name}`;

/** A system call of this file was refused. */
export class NetnsError extends Error {
  readonly code: string;
  constructor(what: string, errno: number) {
    super(`${what}: ${errnoName(errno)}`);
    this.name = 'NetnsError';
    this.code = errnoName(errno);
  }
}

function check(result: number, what: string): void {
  if (result !== 0) throw new NetnsError(what, koffi.errno());
}

const fileCode = (e: unknown): string | undefined => (e as NodeJS.ErrnoException).code;

/** The namespace that this thread lives in. One per thread: a worker loads this module anew. */
let home: number | undefined;
const homeFd = (): number => (home ??= openSync(OWN, 'r'));

const isMounted = (path: string): boolean => statfsSync(path).type === NSFS_MAGIC;

/** What of /run/netns this machine owes to podlan. */
export type NetnsDir = 'was there' | 'mounted' | 'made';

/**
 * /run/netns as a shared mount of its own, as `ip netns add` makes it. Were it not, the first `ip netns add` on the machine
 * would bind it over itself and hide the mounts below: a namespace deleted then would live on, out of reach.
 */
export function shareNetnsDir(): NetnsDir {
  const made = mkdirSync(DIR, { recursive: true, mode: 0o755 }) !== undefined;
  if (c.mount('none', DIR, 'none', MS_SHARED | MS_REC, null) === 0) return 'was there';
  check(c.mount(DIR, DIR, 'none', MS_BIND | MS_REC, null), `mount --bind ${DIR} ${DIR}`);
  check(c.mount('none', DIR, 'none', MS_SHARED | MS_REC, null), `mount --make-shared ${DIR}`);
  return made ? 'made' : 'mounted';
}

/** Undoes shareNetnsDir, unless somebody's namespace is in it. */
export function unshareNetnsDir(was: NetnsDir): void {
  if (was === 'was there' || listNetns().length > 0) return;
  c.umount2(DIR, MNT_DETACH);
  if (was !== 'made') return;
  try {
    rmdirSync(DIR);
  } catch (e) {
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes(fileCode(e) ?? '')) throw e;
  }
}

/**
 * Runs fn while no other process changes the machine's network through podlan. The lock is on the directory /run/netns:
 * `ip netns` takes the same one, it is no file to leave behind, and the kernel frees it with the process. Keep fn short:
 * whoever waits stands still.
 */
export function withNetnsLock<T>(fn: () => T): T {
  for (;;) {
    mkdirSync(DIR, { recursive: true, mode: 0o755 });
    const fd = openSync(DIR, 'r');
    try {
      check(c.flock(fd, LOCK_EX), `flock ${DIR}`);
      // The last cluster's end removes the directory: then this is the lock of nothing.
      if (statSync(DIR, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fn();
    } finally {
      closeSync(fd);
    }
  }
}

/**
 * Makes the namespace `name`; false: it was there. The steps are file, new namespace, bind mount: a crash between them leaves
 * a file that is no namespace, and the next call mounts on it.
 */
export function createNetns(name: string): boolean {
  const path = netnsPath(name);
  mkdirSync(DIR, { recursive: true, mode: 0o755 });
  try {
    closeSync(openSync(path, 'wx', 0o444));
  } catch (e) {
    if (fileCode(e) !== 'EEXIST') throw e;
    if (isMounted(path)) return false;
  }
  const back = homeFd();
  check(c.unshare(CLONE_NEWNET), 'unshare(CLONE_NEWNET)');
  let refused: NetnsError | undefined;
  if (c.mount(OWN, path, 'none', MS_BIND, null) !== 0) {
    refused = new NetnsError(`mount --bind ${OWN} ${path}`, koffi.errno());
  }
  // The thread must never run on in the wrong namespace.
  if (c.setns(back, CLONE_NEWNET) !== 0) process.abort();
  if (refused) throw refused;
  return true;
}

/** Deletes the name. The kernel takes the namespace apart when the last process, descriptor and mount is gone, and later. */
export function deleteNetns(name: string): void {
  const path = netnsPath(name);
  if (c.umount2(path, MNT_DETACH) !== 0) {
    const error = new NetnsError(`umount ${path}`, koffi.errno());
    // EINVAL: a file that a crash left without its mount.
    if (error.code !== 'EINVAL' && error.code !== 'ENOENT') throw error;
  }
  rmSync(path, { force: true });
}

export function listNetns(): string[] {
  try {
    return readdirSync(DIR).sort();
  } catch (e) {
    if (fileCode(e) === 'ENOENT') return [];
    throw e;
  }
}

/** Whether there is a namespace of that name (and not only its file). */
export function hasNetns(name: string): boolean {
  try {
    return isMounted(netnsPath(name));
  } catch (e) {
    if (fileCode(e) === 'ENOENT') return false;
    throw e;
  }
}

/** A descriptor of a namespace: by name, or of this thread's own. The caller closes it. */
export function openNetns(name?: string): number {
  if (name !== undefined && !hasNetns(name)) throw new NetnsError(`netns ${name}`, constants.errno.ENOENT);
  return openSync(name === undefined ? OWN : netnsPath(name), 'r');
}

/**
 * Runs fn with this thread in another namespace, and comes back. fn is synchronous: a socket made on a later tick would be
 * made in the wrong place (net.connect to an IP literal, listen with a host, dgram without a lookup of its own).
 */
export function runInNetns<T>(netns: string | number, fn: () => T): T {
  const back = homeFd();
  const target = typeof netns === 'number' ? netns : openNetns(netns);
  try {
    check(c.setns(target, CLONE_NEWNET), `setns ${netns}`);
    try {
      const result = fn();
      if (result instanceof Promise) throw new Error('runInNetns: fn must be synchronous');
      return result;
    } finally {
      if (c.setns(back, CLONE_NEWNET) !== 0) process.abort();
    }
  } finally {
    if (typeof netns !== 'number') closeSync(target);
  }
}

/** Moves this thread for good. Threads and processes that it starts later are born there. */
export function enterNetns(netns: string | number): void {
  const target = typeof netns === 'number' ? netns : openNetns(netns);
  try {
    check(c.setns(target, CLONE_NEWNET), `setns ${netns}`);
  } finally {
    if (typeof netns !== 'number') closeSync(target);
  }
  if (home !== undefined) closeSync(home);
  home = openSync(OWN, 'r');
}

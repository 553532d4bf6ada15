// A pod's volumes on disk: made before its first container, renewed while it runs, given back at its end.
//
//   <podDir>/volumes/<name>/                 emptyDir, or a tmpfs
//   <podDir>/volumes/<name>/..<time>/key     configMap, secret, downwardAPI, projected: files in a directory of their own,
//                            ..data -> that  swapped as a whole, so that nobody sees half of a change
//                            key -> ..data/key
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { core, Pod } from '../api/types.ts';
import type { Mounts } from '../linux/mount/mount.ts';
import type { Container } from './containers.ts';
import { expand } from './env.ts';
import type { EnvSources } from './env.ts';
import { modeWithGroup, VolumeError, volumePlan } from './volumes.ts';
import type { VolumeFile, VolumePlan } from './volumes.ts';

export class PodVolumes {
  readonly #dir: string;
  readonly #mounts: Mounts;
  #plans = new Map<string, VolumePlan>();
  /** What each directory holds now; lost with the process, and then written once more. */
  readonly #written = new Map<string, string>();

  constructor(podDir: string, mounts: Mounts) {
    this.#dir = join(podDir, 'volumes');
    this.#mounts = mounts;
  }

  /** Makes what is not there and renews what has changed. Throws VolumeError for the first that cannot be had. */
  setUp(pod: Pod, from: EnvSources): void {
    const plans = new Map<string, VolumePlan>();
    for (const volume of pod.spec.volumes ?? []) {
      const plan = named(volume.name, () => volumePlan(pod, volume, from));
      named(volume.name, () => this.#apply(pod, volume.name, plan));
      plans.set(volume.name, plan);
    }
    this.#plans = plans;
  }

  #apply(pod: Pod, name: string, plan: VolumePlan): void {
    if (plan.kind === 'hostPath') return checkHostPath(plan.path, plan.type);
    const dir = join(this.#dir, name);
    const fsGroup = pod.spec.securityContext?.fsGroup;
    if (!existsSync(dir)) {
      mkdirSync(dir, { recursive: true });
      const options = plan.kind === 'emptyDir' ? { sizeBytes: plan.sizeBytes, mode: '0777' } : { mode: '0755' };
      if (plan.memory) this.#mounts.tmpfs(dir, options);
      const mode = plan.kind === 'emptyDir' ? 0o777 : 0o755;
      if (fsGroup !== undefined) chownSync(dir, 0, fsGroup);
      // The umask has cut mkdir's mode; setgid lets new files belong to the group.
      chmodSync(dir, fsGroup === undefined ? mode : mode | 0o2070);
    }
    if (plan.kind === 'files') writeFiles(dir, plan.files, fsGroup, this.#written);
  }

  /** Where a mount of the container comes from on this node; makes a subPath that is not there. */
  sourceOf(pod: Pod, container: Container, mount: core.VolumeMount, env: ReadonlyMap<string, string>): string {
    const plan = this.#plans.get(mount.name);
    if (!plan) throw new VolumeError(`volume "${mount.name}" of container ${container.name} is not there`);
    const root = plan.kind === 'hostPath' ? plan.path : join(this.#dir, mount.name);
    const sub = mount.subPathExpr === undefined ? mount.subPath : expand(mount.subPathExpr, env);
    if (!sub) return root;
    if (sub.startsWith('/') || sub.split('/').includes('..'))
      throw new VolumeError(`subPath "${sub}" leads out of its volume`);
    const source = join(root, sub);
    if (!existsSync(source)) {
      if (plan.kind === 'files') throw new VolumeError(`subPath "${sub}" is not in volume "${mount.name}"`);
      const above = nearest(source);
      inside(root, above, sub);
      mkdirSync(source, { recursive: true, mode: 0o755 });
      const fsGroup = pod.spec.securityContext?.fsGroup;
      if (fsGroup !== undefined) chownSync(source, 0, fsGroup);
    }
    // The container may have put a symlink there: what is bound must lie in the volume.
    return inside(root, source, sub);
  }

  /** Volumes that no container may write. */
  readOnly(): ReadonlySet<string> {
    return new Set([...this.#plans].filter(([, plan]) => plan.kind === 'files').map(([name]) => name));
  }

  tearDown(): void {
    this.#mounts.unmountBelow(this.#dir);
    rmSync(this.#dir, { recursive: true, force: true });
    this.#plans.clear();
    this.#written.clear();
  }
}

function named<T>(volume: string, work: () => T): T {
  try {
    return work();
  } catch (e) {
    throw new VolumeError(`MountVolume.SetUp failed for volume "${volume}" : ${(e as Error).message}`);
  }
}

function nearest(path: string): string {
  return existsSync(path) ? path : nearest(dirname(path));
}

function inside(root: string, path: string, sub: string): string {
  const real = realpathSync(path);
  const base = realpathSync(root);
  if (real !== base && !real.startsWith(base + sep)) throw new VolumeError(`subPath "${sub}" leads out of its volume`);
  return real;
}

const HOST_PATH_KINDS: Readonly<Record<string, (path: string) => boolean>> = {
  Directory: (path) => statSync(path).isDirectory(),
  File: (path) => statSync(path).isFile(),
  Socket: (path) => statSync(path).isSocket(),
  CharDevice: (path) => statSync(path).isCharacterDevice(),
  BlockDevice: (path) => statSync(path).isBlockDevice(),
};

function checkHostPath(path: string, type: string): void {
  if (type === 'DirectoryOrCreate') mkdirSync(path, { recursive: true, mode: 0o755 });
  // A container engine makes a directory where nothing is.
  else if (type === '' && !existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o755 });
  else if (type === 'FileOrCreate' && !existsSync(path)) closeSync(openSync(path, 'w', 0o644));
  const kind = type.replace('OrCreate', '');
  const fits = HOST_PATH_KINDS[kind];
  if (fits && !(existsSync(path) && fits(path)))
    throw new VolumeError(`hostPath type check failed: ${path} is not a ${kind}`);
}

/** Swaps the files as a whole, if any differs. */
function writeFiles(
  dir: string,
  files: readonly VolumeFile[],
  fsGroup: number | undefined,
  written: Map<string, string>,
): void {
  const print = JSON.stringify(files.map((f) => [f.path, f.mode, Buffer.from(f.bytes).toString('base64')]));
  const data = join(dir, '..data');
  const old = isLink(data) ? readlinkSync(data) : undefined;
  if (written.get(dir) === print && old !== undefined) return;
  const version = `..${new Date().toISOString().replaceAll(/[-:T.Z]/g, '_')}${Math.floor(Math.random() * 1e9)}`;
  const fresh = join(dir, version);
  mkdirSync(fresh, { mode: 0o755 });
  for (const file of files) {
    const path = join(fresh, file.path);
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(path, file.bytes);
    if (fsGroup !== undefined) chownSync(path, 0, fsGroup);
    chmodSync(path, modeWithGroup(file.mode, fsGroup));
  }
  symlinkSync(version, join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), data);
  linkTops(dir, new Set(files.map((f) => f.path.split('/')[0] ?? '')));
  if (old !== undefined && old !== version) rmSync(join(dir, old), { recursive: true, force: true });
  written.set(dir, print);
}

/** The visible names: links into ..data; those of files that are gone go too. */
function linkTops(dir: string, names: ReadonlySet<string>): void {
  for (const name of names) if (!isLink(join(dir, name))) symlinkSync(join('..data', name), join(dir, name));
  for (const name of readdirSync(dir)) if (!name.startsWith('..') && !names.has(name)) rmSync(join(dir, name));
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

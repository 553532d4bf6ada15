// The start of one container: image, variables, root filesystem, bundle, create, start, postStart. Each thing that can be
// missing is an answer with its reason; each thing that can fail ends in a record that says so.
import { chownSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../api/types.ts';
import { ociConfig } from '../linux/oci/config.ts';
import { BundleError, containerSpec, resolveUser, rootRefusal } from './bundle.ts';
import type { User } from './bundle.ts';
import type { Container } from './containers.ts';
import { containerEnv } from './env.ts';
import type { EnvSources } from './env.ts';
import type { Image } from './image/image.ts';
import { normalImageName } from './image/name.ts';
import type { Sandbox } from './inputs.ts';
import type { NodeContext } from './node.io.ts';
import type { ContainerRecord } from './seen.ts';
import { VolumeError } from './volumes.ts';
import type { PodVolumes } from './volumes.io.ts';

export interface PodFiles {
  readonly dir: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
  readonly shm: string;
}

export const logFile = (podDir: string, container: string, attempt: number): string =>
  join(podDir, 'logs', container, `${attempt}.log`);

/** Something that the container needs is not there: it waits, with this in its status. */
export class NotStartable extends Error {
  readonly reason: string;
  /** The event's reason and text; absent: nothing new to say. */
  readonly event?: { readonly reason: string; readonly message: string };
  constructor(reason: string, message: string, event?: { reason: string; message: string }) {
    super(message);
    this.reason = reason;
    this.event = event;
  }
}

export function findImage(node: NodeContext, container: Container, failuresBefore: number): Image {
  const given = container.image ?? '';
  const name = normalImageName(given);
  if (name === undefined) {
    const message = `Failed to apply default image tag "${given}": couldn't parse image name "${given}": invalid reference format`;
    throw new NotStartable('InvalidImageName', message, { reason: 'InspectFailed', message });
  }
  const image = node.images.find(name);
  if (image) return image;
  if (container.imagePullPolicy === 'Never') {
    const message = `Container image "${given}" is not present with pull policy of Never`;
    throw new NotStartable('ErrImageNeverPull', message, { reason: 'ErrImageNeverPull', message });
  }
  const why = `no image of that name is loaded, and this cluster pulls from no registry: podlan load FILE`;
  const message = `failed to pull image "${given}": ${why}`;
  if (failuresBefore === 0)
    throw new NotStartable('ErrImagePull', message, {
      reason: 'Failed',
      message: `Failed to pull image "${given}": ${why}`,
    });
  const backOff = `Back-off pulling image "${given}"`;
  throw new NotStartable('ImagePullBackOff', `${backOff}: ErrImagePull: ${message}`, {
    reason: 'BackOff',
    message: backOff,
  });
}

export interface Start {
  readonly id: string;
  readonly pod: Pod;
  readonly container: Container;
  readonly image: Image;
  readonly record: ContainerRecord;
  readonly sandbox: Sandbox;
  readonly files: PodFiles;
  readonly volumes: PodVolumes;
  readonly sources: EnvSources;
}

/** Makes the bundle and the container, not yet running. Throws NotStartable before anything is made, RuntimeError after. */
export async function createContainer(node: NodeContext, o: Start): Promise<void> {
  const { pod, container, id } = o;
  const given = containerEnv(pod, container, o.sources);
  if ('why' in given) throw configError(given.why);
  const dir = node.runtime.prepare(id);
  const rootfs = join(dir, 'rootfs');
  for (const part of ['rootfs', 'upper', 'work']) mkdirSync(join(dir, part), { recursive: true, mode: 0o755 });
  node.mounts.overlay(rootfs, {
    lower: o.image.layers.toReversed(),
    upper: join(dir, 'upper'),
    work: join(dir, 'work'),
  });
  const prepared = attemptConfig(() => {
    const user = userOf(o, rootfs);
    const refused = rootRefusal(pod, container, user);
    if (refused) throw new BundleError(refused);
    const volumeSources = (container.volumeMounts ?? []).map((m) => o.volumes.sourceOf(pod, container, m, given.env));
    return { user, volumeSources };
  });
  const termination = join(dir, 'termination-log');
  writeFileSync(termination, '', { mode: 0o666 });
  chownSync(termination, prepared.user.uid, prepared.user.gid);
  const spec = attemptConfig(() =>
    containerSpec(pod, container, {
      image: o.image,
      ...prepared,
      env: given.env,
      rootfs,
      netnsPath: o.sandbox.netnsPath,
      cgroupPath: `${node.cgroup}/pod${pod.metadata.uid}/${id}`,
      cgroupV2: node.machine.cgroupV2,
      devices: container.securityContext?.privileged ? node.devices() : [],
      maskedPaths: node.maskedPaths,
      files: { ...o.files, terminationMessage: termination },
      readOnlyVolumes: o.volumes.readOnly(),
      clusterDomain: node.settings.clusterDomain,
      nodeMemoryBytes: node.machine.memoryBytes,
      held: node.machine.held,
    }),
  );
  const logPath = logFile(o.files.dir, container.name, o.record.attempt);
  mkdirSync(join(logPath, '..'), { recursive: true, mode: 0o755 });
  await node.runtime.create({
    id,
    config: ociConfig(spec),
    logPath,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    record: o.record,
  });
}

const configError = (why: string): NotStartable =>
  new NotStartable('CreateContainerConfigError', why, { reason: 'Failed', message: `Error: ${why}` });

function attemptConfig<T>(work: () => T): T {
  try {
    return work();
  } catch (e) {
    if (e instanceof BundleError || e instanceof VolumeError) throw configError(e.message);
    throw e;
  }
}

function userOf(o: Start, rootfs: string): User {
  const security = o.container.securityContext ?? {};
  const context = o.pod.spec.securityContext ?? {};
  return resolveUser(
    {
      image: o.image.config.User,
      runAsUser: security.runAsUser ?? context.runAsUser,
      runAsGroup: security.runAsGroup ?? context.runAsGroup,
    },
    { passwd: plainFile(join(rootfs, 'etc/passwd')), group: plainFile(join(rootfs, 'etc/group')) },
  );
}

/** A symlink in an image would be followed on the machine: it is no user database. */
function plainFile(path: string): string {
  try {
    return lstatSync(path).isFile() ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
}

// An image that is here, and the archive formats that it came in.
import { HOST_IMAGE } from './name.ts';

/** The part of an OCI image config that says how to run it. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Env?: readonly string[] | null;
  /** name, uid, name:group, uid:gid */
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly StopSignal?: string;
}

export interface Image {
  /** In full: docker.io/library/web:latest */
  readonly name: string;
  /** sha256:... of its config; what status.containerStatuses[].imageID shows. */
  readonly id: string;
  /** sha256:... of its manifest, or of its config where an archive has no manifest. */
  readonly digest: string;
  /** Directories, lowest first. */
  readonly layers: readonly string[];
  readonly config: ImageConfig;
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export const hostImage: Image = {
  name: HOST_IMAGE,
  id: 'host',
  digest: 'host',
  layers: ['/'],
  config: { Env: [PATH], WorkingDir: '/' },
};

/** A container's argv by the rules of `command` and `args`: a command hides the image's Cmd too. Empty: there is nothing to run. */
export function argvOf(
  container: { readonly command?: readonly string[]; readonly args?: readonly string[] },
  config: ImageConfig,
): string[] {
  const { command = [], args = [] } = container;
  if (command.length > 0) return [...command, ...args];
  if (args.length > 0) return [...(config.Entrypoint ?? []), ...args];
  return [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
}

/** Variables of the image, PATH at least. */
export function imageEnv(config: ImageConfig): string[] {
  const env = [...(config.Env ?? [])];
  return env.some((entry) => entry.startsWith('PATH=')) ? env : [PATH, ...env];
}

// --- what lies in archives ---

export interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size?: number;
  readonly platform?: { readonly os?: string; readonly architecture?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}
export interface OciIndex {
  readonly manifests: readonly Descriptor[];
}
export interface OciManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}
/** One entry of manifest.json in a `docker save` archive: paths in it. */
export interface DockerManifest {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}
export interface ConfigFile {
  readonly architecture?: string;
  readonly os?: string;
  readonly config?: ImageConfig | null;
  readonly rootfs?: { readonly diff_ids?: readonly string[] };
}

export const isIndex = (d: Descriptor): boolean => /(image\.index|manifest\.list)/.test(d.mediaType ?? '');

/** Of the manifests for several machines the one for this; attestations say 'unknown' and are none. */
export function forMachine(manifests: readonly Descriptor[], architecture: string): Descriptor | undefined {
  const fits = (d: Descriptor): boolean =>
    d.platform === undefined || (d.platform.os === 'linux' && d.platform.architecture === architecture);
  return manifests.find(fits);
}

/** blobs/sha256/<hex>; throws on anything else, so that no digest leads out of the archive. */
export function blobPath(digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex === undefined) throw new Error(`not a sha256 digest: ${digest}`);
  return `blobs/sha256/${hex}`;
}

/** Short: an overlay's layers must fit into one page of mount options. */
export const layerName = (diffId: string): string => blobPath(diffId).slice('blobs/sha256/'.length).slice(0, 32);

// Volumes as data: what each is to be on disk, from the pod and the objects that it names. Pure.
import { parseQuantity } from '../api/quantity.ts';
import type { core, Pod } from '../api/types.ts';
import { base64Bytes } from '../lib/bytes.ts';
import type { EnvSources } from './env.ts';
import { containerResource, podField } from './downward.ts';

export interface VolumeFile {
  /** Relative, no '..' in it. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
}

export type VolumePlan =
  | { readonly kind: 'emptyDir'; readonly memory: boolean; readonly sizeBytes?: number }
  | { readonly kind: 'hostPath'; readonly path: string; readonly type: string }
  | { readonly kind: 'files'; readonly files: readonly VolumeFile[]; readonly memory: boolean };

const DEFAULT_MODE = 0o644;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export class VolumeError extends Error {}

/** Throws VolumeError when something that it names is not there. */
export function volumePlan(pod: Pod, volume: core.Volume, from: EnvSources): VolumePlan {
  if (volume.hostPath) return { kind: 'hostPath', path: volume.hostPath.path, type: volume.hostPath.type ?? '' };
  if (volume.configMap) return { kind: 'files', files: configMapFiles(volume.configMap, from), memory: false };
  if (volume.secret) {
    const { secretName, items, optional, defaultMode } = volume.secret;
    return {
      kind: 'files',
      files: secretFiles({ name: secretName, items, optional, defaultMode }, from),
      memory: true,
    };
  }
  if (volume.downwardAPI) {
    const { items = [], defaultMode } = volume.downwardAPI;
    return { kind: 'files', files: downwardFiles(pod, items, defaultMode, from), memory: true };
  }
  if (volume.projected) {
    const { sources = [], defaultMode } = volume.projected;
    const files = sources.flatMap((source) => [
      ...(source.configMap ? configMapFiles({ ...source.configMap, defaultMode }, from) : []),
      ...(source.secret ? secretFiles({ ...source.secret, defaultMode }, from) : []),
      ...(source.downwardAPI ? downwardFiles(pod, source.downwardAPI.items ?? [], defaultMode, from) : []),
    ]);
    // The last source with a path has it.
    return { kind: 'files', files: [...new Map(files.map((f) => [f.path, f])).values()], memory: true };
  }
  const limit = volume.emptyDir?.sizeLimit;
  return {
    kind: 'emptyDir',
    memory: volume.emptyDir?.medium === 'Memory',
    ...(limit === undefined ? {} : { sizeBytes: parseQuantity(limit) }),
  };
}

interface ObjectSource {
  readonly name?: string;
  readonly items?: readonly core.KeyToPath[];
  readonly optional?: boolean;
  readonly defaultMode?: number;
}

function configMapFiles(source: ObjectSource, from: EnvSources): VolumeFile[] {
  const { name = '' } = source;
  const found = from.configMap(name);
  if (!found && !source.optional) throw new VolumeError(`configmap "${name}" not found`);
  const data = new Map<string, Uint8Array>([
    ...Object.entries(found?.data ?? {}).map(([k, v]): [string, Uint8Array] => [k, text(v)]),
    ...Object.entries(found?.binaryData ?? {}).map(([k, v]): [string, Uint8Array] => [k, base64Bytes(v)]),
  ]);
  return chosen(data, source, 'configmap');
}

function secretFiles(source: ObjectSource, from: EnvSources): VolumeFile[] {
  const { name = '' } = source;
  const found = from.secret(name);
  if (!found && !source.optional) throw new VolumeError(`secret "${name}" not found`);
  const data = new Map(Object.entries(found?.data ?? {}).map(([k, v]): [string, Uint8Array] => [k, base64Bytes(v)]));
  return chosen(data, source, 'secret');
}

/** All keys as files, or the items named. */
function chosen(data: ReadonlyMap<string, Uint8Array>, source: ObjectSource, what: string): VolumeFile[] {
  const { items = [], optional, defaultMode = DEFAULT_MODE } = source;
  if (items.length === 0) return [...data].map(([path, bytes]) => ({ path, bytes, mode: defaultMode }));
  return items.flatMap(({ key, path, mode }) => {
    const bytes = data.get(key);
    if (bytes) return [{ path, bytes, mode: mode ?? defaultMode }];
    if (optional) return [];
    throw new VolumeError(`references non-existent ${what} key: ${key}`);
  });
}

function downwardFiles(
  pod: Pod,
  items: readonly core.DownwardAPIVolumeFile[],
  defaultMode: number | undefined,
  from: EnvSources,
): VolumeFile[] {
  return items.map(({ path, fieldRef, resourceFieldRef, mode }) => {
    const value = fieldRef
      ? podField(pod, fieldRef.fieldPath, from, from.podIps)
      : resourceFieldRef
        ? containerResource(pod, undefined, resourceFieldRef, from)
        : '';
    return { path, bytes: text(value), mode: mode ?? defaultMode ?? DEFAULT_MODE };
  });
}

/** Names of the ConfigMaps and Secrets that a pod reads: a change of one of them concerns it. */
export function objectsReadBy(pod: Pod): ReadonlySet<string> {
  const names = new Set<string>();
  const add = (kind: 'ConfigMap' | 'Secret', name: string | undefined): void =>
    void (name && names.add(`${kind}/${name}`));
  for (const volume of pod.spec.volumes ?? []) {
    add('ConfigMap', volume.configMap?.name);
    add('Secret', volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      add('ConfigMap', source.configMap?.name);
      add('Secret', source.secret?.name);
    }
  }
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      add('ConfigMap', configMapRef?.name);
      add('Secret', secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add('ConfigMap', valueFrom?.configMapKeyRef?.name);
      add('Secret', valueFrom?.secretKeyRef?.name);
    }
  }
  return names;
}

/** With fsGroup the group may read what the owner may, and owns it. */
export const modeWithGroup = (mode: number, fsGroup: number | undefined): number =>
  fsGroup === undefined ? mode : mode | ((mode & 0o400) >> 3);

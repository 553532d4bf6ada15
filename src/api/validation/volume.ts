// Volumes of a pod, and their mounts in a container.
import { parseQuantity } from '../quantity.ts';
import type { core } from '../types.ts';
import {
  duplicate,
  type Errors,
  forbidden,
  formatErrors,
  invalidValue,
  notFound,
  notSupported,
  required,
} from './field.ts';
import { isDns1123Label } from './names.ts';
import { fieldRefErrors, resourceFieldErrors, VOLUME_FIELDS } from './reference.ts';

const MODE = 'must be a number between 0 and 0777 (octal), both inclusive';

function* modeErrors(field: string, mode: number | undefined): Errors {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) yield invalidValue(field, mode, MODE);
}

/** A path below the volume: relative, and never upwards. */
export function* localPathErrors(field: string, path: string): Errors {
  if (path.startsWith('/')) yield invalidValue(field, path, 'must be a relative path');
  if (path.split('/').includes('..')) yield invalidValue(field, path, "must not contain '..'");
}

function* localNonReservedErrors(field: string, path: string): Errors {
  yield* localPathErrors(field, path);
  // The kubelet keeps its own state under names like this.
  if (path.startsWith('..') && !path.startsWith('../')) yield invalidValue(field, path, "must not start with '..'");
}

function* itemErrors(field: string, items: readonly core.KeyToPath[] | undefined): Errors {
  for (const [index, { key, path, mode }] of (items ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (!key) yield required(`${at}.key`);
    if (!path) yield required(`${at}.path`);
    else yield* localNonReservedErrors(`${at}.path`, path);
    yield* modeErrors(`${at}.mode`, mode);
  }
}

function* downwardErrors(field: string, items: readonly core.DownwardAPIVolumeFile[] | undefined): Errors {
  for (const [index, item] of (items ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (!item.path) yield required(`${at}.path`);
    else yield* localNonReservedErrors(`${at}.path`, item.path);
    if (item.fieldRef) {
      yield* fieldRefErrors(`${at}.fieldRef`, item.fieldRef, VOLUME_FIELDS);
      if (item.resourceFieldRef) {
        yield invalidValue(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
      }
    } else if (item.resourceFieldRef) yield* resourceFieldErrors(`${at}.resourceFieldRef`, item.resourceFieldRef, true);
    else yield required(at, 'one of fieldRef and resourceFieldRef is required');
    yield* modeErrors(`${at}.mode`, item.mode);
  }
}

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

function* hostPathErrors(field: string, { path, type = '' }: core.HostPathVolumeSource): Errors {
  if (!path) yield required(`${field}.path`);
  else if (path.split('/').includes('..')) yield invalidValue(`${field}.path`, path, "must not contain '..'");
  if (!HOST_PATH_TYPES.includes(type)) yield notSupported(`${field}.type`, type, HOST_PATH_TYPES);
}

function* projectionErrors(field: string, { sources = [], defaultMode }: core.ProjectedVolumeSource): Errors {
  yield* modeErrors(`${field}.defaultMode`, defaultMode);
  for (const [index, source] of sources.entries()) {
    const at = `${field}.sources[${index}]`;
    const present = Object.keys(source);
    if (present.length > 1) yield forbidden(at, 'may not specify more than 1 volume type per source');
    if (present.length === 0) yield required(at, 'must specify a volume source');
    if (source.configMap) {
      if (!source.configMap.name) yield required(`${at}.configMap.name`);
      yield* itemErrors(`${at}.configMap.items`, source.configMap.items);
    }
    if (source.secret) {
      if (!source.secret.name) yield required(`${at}.secret.name`);
      yield* itemErrors(`${at}.secret.items`, source.secret.items);
    }
    if (source.downwardAPI) yield* downwardErrors(`${at}.downwardAPI.items`, source.downwardAPI.items);
  }
}

function* emptyDirErrors(field: string, { sizeLimit }: core.EmptyDirVolumeSource): Errors {
  if (sizeLimit !== undefined && (parseQuantity(sizeLimit) ?? 0) < 0) {
    yield forbidden(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity');
  }
}

function* sourceErrors(field: string, volume: core.Volume): Errors {
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  if (sources.length === 0) yield required(field, 'must specify a volume type');
  for (const extra of sources.slice(1)) {
    yield forbidden(`${field}.${extra}`, 'may not specify more than 1 volume type');
  }
  const { emptyDir, hostPath, configMap, secret, downwardAPI, projected } = volume;
  if (emptyDir) yield* emptyDirErrors(`${field}.emptyDir`, emptyDir);
  if (hostPath) yield* hostPathErrors(`${field}.hostPath`, hostPath);
  if (configMap) {
    if (!configMap.name) yield required(`${field}.configMap.name`);
    yield* modeErrors(`${field}.configMap.defaultMode`, configMap.defaultMode);
    yield* itemErrors(`${field}.configMap.items`, configMap.items);
  }
  if (secret) {
    if (!secret.secretName) yield required(`${field}.secret.secretName`);
    yield* modeErrors(`${field}.secret.defaultMode`, secret.defaultMode);
    yield* itemErrors(`${field}.secret.items`, secret.items);
  }
  if (downwardAPI) {
    yield* modeErrors(`${field}.downwardAPI.defaultMode`, downwardAPI.defaultMode);
    yield* downwardErrors(`${field}.downwardAPI.items`, downwardAPI.items);
  }
  if (projected) yield* projectionErrors(`${field}.projected`, projected);
}

export function* volumeErrors(field: string, volumes: readonly core.Volume[]): Errors {
  const names = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const at = `${field}[${index}]`;
    yield* sourceErrors(at, volume);
    if (!volume.name) yield required(`${at}.name`);
    else {
      yield* formatErrors(`${at}.name`, volume.name, isDns1123Label(volume.name));
      if (names.has(volume.name)) yield duplicate(`${at}.name`, volume.name);
    }
    names.add(volume.name);
  }
}

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None'];

export function* mountErrors(field: string, container: core.Container, volumes: readonly core.Volume[]): Errors {
  const paths = new Set<string>();
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (!mount.name) yield required(`${at}.name`);
    else if (!volumes.some((volume) => volume.name === mount.name)) yield notFound(`${at}.name`, mount.name);
    if (!mount.mountPath) yield required(`${at}.mountPath`);
    else if (paths.has(mount.mountPath)) yield invalidValue(`${at}.mountPath`, mount.mountPath, 'must be unique');
    paths.add(mount.mountPath);
    if (mount.subPath) yield* localPathErrors(`${at}.subPath`, mount.subPath);
    if (mount.subPathExpr) {
      if (mount.subPath) {
        yield invalidValue(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive');
      }
      yield* localPathErrors(`${at}.subPathExpr`, mount.subPathExpr);
    }
    const { mountPropagation } = mount;
    if (mountPropagation !== undefined && !PROPAGATIONS.includes(mountPropagation)) {
      yield notSupported(`${at}.mountPropagation`, mountPropagation, PROPAGATIONS);
    }
    if (mountPropagation === 'Bidirectional' && !container.securityContext?.privileged) {
      yield forbidden(
        `${at}.mountPropagation`,
        'Bidirectional mount propagation is available only to privileged containers',
      );
    }
  }
}

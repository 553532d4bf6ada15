// References from a pod's fields to its own metadata and resources: downward API.
import type { core } from '../types.ts';
import { type Errors, formatErrors, invalidValue, notSupported, required } from './field.ts';
import { isQualifiedName } from './names.ts';

export const ENV_FIELDS: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
export const VOLUME_FIELDS: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
/** Fields that a path may name at all; a kind of reference takes a part of them. */
const KNOWN = new Set([...ENV_FIELDS, ...VOLUME_FIELDS, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase']);

export function* fieldRefErrors(
  field: string,
  { apiVersion, fieldPath }: core.ObjectFieldSelector,
  supported: readonly string[],
): Errors {
  if (!apiVersion) yield required(`${field}.apiVersion`);
  if (!fieldPath) {
    yield required(`${field}.fieldPath`);
    return;
  }
  const subscript = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/.exec(fieldPath);
  if (subscript) {
    const key = subscript[1] === 'metadata.annotations' ? (subscript[2] ?? '').toLowerCase() : (subscript[2] ?? '');
    yield* formatErrors(field, subscript[2], isQualifiedName(key));
  } else if (!KNOWN.has(fieldPath)) {
    yield invalidValue(
      `${field}.fieldPath`,
      fieldPath,
      `error converting fieldPath: field label not supported: ${fieldPath}`,
    );
  } else if (!supported.includes(fieldPath)) yield notSupported(`${field}.fieldPath`, fieldPath, supported);
}

const RESOURCES = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

export function* resourceFieldErrors(
  field: string,
  { resource, containerName }: core.ResourceFieldSelector,
  inVolume: boolean,
): Errors {
  if (inVolume && !containerName) yield required(`${field}.containerName`);
  if (!resource) yield required(`${field}.resource`);
  else if (!RESOURCES.includes(resource)) yield notSupported(`${field}.resource`, resource, RESOURCES);
}

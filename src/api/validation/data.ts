// ConfigMaps and Secrets: keys that can be file names, one MiB at most, and immutability when asked for.
import type { ConfigMap, Secret } from '../types.ts';
import { type Errors, forbidden, formatErrors, IMMUTABLE, invalidValue, required, same, tooLong } from './field.ts';
import { byteLength, isConfigKey } from './names.ts';

const MAX_BYTES = 1024 * 1024;
const FROZEN = 'field is immutable when `immutable` is set';

const base64Bytes = (text: string): number => Math.floor((text.replace(/[\r\n=]/g, '').length * 3) / 4);

export function* configMapErrors({ data, binaryData }: ConfigMap): Errors {
  let bytes = 0;
  for (const [key, value] of Object.entries(data ?? {})) {
    yield* formatErrors(`data[${key}]`, key, isConfigKey(key));
    if (binaryData && Object.hasOwn(binaryData, key)) {
      yield invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData');
    }
    bytes += byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData ?? {})) {
    yield* formatErrors(`binaryData[${key}]`, key, isConfigKey(key));
    bytes += base64Bytes(value);
  }
  // The limit is on the whole: upstream's path is the empty one, which prints as [].
  if (bytes > MAX_BYTES) yield tooLong('[]', MAX_BYTES);
}

export function* configMapUpdateErrors(now: ConfigMap, old: ConfigMap): Errors {
  if (!old.immutable) return;
  if (!now.immutable) yield forbidden('immutable', FROZEN);
  if (!same(now.data ?? {}, old.data ?? {})) yield forbidden('data', FROZEN);
  if (!same(now.binaryData ?? {}, old.binaryData ?? {})) yield forbidden('binaryData', FROZEN);
}

/** Keys that a type of Secret must have; one of a list is enough. */
const SECRET_KEYS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'kubernetes.io/dockercfg': [['.dockercfg']],
  'kubernetes.io/dockerconfigjson': [['.dockerconfigjson']],
  'kubernetes.io/basic-auth': [['username', 'password']],
  'kubernetes.io/ssh-auth': [['ssh-privatekey']],
  'kubernetes.io/tls': [['tls.crt'], ['tls.key']],
};
const JSON_TYPES = new Set(['kubernetes.io/dockercfg', 'kubernetes.io/dockerconfigjson']);

function isJson(base64: string): boolean {
  try {
    JSON.parse(atob(base64));
    return true;
  } catch {
    return false;
  }
}

export function* secretErrors({ data = {}, type = 'Opaque', metadata }: Secret): Errors {
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    yield* formatErrors(`data[${key}]`, key, isConfigKey(key));
    bytes += base64Bytes(value);
  }
  if (bytes > MAX_BYTES) yield tooLong('data', MAX_BYTES);
  for (const keys of SECRET_KEYS[type] ?? []) {
    if (keys.every((key) => !Object.hasOwn(data, key))) {
      for (const key of keys) yield required(`data[${key}]`);
    } else if (JSON_TYPES.has(type) && !isJson(data[keys[0] ?? ''] ?? '')) {
      yield invalidValue(`data[${keys[0]}]`, '<secret contents redacted>', 'invalid character in JSON');
    }
  }
  const account = 'kubernetes.io/service-account.name';
  if (type === 'kubernetes.io/service-account-token' && !metadata.annotations?.[account]) {
    yield required(`metadata.annotations[${account}]`);
  }
}

export function* secretUpdateErrors(now: Secret, old: Secret): Errors {
  if (now.type !== old.type) yield invalidValue('type', now.type ?? '', IMMUTABLE);
  if (!old.immutable) return;
  if (!now.immutable) yield forbidden('immutable', FROZEN);
  if (!same(now.data ?? {}, old.data ?? {})) yield forbidden('data', FROZEN);
}

// How objects stand in the store: one JSON text each, in one key order, without the resourceVersion, which is the
// revision of the write and so is known only after it. It is spliced in when the text is read:
//
//   stored  {"kind":"Pod","apiVersion":"v1","metadata":{"name":...
//   served  {"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"17","name":...
import { type KindRow, KINDS } from '../api/kinds.ts';
import type { KubeObject } from '../api/types.ts';

const metadataStart = '"metadata":{';

export function storedText(object: KubeObject): string {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _spliced, managedFields, ...meta } = metadata;
  // Long and seldom read: last.
  const owned = managedFields && managedFields.length > 0 ? { ...meta, managedFields } : meta;
  return JSON.stringify({ kind, apiVersion, metadata: owned, ...rest });
}

/** Neither kind nor apiVersion can hold the marker: its first occurrence is the object's own metadata. */
export function servedText(stored: string, revision: number): string {
  const at = stored.indexOf(metadataStart) + metadataStart.length;
  return `${stored.slice(0, at)}"resourceVersion":"${revision}",${stored.slice(at)}`;
}

/** '/apps/deployments/my-app/web', '/core/nodes/node-1': sorts by namespace, then name. */
export const storeKey = (row: KindRow, namespace: string | undefined, name: string): string =>
  `${keyPrefix(row, namespace)}${name}`;

export const keyPrefix = (row: KindRow, namespace?: string): string => {
  const resource = `/${row.group === '' ? 'core' : row.group}/${row.plural}/`;
  return row.namespaced && namespace !== undefined ? `${resource}${namespace}/` : resource;
};

const rowsByPrefix = new Map(KINDS.map((row) => [keyPrefix(row), row]));

export function rowOfKey(key: string): KindRow | undefined {
  const end = key.indexOf('/', key.indexOf('/', 1) + 1) + 1;
  return rowsByPrefix.get(key.slice(0, end));
}

export const sameJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = Object.keys(left).filter((k) => left[k] !== undefined);
  if (keys.length !== Object.keys(right).filter((k) => right[k] !== undefined).length) return false;
  return keys.every((k) => Object.hasOwn(right, k) && sameJson(left[k], right[k]));
};

/** The object's meaning apart from its metadata and status: what metadata.generation counts changes of. */
export function desired(object: KubeObject): Record<string, unknown> {
  const { metadata: _m, status: _s, kind: _k, apiVersion: _a, ...rest } = object as KubeObject & { status?: unknown };
  return rest;
}

// JSON patch, RFC 6902, over JSON pointers, RFC 6901.
import { isObject, type Json } from './merge.ts';

export interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: Json;
}

/** Why a patch cannot be applied; `malformed`: it is no JSON patch at all. */
export class PatchError extends Error {
  readonly malformed: boolean;
  constructor(message: string, malformed = false) {
    super(message);
    this.name = 'PatchError';
    this.malformed = malformed;
  }
}

const known = ['add', 'remove', 'replace', 'move', 'copy', 'test'];
/** Upstream's limit of a patch. */
const maxOperations = 10_000;

export function jsonPatch(document: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw new PatchError('a JSON patch is an array of operations', true);
  if (patch.length > maxOperations) {
    throw new PatchError(`The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`);
  }
  // One copy for all operations, which then change it in place.
  let result = structuredClone(document);
  for (const item of patch as Operation[]) {
    if (!isObject(item) || typeof item.path !== 'string' || !known.includes(item.op)) {
      throw new PatchError(`Unexpected kind: ${JSON.stringify((item as Partial<Operation> | null)?.op ?? item)}`, true);
    }
    result = apply(result, item);
  }
  return result;
}

function apply(document: Json, o: Operation): Json {
  const path = tokens(o.path);
  switch (o.op) {
    case 'add':
      return put(document, path, structuredClone(o.value), 'add', o.path);
    case 'replace':
      if (path.length > 0) read(document, path, o.path, 'replace');
      return put(document, path, structuredClone(o.value), 'replace', o.path);
    case 'remove':
      return take(document, path, o.path);
    case 'copy':
      return put(document, path, structuredClone(read(document, tokens(o.from), o.from ?? '', 'copy')), 'add', o.path);
    case 'move': {
      const from = tokens(o.from);
      const value = read(document, from, o.from ?? '', 'move');
      return put(take(document, from, o.from ?? ''), path, value, 'add', o.path);
    }
    default: {
      const found = read(document, path, o.path, 'test', true) ?? null;
      if (!equal(found, o.value ?? null)) throw new PatchError(`testing value ${o.path} failed: test failed`);
      return document;
    }
  }
}

function tokens(pointer: string | undefined): string[] {
  if (pointer === '') return [];
  if (!pointer?.startsWith('/')) throw new PatchError(`not a JSON pointer: ${JSON.stringify(pointer ?? null)}`, true);
  return pointer
    .slice(1)
    .split('/')
    .map((t) => t.replace(/~1/g, '/').replace(/~0/g, '~'));
}

const missing = (op: string, pointer: string): PatchError =>
  new PatchError(`${op} operation does not apply: doc is missing path: ${JSON.stringify(pointer)}: missing value`);

function index(list: readonly Json[], token: string, limit: number): number | undefined {
  if (!/^(0|[1-9]\d*)$/.test(token)) return undefined;
  const i = Number(token);
  return i < limit && i <= list.length ? i : undefined;
}

function read(document: Json, path: readonly string[], pointer: string, op: string, lenient = false): Json {
  let at = document;
  for (const token of path) {
    if (Array.isArray(at)) {
      const i = index(at, token, at.length);
      if (i === undefined) throw missing(op, pointer);
      at = at[i];
    } else if (isObject(at) && Object.hasOwn(at, token)) at = at[token];
    else if (lenient) return undefined;
    else throw missing(op, pointer);
  }
  return at;
}

function put(document: Json, path: readonly string[], value: Json, op: 'add' | 'replace', pointer: string): Json {
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = read(document, path.slice(0, -1), pointer, op);
  if (Array.isArray(parent)) {
    const i =
      last === '-' && op === 'add' ? parent.length : index(parent, last, parent.length + (op === 'add' ? 1 : 0));
    if (i === undefined) throw missing(op, pointer);
    parent.splice(i, op === 'add' ? 0 : 1, value);
  } else if (isObject(parent)) parent[last] = value;
  else throw missing(op, pointer);
  return document;
}

function take(document: Json, path: readonly string[], pointer: string): Json {
  const last = path.at(-1);
  if (last === undefined) return null;
  read(document, path, pointer, 'remove');
  const parent = read(document, path.slice(0, -1), pointer, 'remove');
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (isObject(parent)) delete parent[last];
  return document;
}

/** Equal as JSON: the order of keys does not matter. */
function equal(a: Json, b: Json): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((v, i) => equal(v, b[i]));
  if (!isObject(a) || !isObject(b)) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((k) => Object.hasOwn(b, k) && equal(a[k], b[k]));
}

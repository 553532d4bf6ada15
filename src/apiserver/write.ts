// Create and update: compare-and-set on the store, around the admission that both share.
import type { ApiResponse } from '../api/http.ts';
import { apiVersionOf, type KindRow } from '../api/kinds.ts';
import type { KubeObject } from '../api/types.ts';
import { decodeObject, type FieldValidation, prepareCreate, prepareUpdate, type Prepared } from './admission.ts';
import { checkWriteOptions } from './apply/options.ts';
import { type Ownership, updateBy, writerOf } from './apply/ownership.ts';
import { decodeBody } from './body.ts';
import type { Call, Context } from './context.ts';
import { alreadyExists, badRequest, conflict, notFound, staleWrite } from './errors.ts';
import { sameJson, storedText, storeKey } from './objects.ts';
import { objectAnswer } from './render.ts';
import { cached, type Cached } from './watchcache.ts';

export function fieldValidation(call: Call): FieldValidation {
  const asked = call.request.query.get('fieldValidation') ?? 'Warn';
  if (asked === 'Strict' || asked === 'Warn' || asked === 'Ignore') return asked;
  throw badRequest(`fieldValidation: Unsupported value: "${asked}": supported values: "Ignore", "Strict", "Warn"`);
}

export function isDryRun(asked: readonly unknown[]): boolean {
  const other = asked.find((v) => v !== 'All');
  if (other !== undefined)
    throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(other)}: supported values: "All"`);
  return asked.length > 0;
}

export const dryRunOf = (call: Call): boolean => isDryRun(call.request.query.getAll('dryRun'));

export function readObject(call: Call): KubeObject {
  const expected = { apiVersion: apiVersionOf(call.row), kind: call.row.kind };
  const { value, duplicates } = decodeBody(call.request.body, call.request.headers['content-type'], expected);
  return decodeObject(call.row, value, duplicates, fieldValidation(call), call.warnings);
}

/** Body and URL must speak of the same object; what the body leaves out it takes from the URL. */
export function addressed(call: Call, object: KubeObject): KubeObject {
  const meta = { ...object.metadata };
  if (call.row.namespaced) {
    if (meta.namespace && meta.namespace !== call.namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    meta.namespace = call.namespace;
  } else delete meta.namespace;
  if (call.name !== '') {
    if (meta.name && meta.name !== call.name) {
      throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${call.name})`);
    }
    meta.name = call.name;
  }
  return { ...object, metadata: meta };
}

/** Writes what was prepared, or shows what would be written; undefined: somebody else was faster. */
export async function commit(
  ctx: Context,
  row: KindRow,
  prepared: Prepared,
  expect: number,
  dryRun: boolean,
): Promise<Cached | undefined> {
  const { object, reservation } = prepared;
  const key = storeKey(row, object.metadata.namespace, object.metadata.name);
  const text = storedText(object);
  if (dryRun) {
    reservation.release();
    const found = ctx.cache.resource(row).get(key);
    return (found?.revision ?? 0) === expect ? unwritten(key, text, found) : undefined;
  }
  let written = false;
  try {
    const result = await ctx.store.put(key, text, expect);
    written = result.ok;
    return result.ok ? writtenAt(ctx, row, key, text, result.revision) : undefined;
  } finally {
    if (!written) reservation.release();
  }
}

/** The cache has had the event by now, and nearly always still holds this very version. */
function writtenAt(ctx: Context, row: KindRow, key: string, text: string, revision: number): Cached {
  const known = ctx.cache.resource(row).get(key);
  return known?.revision === revision ? known : cached(key, text, revision);
}

/** A dry run's answer has the version of what stands there now; none when nothing does. */
function unwritten(key: string, text: string, found: Cached | undefined): Cached {
  if (found) return cached(key, text, found.revision);
  return {
    key,
    revision: 0,
    stored: text,
    bytes: new TextEncoder().encode(text),
    object: JSON.parse(text) as KubeObject,
  };
}

const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;
const longestBase = 63 - suffixLength;

function generatedName(ctx: Context, base: string): string {
  let name = base.slice(0, longestBase);
  for (let i = 0; i < suffixLength; i += 1) name += nameAlphabet[Math.floor(ctx.env.random() * nameAlphabet.length)];
  return name;
}

/** Stores a new object, as the server itself does at its start and POST does for a client. */
export async function createObject(
  ctx: Context,
  row: KindRow,
  given: KubeObject,
  options: { dryRun: boolean; owners: Ownership },
): Promise<Cached> {
  if (given.metadata.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
  const generate = !given.metadata.name && given.metadata.generateName ? given.metadata.generateName : undefined;
  // A generated name that is taken is not the client's fault: other names are tried.
  for (let attempt = 1; ; attempt += 1) {
    const name = generate === undefined ? (given.metadata.name ?? '') : generatedName(ctx, generate);
    const prepared = prepareCreate(ctx, row, { ...given, metadata: { ...given.metadata, name } }, options.owners);
    const made = await commit(ctx, row, prepared, 0, options.dryRun);
    if (made) return made;
    if (generate === undefined || attempt >= 8) throw alreadyExists(row, name);
  }
}

export async function create(ctx: Context, call: Call): Promise<ApiResponse> {
  checkWriteOptions(call, 'CreateOptions');
  const owners = updateBy(call.row, writerOf(ctx, call));
  const made = await createObject(ctx, call.row, addressed(call, readObject(call)), { dryRun: dryRunOf(call), owners });
  return objectAnswer(ctx, call, made, 201);
}

export function find(ctx: Context, call: Call): Cached {
  const found = ctx.cache.resource(call.row).get(storeKey(call.row, call.namespace, call.name));
  if (!found) throw notFound(call.row, call.name);
  return found;
}

/** A change of an object as a function of what it is now: run again when somebody else was faster. */
export type Change = (current: Cached) => KubeObject;

const maxAttempts = 20;

export async function changeObject(
  ctx: Context,
  call: Call,
  change: Change,
  options: { subresource?: string; dryRun: boolean; owners: Ownership },
): Promise<Cached> {
  for (let attempt = 1; ; attempt += 1) {
    const current = find(ctx, call);
    const wanted = change(current);
    const { resourceVersion, uid } = wanted.metadata;
    if (uid && uid !== current.object.metadata.uid) {
      const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.object.metadata.uid}`;
      throw conflict(call.row, call.name, why);
    }
    const pinned = resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== '0';
    if (pinned && resourceVersion !== String(current.revision)) throw staleWrite(call.row, call.name);
    const prepared = prepareUpdate(ctx, call.row, wanted, current.object, options.owners, options.subresource);
    const done = await store(ctx, call.row, prepared, current, options.dryRun);
    if (done) return done;
    if (pinned || attempt >= maxAttempts) throw staleWrite(call.row, call.name);
  }
}

async function store(
  ctx: Context,
  row: KindRow,
  prepared: Prepared,
  current: Cached,
  dryRun: boolean,
): Promise<Cached | undefined> {
  const { object } = prepared;
  if (endsByThis(object)) {
    if (dryRun) {
      prepared.reservation.release();
      return unwritten(current.key, storedText(object), current);
    }
    const result = await ctx.store.delete(current.key, current.revision);
    prepared.reservation.release();
    return result.ok ? cached(current.key, storedText(object), result.revision) : undefined;
  }
  // Nothing changes: no write, no event, the same version.
  if (sameJson(object, current.object)) {
    prepared.reservation.release();
    return current;
  }
  return commit(ctx, row, prepared, current.revision, dryRun);
}

/** The last finalizer of a terminating object is gone: the write that took it ends the object. */
function endsByThis(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (deletionTimestamp === undefined || (finalizers?.length ?? 0) > 0) return false;
  if (object.kind === 'Namespace') {
    const { spec } = object as KubeObject & { spec?: { finalizers?: string[] } };
    if ((spec?.finalizers?.length ?? 0) > 0) return false;
  }
  return (deletionGracePeriodSeconds ?? 0) === 0;
}

export async function update(ctx: Context, call: Call): Promise<ApiResponse> {
  checkWriteOptions(call, 'UpdateOptions');
  const wanted = addressed(call, readObject(call));
  const owners = updateBy(call.row, writerOf(ctx, call));
  const options = { subresource: call.subresource, dryRun: dryRunOf(call), owners };
  return objectAnswer(ctx, call, await changeObject(ctx, call, () => wanted, options), 200);
}

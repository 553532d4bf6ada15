// PATCH with application/apply-patch+yaml: a configuration comes, an object and its owners go.
//
//   body -> checked against the type -> merged into what stands there, or into nothing -> the admission of every write
import type { ApiResponse } from '../../api/http.ts';
import { apiVersionOf, type KindRow } from '../../api/kinds.ts';
import { canonical } from '../../api/schema.ts';
import { ApiError, failure, isAlreadyExists, isNotFound } from '../../api/status.ts';
import type { KubeObject } from '../../api/types.ts';
import { decodeObject } from '../admission.ts';
import { decodeJson, decodeYaml, type Decoded } from '../body.ts';
import type { Call, Context } from '../context.ts';
import { badRequest, conflict, notFound } from '../errors.ts';
import { storeKey } from '../objects.ts';
import { objectAnswer } from '../render.ts';
import { addressed, changeObject, createObject, dryRunOf, fieldValidation } from '../write.ts';
import type { Cached } from '../watchcache.ts';
import { applyConflict } from './conflict.ts';
import { allowedByLastApplied, withLastApplied } from './lastapplied.ts';
import { apply, type Entry, type Writer } from './owners.ts';
import { applyErrors } from './merge.ts';
import { applyOptions } from './options.ts';
import { entriesOf, type Ownership, shapeOfKind, writerOf } from './ownership.ts';
import { isObject, type JsonObject } from './shape.ts';
import { zeroObject } from './zero.ts';
import { hasStatus } from '../strategy.ts';

export const applyType = 'application/apply-patch+yaml';

type Config = JsonObject & { readonly metadata: JsonObject };

interface Request {
  readonly row: KindRow;
  /** As it came. */
  readonly config: Config;
  /** Without what this path does not write. */
  readonly writes: Config;
  readonly writer: Writer;
  readonly force: boolean;
}

const attempts = 5;

export async function serverSideApply(ctx: Context, call: Call): Promise<ApiResponse> {
  const { manager, force } = applyOptions(call);
  const body = decode(call);
  const config = readConfig(call, body.value);
  const canonicalConfig = canonical(call.row.kind, config);
  const request: Request = {
    row: call.row,
    config,
    writes: written(call, canonicalConfig),
    writer: { ...writerOf(ctx, call), manager },
    force,
  };
  for (let attempt = 1; ; attempt += 1) {
    const exists = ctx.cache.resource(call.row).get(storeKey(call.row, call.namespace, call.name)) !== undefined;
    try {
      const done = exists ? await applyTo(ctx, call, request, body) : await applyNew(ctx, call, request, body);
      return objectAnswer(ctx, call, done, exists ? 200 : 201);
    } catch (e) {
      // It came or went in between.
      const raced = exists ? call.subresource === undefined && isNotFound(e) : isAlreadyExists(e);
      if (!raced || attempt >= attempts) throw e;
    }
  }
}

function decode(call: Call): Decoded {
  const text = new TextDecoder().decode(call.request.body ?? new Uint8Array());
  // kubectl and client libraries send JSON under this type: it is YAML, and much faster read as what it is.
  if (text.trimStart().startsWith('{')) {
    try {
      return decodeJson(text);
    } catch (e) {
      // {a: b} is YAML and no JSON; what is too deep is so in either.
      if (e instanceof ApiError && e.message.includes('max depth')) throw e;
    }
  }
  try {
    return decodeYaml(text);
  } catch (e) {
    throw badRequest(`error decoding YAML: ${e instanceof Error ? e.message : String(e)}`);
  }
}

function readConfig(call: Call, value: unknown): Config {
  if (!isObject(value)) throw badRequest('error decoding YAML: a configuration is an object');
  const expected = apiVersionOf(call.row);
  const { apiVersion = '', kind = '', metadata = {} } = value;
  if (apiVersion !== expected) {
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${String(apiVersion)}, expected: ${expected}`,
    );
  }
  if (kind !== call.row.kind) {
    throw badRequest(
      `Incorrect kind specified in apply patch. Specified kind: ${String(kind)}, expected: ${call.row.kind}`,
    );
  }
  const { group, version } = call.row;
  const problem = (text: string): Error =>
    failure(
      500,
      '',
      `failed to create typed patch object (${named(call, metadata)}; ${group}/${version}, Kind=${call.row.kind}): ${text}`,
    );
  if (metadata !== null && !isObject(metadata)) throw problem('.metadata: expected map');
  const meta = metadata ?? {};
  if (meta['managedFields'] !== undefined && meta['managedFields'] !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const errors = applyErrors(value, shapeOfKind(call.row));
  const [first] = errors;
  if (first !== undefined)
    throw problem(errors.length === 1 ? first : `errors:\n${errors.map((e) => `  ${e}`).join('\n')}`);
  // Its name keeps the metadata when all else of it is given up.
  return { ...value, metadata: { name: call.name, ...meta } };
}

function named(call: Call, metadata: unknown): string {
  const { namespace, name } = (isObject(metadata) ? metadata : {}) as { namespace?: string; name?: string };
  return `${namespace ?? call.namespace ?? ''}/${name ?? call.name}`;
}

/** What the path does not write is not merged and not owned. */
function written(call: Call, config: Config): Config {
  const { apiVersion, kind, metadata, status, ...rest } = config;
  if (call.subresource === 'status') {
    const { ownerReferences: _o, finalizers: _f, ...meta } = metadata;
    return { apiVersion, kind, metadata: meta, ...(status === undefined ? {} : { status }) };
  }
  // A node registers itself together with its status.
  return hasStatus(call.row) ? { apiVersion, kind, metadata, ...rest } : config;
}

/** Duplicate keys come last: an apply that fails for another reason says that one. */
function checkDuplicates(call: Call, body: Decoded): void {
  const validation = fieldValidation(call);
  if (body.duplicates.length === 0 || validation === 'Ignore') return;
  const problems = body.duplicates.map((d) =>
    d.startsWith('line ') ? d : `key ${JSON.stringify(d)} already set in map`,
  );
  const text = `error converting YAML to JSON: yaml: unmarshal errors:\n  ${problems.join('\n  ')}`;
  if (validation === 'Strict') throw badRequest(`error strict decoding YAML: ${text}`);
  call.warnings.push(...problems);
}

/** The object as the store would hold it: nulls have done their work. */
const decoded = (call: Call, object: JsonObject): KubeObject =>
  addressed(call, decodeObject(call.row, object, [], 'Ignore', []));

async function applyNew(ctx: Context, call: Call, r: Request, body: Decoded): Promise<Cached> {
  if (call.subresource !== undefined) throw notFound(call.row, call.name);
  const uid = r.config.metadata['uid'];
  if (typeof uid === 'string' && uid !== '') {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw conflict(call.row, call.name, why);
  }
  const { object, entries } = outcome(r, undefined);
  call.warnings.length = 0;
  checkDuplicates(call, body);
  const owners: Ownership = () => entries;
  return createObject(ctx, call.row, decoded(call, object), { dryRun: dryRunOf(call), owners });
}

async function applyTo(ctx: Context, call: Call, r: Request, body: Decoded): Promise<Cached> {
  let entries: readonly Entry[] = [];
  const change = (current: Cached): KubeObject => {
    const next = outcome(r, current.object);
    entries = next.entries;
    call.warnings.length = 0;
    checkDuplicates(call, body);
    // A version or uid of the configuration is a precondition; those of the object are none.
    const { resourceVersion, uid } = r.config.metadata as { resourceVersion?: string; uid?: string };
    const object = decoded(call, next.object);
    return {
      ...object,
      metadata: { ...object.metadata, resourceVersion: resourceVersion ?? '', uid: uid ?? current.object.metadata.uid },
    };
  };
  const owners: Ownership = () => entries;
  return changeObject(ctx, call, change, { subresource: call.subresource, dryRun: dryRunOf(call), owners });
}

function outcome(r: Request, live: KubeObject | undefined): { object: JsonObject; entries: readonly Entry[] } {
  const shape = shapeOfKind(r.row);
  const result = apply({
    entries: live ? entriesOf(live) : [],
    live,
    zero: zeroObject(r.row.kind),
    config: r.writes,
    shape,
    writer: r.writer,
    force: r.force,
    ...(live ? { mayTake: () => allowedByLastApplied(r.writer, live, shape) } : {}),
  });
  if ('conflicts' in result) throw applyConflict(result.conflicts);
  const { managedFields: _counted, ...metadata } = result.object['metadata'] as JsonObject;
  const object = { ...result.object, metadata };
  return { object: live ? withLastApplied(r.writer, object, r.config) : object, entries: result.entries };
}

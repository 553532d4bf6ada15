// The one way into the store for every object and every verb that writes one:
//
//   incoming -> known fields only -> what this path may write -> defaults -> namespace, account, priority -> allocation
//            -> validation -> reservation to be kept or given back; the owners of the fields are counted after the defaults
//
// Each write path calls prepareCreate or prepareUpdate; none of them does a step of its own.
import { applyDefaults, SYSTEM_PRIORITIES } from '../api/defaults/index.ts';
import { apiVersionOf, type KindRow, kindRow } from '../api/kinds.ts';
import { checkShape, pruneUnknown } from '../api/schema.ts';
import { rfc3339 } from '../api/time.ts';
import type { KubeObject, Meta, Namespace, Pod, Service } from '../api/types.ts';
import { invalid, validateCreate, validateUpdate } from '../api/validation/index.ts';
import { type Entry, ownable, sameOwners } from './apply/owners.ts';
import { entriesOf, type Ownership } from './apply/ownership.ts';
import type { Context } from './context.ts';
import { badRequest, forbidden, notFound } from './errors.ts';
import { desired, sameJson, storeKey } from './objects.ts';
import type { Reservation } from './services.ts';
import { setOnCreate, withoutStatus, writable } from './strategy.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface Prepared {
  readonly object: KubeObject;
  readonly reservation: Reservation;
}

const nothingReserved: Reservation = { release: () => undefined };

/** Wrong types are refused; unknown and duplicate keys as the client asked: refused, told, or dropped in silence. */
export function decodeObject(
  row: KindRow,
  body: unknown,
  duplicates: readonly string[],
  validation: FieldValidation,
  warnings: string[],
): KubeObject {
  const given = body as { apiVersion?: string; kind?: string } | null;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw badRequest(`${row.kind} in version "${row.version}" cannot be handled as a ${row.kind}: not a JSON object`);
  }
  const apiVersion = apiVersionOf(row);
  if (given.apiVersion !== undefined && given.apiVersion !== '' && given.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${given.apiVersion}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (given.kind !== undefined && given.kind !== '' && given.kind !== row.kind) {
    throw badRequest(`${given.kind} in version "${row.version}" cannot be handled as a ${row.kind}`);
  }
  const report = checkShape(row.kind, given);
  if (report.wrongType[0] !== undefined) throw badRequest(report.wrongType[0]);
  const problems = [
    ...report.unknown.map((path) => `unknown field "${path}"`),
    ...duplicates.map((path) => `duplicate field "${path}"`),
  ];
  if (problems.length > 0 && validation === 'Strict') {
    throw badRequest(
      `${row.kind} in version "${row.version}" cannot be handled as a ${row.kind}: strict decoding error: ${problems.join(', ')}`,
    );
  }
  if (validation === 'Warn') warnings.push(...problems);
  const { metadata, ...rest } = pruneUnknown(row.kind, given) as KubeObject;
  return { ...rest, kind: row.kind, apiVersion, metadata: { ...metadata } };
}

export function prepareCreate(ctx: Context, row: KindRow, incoming: KubeObject, owners: Ownership): Prepared {
  const now = rfc3339(ctx.env.nowMs());
  const { name, namespace, generateName, labels, annotations, ownerReferences, finalizers } = incoming.metadata;
  const metadata: Meta = {
    name,
    ...(generateName ? { generateName } : {}),
    ...(row.namespaced ? { namespace } : {}),
    uid: ctx.env.uuid(),
    resourceVersion: '',
    creationTimestamp: now,
    ...(labels ? { labels } : {}),
    ...(annotations ? { annotations } : {}),
    ...(ownerReferences ? { ownerReferences } : {}),
    ...(finalizers ? { finalizers } : {}),
  };
  const object = applyDefaults(row.kind, withoutStatus(row, { ...incoming, metadata }), ctx.settings);
  const entries = owners(undefined, object, incoming);
  if (entries.length > 0) object.metadata.managedFields = [...entries];
  setOnCreate(row, object);
  if (row.namespaced) requireNamespace(ctx, row, object);
  if (row.kind === 'Pod') admitPod(ctx, object as Pod);
  const reservation = reserve(ctx, object, undefined);
  return checked(reservation, object, () => validateCreate(row.kind, object));
}

/**
 * `old` as it would be after the write; the same value as `old` when nothing changes. What the server owns in the metadata
 * stays as it was.
 */
export function prepareUpdate(
  ctx: Context,
  row: KindRow,
  incoming: KubeObject,
  old: KubeObject,
  owners: Ownership,
  subresource?: string,
): Prepared {
  const allowed = writable(row, incoming, old, subresource);
  const {
    deletionTimestamp: _d,
    deletionGracePeriodSeconds: _g,
    generation: _n,
    managedFields: _o,
    ...meta
  } = allowed.metadata;
  const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, generateName } =
    old.metadata;
  const metadata: Meta = {
    ...meta,
    name: old.metadata.name,
    ...(old.metadata.namespace === undefined ? {} : { namespace: old.metadata.namespace }),
    ...(generateName === undefined ? {} : { generateName }),
    uid,
    resourceVersion: old.metadata.resourceVersion,
    creationTimestamp,
    ...(generation === undefined ? {} : { generation }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
  };
  // What is filled in below is filled into copies: the metadata here, the rest by applyDefaults.
  let object: KubeObject = { ...allowed, metadata };
  if (subresource !== 'status') object = applyDefaults(row.kind, object, ctx.settings);
  setOwners(object, old, owners(old, object, incoming));
  const reservation = subresource === 'status' ? nothingReserved : reserve(ctx, object, old);
  if (row.generation && !sameJson(desired(object), desired(old))) {
    object.metadata.generation = (old.metadata.generation ?? 0) + 1;
  }
  return checked(reservation, object, () => validateUpdate(row.kind, object, old));
}

/** A write that changes neither the object nor who owns what of it is none, whatever time it is. */
function setOwners(object: KubeObject, old: KubeObject, entries: readonly Entry[]): void {
  const known = entriesOf(old);
  const same = entries === known || (sameOwners(entries, known) && sameJson(ownable(object), ownable(old)));
  const next = same ? known : entries;
  if (next.length > 0) object.metadata.managedFields = [...next];
}

function checked(
  reservation: Reservation,
  object: KubeObject,
  validate: () => ReturnType<typeof validateCreate>,
): Prepared {
  try {
    const errors = validate();
    if (errors.length > 0) throw invalid(object.kind as KindRow['kind'], object.metadata.name ?? '', errors);
    return { object, reservation };
  } catch (e) {
    reservation.release();
    throw e;
  }
}

function reserve(ctx: Context, object: KubeObject, old: KubeObject | undefined): Reservation {
  if (object.kind !== 'Service') return nothingReserved;
  return ctx.services.allocate(object as Service, old as Service | undefined);
}

const namespaces = kindRow('Namespace');

/** New objects go only into a namespace that exists and is not on its way out. */
function requireNamespace(ctx: Context, row: KindRow, object: KubeObject): void {
  const name = object.metadata.namespace ?? '';
  const found = ctx.cache.resource(namespaces).get(storeKey(namespaces, undefined, name));
  if (!found) throw notFound(namespaces, name);
  const ns = found.object as Namespace;
  if (ns.metadata.deletionTimestamp === undefined && ns.status?.phase !== 'Terminating') return;
  const why = `unable to create new content in namespace ${name} because it is being terminated`;
  throw forbidden(row, object.metadata.name ?? '', why, [
    { reason: 'NamespaceTerminating', message: `namespace ${name} is being terminated`, field: 'metadata.namespace' },
  ]);
}

const accounts = kindRow('ServiceAccount');

/** After the defaults, which know the account and the priority that go without saying. */
function admitPod(ctx: Context, pod: Pod): void {
  const pods = kindRow('Pod');
  const { name, namespace } = pod.metadata;
  const spec = pod.spec;
  // Left to validation.
  if (!spec) return;
  // 'default' is taken for granted: a pod of a namespace made a moment ago need not wait for the controller that makes it.
  const account = spec.serviceAccountName ?? 'default';
  if (account !== 'default' && !ctx.cache.resource(accounts).get(storeKey(accounts, namespace, account))) {
    const why = `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`;
    throw forbidden(pods, name, why);
  }
  // Every cluster has two classes; others would be objects of a kind that is not served.
  const priority = spec.priorityClassName ? SYSTEM_PRIORITIES[spec.priorityClassName] : 0;
  if (priority === undefined) {
    throw forbidden(pods, name, `no PriorityClass with name ${spec.priorityClassName} was found`);
  }
  if (spec.priority !== priority) {
    const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`;
    throw forbidden(pods, name, why);
  }
}

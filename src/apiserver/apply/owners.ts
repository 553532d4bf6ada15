// Who owns which fields of an object: metadata.managedFields before a write -> after it.
//
//   update  who changed a field owns it from then on, alone; a field that is gone is nobody's
//   apply   who speaks of a field owns it, beside others who say the same; to say something else is a conflict
import { sameJson } from '../objects.ts';
import { compare, fieldsOf } from './compare.ts';
import {
  difference,
  type FieldSet,
  intersection,
  isEmpty,
  type Path,
  paths,
  readFieldSet,
  sorted,
  union,
} from './fieldset.ts';
import { merge, prune } from './merge.ts';
import { isObject, type JsonObject, type Shape } from './shape.ts';

export type Operation = 'Apply' | 'Update';

/** One of metadata.managedFields, in the order of keys in which upstream writes it. */
export interface Entry {
  readonly manager: string;
  readonly operation: Operation;
  readonly apiVersion: string;
  readonly time?: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: FieldSet;
  readonly subresource?: string;
}

/** In whose name a write is done. */
export interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource?: string;
  readonly now: string;
}

/** What only the server writes: nobody owns it. */
const serverOwned = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'generation',
  'managedFields',
  'resourceVersion',
]);

/** The part of an object that can be owned. */
export function ownable(object: object): JsonObject {
  const { apiVersion: _a, kind: _k, ...rest } = object as JsonObject;
  const metadata: JsonObject = {};
  if (isObject(rest['metadata'])) {
    for (const [key, value] of Object.entries(rest['metadata'])) if (!serverOwned.has(key)) metadata[key] = value;
  }
  return { ...rest, metadata };
}

/** What a configuration speaks of. It has metadata as every object has: that alone says nothing. */
export const appliedFields = (config: object, shape: Shape): FieldSet =>
  difference(fieldsOf(ownable(config), shape), { 'f:metadata': {} });

/** Two entries of one owner are one entry. An applier is the same under every version of the API. */
const ownerKey = (e: Pick<Entry, 'manager' | 'operation' | 'apiVersion' | 'subresource'>): string =>
  JSON.stringify([e.manager, e.operation, e.operation === 'Apply' ? '' : e.apiVersion, e.subresource ?? '']);

const entry = (w: Writer, operation: Operation, fieldsV1: FieldSet): Entry => ({
  manager: w.manager,
  operation,
  apiVersion: w.apiVersion,
  time: w.now,
  fieldsType: 'FieldsV1',
  fieldsV1: sorted(fieldsV1),
  ...(w.subresource === undefined ? {} : { subresource: w.subresource }),
});

const secondsOf = (e: Entry): string => e.time ?? '';
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function inOrder(entries: readonly Entry[]): Entry[] {
  return [...entries].sort(
    (a, b) =>
      order(a.operation, b.operation) ||
      order(secondsOf(a), secondsOf(b)) ||
      order(a.manager, b.manager) ||
      order(a.apiVersion, b.apiVersion) ||
      order(a.subresource ?? '', b.subresource ?? ''),
  );
}

/** `entries` with what they lost; those that have nothing left go. */
function without(entries: readonly Entry[], lost: (e: Entry) => FieldSet): Entry[] {
  return entries.flatMap((e) => {
    const fieldsV1 = lost(e);
    if (fieldsV1 === e.fieldsV1) return [e];
    return isEmpty(fieldsV1) ? [] : [{ ...e, fieldsV1 }];
  });
}

export interface Update {
  readonly entries: readonly Entry[];
  /** undefined: the write creates the object, which `zero` is compared with. */
  readonly before: object | undefined;
  readonly zero: object;
  readonly after: object;
  readonly shape: Shape;
  readonly writer: Writer;
}

/** Of any write but an apply. The same array: nobody's fields changed. */
export function entriesAfterUpdate(o: Update): readonly Entry[] {
  // Nobody owns anything of an object that was there before there were owners; the first apply begins to count.
  if (o.before !== undefined && o.entries.length === 0) return o.entries;
  const change = compare(ownable(o.before ?? o.zero), ownable(o.after), o.shape);
  const taken = union(change.added, change.modified);
  if (isEmpty(taken) && isEmpty(change.removed)) return o.entries;
  const self = ownerKey({ ...o.writer, operation: 'Update' });
  const left = without(o.entries, (e) => {
    const rest = difference(e.fieldsV1, change.removed);
    return ownerKey(e) === self ? rest : difference(rest, taken);
  });
  if (isEmpty(taken))
    return left.length === o.entries.length && left.every((e, i) => e === o.entries[i]) ? o.entries : left;
  const at = left.findIndex((e) => ownerKey(e) === self);
  const own = left[at];
  if (!own) left.push(entry(o.writer, 'Update', taken));
  else {
    const fieldsV1 = union(own.fieldsV1, taken);
    left[at] = { ...own, time: o.writer.now, fieldsV1: fieldsV1 === own.fieldsV1 ? fieldsV1 : sorted(fieldsV1) };
  }
  return inOrder(capped(left));
}

const mostUpdaters = 10;
const ancient = 'ancient-changes';

/** The oldest updaters beyond the limit become one entry per version: an object's owners do not grow for ever. */
function capped(entries: readonly Entry[]): readonly Entry[] {
  let left = [...entries];
  const updaters = left
    .filter((e) => e.operation === 'Update')
    .sort((a, b) => order(secondsOf(a), secondsOf(b)) || order(ownerKey(a), ownerKey(b)));
  let over = updaters.length - mostUpdaters;
  const buckets = new Map<string, Entry>();
  for (const e of updaters) {
    if (over <= 0) break;
    const bucket = buckets.get(e.apiVersion);
    // The first of a version alone is no gain.
    if (!bucket) {
      buckets.set(e.apiVersion, e);
      continue;
    }
    const writer = { manager: ancient, apiVersion: e.apiVersion, now: e.time ?? '' };
    const { time, ...merged } = entry(writer, 'Update', union(bucket.fieldsV1, e.fieldsV1));
    const next: Entry = { ...merged, ...(time ? { time } : {}) };
    left = [...left.filter((x) => x !== bucket && x !== e), next];
    buckets.set(e.apiVersion, next);
    over -= 1;
  }
  return left;
}

export interface Conflict {
  readonly owner: Entry;
  readonly path: Path;
}

export interface Apply {
  readonly entries: readonly Entry[];
  /** undefined: there is no such object yet. */
  readonly live: object | undefined;
  readonly zero: object;
  /** Checked against the shape. Its nulls are still there. */
  readonly config: object;
  readonly shape: Shape;
  readonly writer: Writer;
  readonly force: boolean;
  /** Conflicts over these fields are none. */
  readonly mayTake?: () => FieldSet;
}

export type Applied =
  | { readonly conflicts: readonly Conflict[] }
  | { readonly object: JsonObject; readonly entries: readonly Entry[] };

/** Who had written before anybody applied, for objects without owners. */
const firstOwner = 'before-first-apply';

export function apply(o: Apply): Applied {
  const { shape, writer } = o;
  const self = ownerKey({ ...writer, operation: 'Apply' });
  const known =
    o.live && o.entries.length === 0
      ? entriesAfterUpdate({ ...o, before: undefined, after: o.live, writer: { ...writer, manager: firstOwner } })
      : o.entries;
  const others = known.filter((e) => ownerKey(e) !== self);
  const last = known.find((e) => ownerKey(e) === self)?.fieldsV1;
  const fields = appliedFields(o.config, shape);
  const owned = others.reduce((all, e) => union(all, e.fieldsV1), fieldsOf(o.config, shape));
  const merged = merge(o.live ?? {}, o.config, shape);
  const object = (last ? prune(merged, last, owned, shape) : merged) as JsonObject;
  const change = compare(ownable(o.live ?? {}), ownable(object), shape);
  const taken = union(change.added, change.modified);

  const disputed = others.map((owner) => ({ owner, fields: intersection(owner.fieldsV1, taken) }));
  if (!o.force && disputed.some((d) => !isEmpty(d.fields))) {
    const mine = o.mayTake?.() ?? {};
    const conflicts = disputed
      .flatMap(({ owner, fields: set }) => paths(difference(set, mine)).map((path) => ({ owner, path })))
      .sort((a, b) => order(ownerKey(a.owner), ownerKey(b.owner)));
    if (conflicts.length > 0) return { conflicts };
  }
  const left = without(others, (e) => difference(difference(e.fieldsV1, taken), change.removed));
  if (!isEmpty(fields)) left.push(entry(writer, 'Apply', fields));
  return { object, entries: inOrder(left) };
}

/** Whether two lists of owners say the same, whatever the times. */
export function sameOwners(a: readonly Entry[], b: readonly Entry[]): boolean {
  if (a.length !== b.length) return false;
  const known = new Map(b.map((e) => [ownerKey(e), e]));
  return a.every((e) => {
    const other = known.get(ownerKey(e));
    return other?.apiVersion === e.apiVersion && sameJson(e.fieldsV1, other.fieldsV1);
  });
}

/** What a client says of managedFields in an update. */
export type Given = 'nothing' | 'reset' | readonly Entry[];

/**
 * An empty list, or a list of one empty entry, ends the counting of owners. Whatever cannot be read counts as not said:
 * clients that do not know the field send it back as they got it, or not at all.
 */
export function readGiven(value: readonly unknown[] | undefined): Given {
  if (value === undefined) return 'nothing';
  if (value.length === 0) return 'reset';
  const [first] = value;
  if (value.length === 1 && isObject(first) && Object.keys(first).length === 0) return 'reset';
  const entries: Entry[] = [];
  for (const item of value) {
    const read = readEntry(item);
    if (!read) return 'nothing';
    const twin = entries.findIndex((e) => ownerKey(e) === ownerKey(read));
    if (twin >= 0) entries[twin] = read;
    else entries.push(read);
  }
  return inOrder(entries.filter((e) => !isEmpty(e.fieldsV1)));
}

function readEntry(value: unknown): Entry | undefined {
  if (!isObject(value)) return undefined;
  const { manager = '', operation, apiVersion, time, fieldsType, subresource } = value as Partial<Entry>;
  const fieldsV1 = readFieldSet(value['fieldsV1']);
  if ((operation !== 'Apply' && operation !== 'Update') || fieldsType !== 'FieldsV1' || !fieldsV1) return undefined;
  if (!apiVersion) return undefined;
  return {
    manager,
    operation,
    apiVersion,
    ...(time ? { time } : {}),
    fieldsType,
    fieldsV1,
    ...(subresource ? { subresource } : {}),
  };
}

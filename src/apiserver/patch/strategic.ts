// Strategic merge patch: a merge patch that knows from the schema which lists are merged, and by which key.
//
//   containers: [{name: web, image: b}]         merged into the element with that name, or appended
//   - {$patch: delete, name: web}               that element goes
//   - {$patch: replace}                         the list becomes what else stands in the patch
//   {$patch: replace, ...}                      the object becomes the rest of the patch
//   $retainKeys: [a, b]                         other keys of the object go first (unions such as a volume's source)
//   $setElementOrder/containers: [{name: web}]  order of the list after the merge
//   $deleteFromPrimitiveList/finalizers: [x]    values that go from a list of scalars
import { type FieldSchema, typeSchema, type TypeSchema } from '../../api/schema.ts';
import { PatchError } from './json.ts';
import { isObject, type Json } from './merge.ts';

type JsonObject = Record<string, Json>;

const directive = '$patch';
const retainKeys = '$retainKeys';
const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

const merges = (field: FieldSchema | undefined): boolean => field?.patchStrategy?.split(',').includes('merge') === true;
const schemaOf = (field: FieldSchema | undefined): TypeSchema | undefined =>
  field?.ref === undefined ? undefined : typeSchema(field.ref);

/** A new value; neither argument is changed. */
export function strategicPatch(original: Json, patch: Json, schema: TypeSchema): Json {
  if (!isObject(patch)) throw new PatchError('a strategic merge patch is a JSON object', true);
  return mergeObject(isObject(original) ? original : {}, patch, schema);
}

function mergeObject(original: JsonObject, patch: JsonObject, schema: TypeSchema | undefined): JsonObject {
  const how = patch[directive];
  if (how === 'replace') return withoutDirectives(patch) as JsonObject;
  if (how === 'delete') return {};
  if (how !== undefined && how !== 'merge')
    throw new PatchError(`Unknown patch type found: ${JSON.stringify(how)}`, true);

  const merged = retained(original, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    const field = schema && Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
    if (value === null) delete merged[key];
    else if (isObject(value)) merged[key] = mergeChild(merged[key], value, field);
    else if (Array.isArray(value) && merges(field)) {
      const old = Array.isArray(merged[key]) ? (merged[key] as Json[]) : [];
      merged[key] = mergeList(old, value, field as FieldSchema, key);
    } else merged[key] = withoutDirectives(value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) removeScalars(merged, key.slice(deletePrefix.length), value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith(orderPrefix)) continue;
    const name = key.slice(orderPrefix.length);
    const before = Array.isArray(original[name]) ? (original[name] as Json[]) : [];
    const after = merged[name];
    if (!Array.isArray(after) || !Array.isArray(value)) continue;
    const field = schema?.fields[name];
    if (merges(field)) merged[name] = ordered(after, value, before, field?.mergeKey);
  }
  return merged;
}

function mergeChild(old: Json, value: JsonObject, field: FieldSchema | undefined): Json {
  // Objects without a type of their own: labels and other maps, whose values may have one.
  if (field?.type === 'map') {
    const inner = schemaOf(field.items);
    const fields = Object.fromEntries(Object.keys(value).map((k) => [k, field.items as FieldSchema]));
    return mergeObject(isObject(old) ? old : {}, value, inner ? { name: '', fields } : undefined);
  }
  return mergeObject(isObject(old) ? old : {}, value, schemaOf(field));
}

function retained(original: JsonObject, patch: JsonObject): JsonObject {
  const keep = patch[retainKeys];
  if (!Array.isArray(keep)) return { ...original };
  return Object.fromEntries(Object.entries(original).filter(([key]) => keep.includes(key)));
}

function mergeList(old: readonly Json[], patch: readonly Json[], field: FieldSchema, name: string): Json[] {
  const { mergeKey } = field;
  if (mergeKey === undefined) {
    // Scalars: a union.
    const added = patch.filter((v) => !old.includes(v));
    return [...old, ...new Set(added)];
  }
  if (patch.some((p) => isObject(p) && p[directive] === 'replace')) {
    // What is merged by key stands beside the directive.
    return patch.filter((p) => !(isObject(p) && p[directive] === 'replace')).map(withoutDirectives);
  }
  const schema = schemaOf(field.items);
  let list = [...old];
  for (const item of patch) {
    if (!isObject(item)) throw new PatchError(`the elements of ${name} are objects`, true);
    const key = item[mergeKey];
    if (key === undefined) {
      throw new PatchError(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`, true);
    }
    const same = (o: Json): boolean => isObject(o) && o[mergeKey] === key;
    if (item[directive] === 'delete') list = list.filter((o) => !same(o));
    else {
      const at = list.findIndex(same);
      const merged = mergeObject(at < 0 ? {} : (list[at] as JsonObject), item, schema);
      if (at < 0) list.push(merged);
      else list[at] = merged;
    }
  }
  return list;
}

function removeScalars(merged: JsonObject, name: string, values: Json): void {
  const list = merged[name];
  if (Array.isArray(list) && Array.isArray(values)) merged[name] = list.filter((v) => !values.includes(v));
}

/**
 * Elements that the patch names stand in its order. Those that only the server has keep their places relative to the ones
 * around them; a new element comes after them.
 */
function ordered(list: readonly Json[], order: readonly Json[], before: readonly Json[], mergeKey?: string): Json[] {
  const id = (v: Json): Json => (mergeKey !== undefined && isObject(v) ? v[mergeKey] : v);
  const wanted = new Map(order.map((v, i) => [id(v), i]));
  const oldPlace = new Map(before.map((v, i) => [id(v), i]));
  const place = (v: Json): number => wanted.get(id(v)) as number;
  const named = list.filter((v) => wanted.has(id(v))).sort((a, b) => place(a) - place(b));
  const others = list.filter((v) => !wanted.has(id(v)));
  const result: Json[] = [];
  for (const v of named) {
    const was = oldPlace.get(id(v));
    while (others.length > 0) {
      const other = oldPlace.get(id(others[0]));
      if (was !== undefined && (other === undefined || other > was)) break;
      result.push(others.shift());
    }
    result.push(v);
  }
  return [...result, ...others];
}

/** A value that stands for itself keeps none of the patch's directives. */
function withoutDirectives(value: Json): Json {
  if (Array.isArray(value)) {
    return value.filter((v) => !(isObject(v) && v[directive] === 'delete')).map(withoutDirectives);
  }
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([k, v]) => !k.startsWith('$') && v !== null);
  return Object.fromEntries(kept.map(([k, v]) => [k, withoutDirectives(v)]));
}

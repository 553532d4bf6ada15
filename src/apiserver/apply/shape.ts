// How a value is taken apart for ownership, from the schema: what is owned as a whole (a leaf), and by which names the
// parts of everything else are called.
import { type FieldSchema, typeSchema, type TypeSchema } from '../../api/schema.ts';
import { keyElement, setElement } from './fieldset.ts';

export type Json = unknown;
export type JsonObject = Record<string, Json>;

export const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export type Shape =
  | { readonly kind: 'leaf'; readonly schema: FieldSchema | undefined }
  /** Named fields, each of its own shape. */
  | { readonly kind: 'struct'; readonly type: TypeSchema }
  | { readonly kind: 'map'; readonly items: Shape }
  /** keys undefined: a set of scalars. Otherwise in the order of their names. */
  | { readonly kind: 'list'; readonly items: Shape; readonly keys: readonly string[] | undefined };

const shapes = new WeakMap<FieldSchema, Shape>();
const unknownField: Shape = { kind: 'leaf', schema: undefined };

export function shapeOf(schema: FieldSchema): Shape {
  let shape = shapes.get(schema);
  if (!shape) {
    shape = makeShape(schema);
    shapes.set(schema, shape);
  }
  return shape;
}

function makeShape(schema: FieldSchema): Shape {
  const leaf: Shape = { kind: 'leaf', schema };
  if (schema.type === 'object') {
    const type = typeSchema(schema.ref ?? '');
    return !type || type.atomic ? leaf : { kind: 'struct', type };
  }
  if (schema.type === 'map') {
    return schema.items && !schema.atomic ? { kind: 'map', items: shapeOf(schema.items) } : leaf;
  }
  if (schema.type !== 'array' || !schema.items) return leaf;
  const keys = listKeys(schema);
  return keys === 'atomic' ? leaf : { kind: 'list', items: shapeOf(schema.items), keys };
}

/** A list type says it; where there is none, the older facts of the strategic merge patch do. */
function listKeys(schema: FieldSchema): readonly string[] | undefined | 'atomic' {
  if (schema.listType === 'atomic') return 'atomic';
  if (schema.listType === 'set') return undefined;
  if (schema.listType === 'map') return [...(schema.listMapKeys ?? [])].sort();
  if (schema.patchStrategy?.split(',').includes('merge') !== true) return 'atomic';
  return schema.mergeKey === undefined ? undefined : [schema.mergeKey];
}

export const rootShape = (type: TypeSchema): Shape => ({ kind: 'struct', type });

/** undefined: the type has no such field. */
export function fieldShape(shape: Shape, name: string): Shape | undefined {
  if (shape.kind === 'map') return shape.items;
  if (shape.kind !== 'struct') return undefined;
  const schema = Object.hasOwn(shape.type.fields, name) ? shape.type.fields[name] : undefined;
  return schema && shapeOf(schema);
}

/** As fieldShape; what the type does not know is taken as a whole. */
export const childShape = (shape: Shape, name: string): Shape => fieldShape(shape, name) ?? unknownField;

/** The one key with a default: a port without a protocol is a TCP port. */
const keyDefaults: Readonly<Record<string, string>> = { protocol: 'TCP' };

export type ListShape = Extract<Shape, { kind: 'list' }>;

/** The name of a list's element; undefined: it lacks a key. */
export function elementOf(shape: ListShape, item: Json): string | undefined {
  if (!shape.keys) return setElement(item);
  const found: [string, Json][] = [];
  for (const key of shape.keys) {
    const value = (isObject(item) ? item[key] : undefined) ?? keyDefaults[key];
    if (value === undefined) return undefined;
    found.push([key, value]);
  }
  return keyElement(found);
}

/** Elements by name, in order; a name met twice has two items. */
export function elements(shape: ListShape, list: readonly Json[]): Map<string, Json[]> {
  const found = new Map<string, Json[]>();
  for (const item of list) {
    // Of stored objects alone: what is applied has been checked.
    const name = elementOf(shape, item) ?? keyElement([]);
    const known = found.get(name);
    if (known) known.push(item);
    else found.set(name, [item]);
  }
  return found;
}

// The values of server-side apply: a configuration is checked, merged into what stands there, and what its owner gave up
// is taken out again.
import { fieldsOf, withNamedFields } from './compare.ts';
import {
  below,
  difference,
  elementText,
  field,
  type FieldSet,
  hasElement,
  intersection,
  isEmpty,
  union,
} from './fieldset.ts';
import {
  childShape,
  elementOf,
  elements,
  fieldShape,
  isObject,
  type Json,
  type JsonObject,
  type ListShape,
  type Shape,
} from './shape.ts';

/** `applied` over `live`, neither of which is changed. undefined: nothing. */
export function merge(live: Json, applied: Json, shape: Shape): Json {
  if (applied === undefined) return live;
  if (live === undefined || shape.kind === 'leaf') return applied;
  if (shape.kind === 'list') {
    // null speaks of the list and says nothing of its elements.
    if (!Array.isArray(applied) || !Array.isArray(live)) return Array.isArray(live) && live.length > 0 ? live : applied;
    return mergeList(live as Json[], applied as Json[], shape);
  }
  if (!isObject(applied) || !isObject(live)) return isObject(live) && Object.keys(live).length > 0 ? live : applied;
  const merged: JsonObject = { ...live };
  for (const [key, value] of Object.entries(applied)) {
    const inner = childShape(shape, key);
    const known = Object.hasOwn(live, key) ? live[key] : undefined;
    // No element is said, so none is owned: not even the list.
    if (known !== undefined || !saysNothing(value, inner)) merged[key] = merge(known, value, inner);
  }
  return merged;
}

const saysNothing = (value: Json, { kind }: Shape): boolean =>
  (kind === 'list' && Array.isArray(value) && value.length === 0) ||
  (kind === 'map' && isObject(value) && Object.keys(value).length === 0);

/**
 * Applied elements stand in the order in which they were applied. What only the live list has keeps its place: before the
 * next element that both have.
 */
function mergeList(live: readonly Json[], applied: readonly Json[], shape: ListShape): Json[] {
  const [old, now] = [elements(shape, live), elements(shape, applied)];
  const order = [...now.keys()];
  const merged: Json[] = [];
  let next = 0;
  const take = (end: number): void => {
    for (; next < end; next += 1) {
      const element = order[next] as string;
      const was = old.get(element) ?? [];
      // Doubles of the live list become the one that was applied.
      merged.push(merge(was.length === 1 ? was[0] : undefined, now.get(element)?.[0], shape.items));
    }
  };
  const places = new Map(order.map((element, place) => [element, place]));
  const nextShared = (): number => order.findIndex((element, place) => place >= next && old.has(element));
  for (const item of live) {
    const element = elementOf(shape, item) ?? '';
    const place = places.get(element);
    if (place === undefined) merged.push(item);
    else if (place >= next && place === nextShared()) take(place + 1);
  }
  take(order.length);
  return merged;
}

/** The value without the members of a set, each with all that is below it. undefined: nothing is left. */
export function without(value: Json, set: FieldSet, shape: Shape): Json {
  if (isEmpty(set) || shape.kind === 'leaf') return value;
  if (shape.kind === 'list') {
    if (!Array.isArray(value) || value.length === 0) return value;
    const left = (value as Json[]).flatMap((item) => {
      const element = elementOf(shape, item) ?? '';
      if (hasElement(set, element)) return [];
      const inner = below(set, element);
      return [inner ? (without(item, inner, shape.items) ?? item) : item];
    });
    return left.length > 0 ? left : undefined;
  }
  if (!isObject(value) || Object.keys(value).length === 0) return value;
  const left: JsonObject = {};
  for (const [key, child] of Object.entries(value)) {
    const element = field(key);
    if (hasElement(set, element)) continue;
    const inner = below(set, element);
    const rest = inner ? without(child, inner, childShape(shape, key)) : child;
    if (rest !== undefined) left[key] = rest;
  }
  return Object.keys(left).length > 0 ? left : undefined;
}

/**
 * What an applier had in its configuration before and has no longer goes, unless somebody else owns it. `owned` is what all
 * owners have, the new configuration among them.
 *
 * A field that is given up takes along what is below it, so first everything goes that was ever said, and then comes back
 * what somebody owns, and last what never was the applier's.
 */
export function prune(merged: Json, last: FieldSet, owned: FieldSet, shape: Shape): Json {
  if (isEmpty(last)) return merged;
  const named = (set: FieldSet): FieldSet => withNamedFields(set, shape);
  const all = named(fieldsOf(merged, shape));
  const bare = without(merged, named(last), shape);
  const kept = union(named(fieldsOf(bare, shape)), named(owned));
  const ownedAgain = without(merged, difference(all, kept), shape);
  const gone = difference(all, named(fieldsOf(ownedAgain, shape)));
  return without(merged, intersection(gone, named(last)), shape);
}

/** What upstream says of a configuration that the type does not take; none: it is good. */
export function applyErrors(config: Json, shape: Shape): string[] {
  const errors: string[] = [];
  checkValue(config, shape, '', errors);
  return errors;
}

function checkValue(value: Json, shape: Shape, path: string, errors: string[]): void {
  if (value === null || value === undefined) return;
  const wrong = (wanted: string): void => {
    errors.push(`${path}: expected ${wanted}, got ${JSON.stringify(value)}`);
  };
  if (shape.kind === 'leaf') return checkLeaf(value, shape, path, errors);
  if (shape.kind === 'list') {
    if (!Array.isArray(value)) return wrong('list');
    return checkList(value as Json[], shape, path, errors);
  }
  if (!isObject(value)) return wrong('map');
  for (const [key, child] of Object.entries(value)) {
    const inner = fieldShape(shape, key);
    if (inner) checkValue(child, inner, `${path}.${key}`, errors);
    else errors.push(`${path}.${key}: field not declared in schema`);
  }
}

function checkList(list: readonly Json[], shape: ListShape, path: string, errors: string[]): void {
  const seen = new Set<string>();
  list.forEach((item, index) => {
    const element = elementOf(shape, item);
    if (element === undefined) {
      const key = shape.keys?.find((k) => !isObject(item) || item[k] === undefined || item[k] === null);
      errors.push(
        `${path}: element ${index}: associative list with keys has an element that omits key field "${key}" (and doesn't have default value)`,
      );
      return;
    }
    if (seen.has(element)) errors.push(`${path}: duplicate entries for key ${elementText(element)}`);
    seen.add(element);
    checkValue(item, shape.items, `${path}${elementText(element)}`, errors);
  });
}

function checkLeaf(value: Json, shape: Extract<Shape, { kind: 'leaf' }>, path: string, errors: string[]): void {
  const { schema } = shape;
  if (!schema) return;
  const wanted = {
    integer: typeof value === 'number' ? undefined : 'numeric (int or float)',
    number: typeof value === 'number' ? undefined : 'numeric (int or float)',
    boolean: typeof value === 'boolean' ? undefined : 'boolean',
    string: typeof value === 'string' ? undefined : 'string',
    time: typeof value === 'string' ? undefined : 'string',
    microTime: typeof value === 'string' ? undefined : 'string',
    bytes: typeof value === 'string' ? undefined : 'string',
    object: isObject(value) ? undefined : 'map',
    map: isObject(value) ? undefined : 'map',
    array: Array.isArray(value) ? undefined : 'list',
    quantity: typeof value === 'object' ? 'scalar' : undefined,
    intOrString: typeof value === 'object' ? 'scalar' : undefined,
    any: undefined,
  }[schema.type];
  if (wanted !== undefined) errors.push(`${path}: expected ${wanted}, got ${JSON.stringify(value)}`);
}

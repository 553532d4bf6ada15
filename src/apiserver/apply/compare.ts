// What a write changed, as sets of fields; and which fields an applied configuration speaks of.
import { sameJson } from '../objects.ts';
import { asMember, field, type FieldSet, insert, nothing } from './fieldset.ts';
import { childShape, elements, isObject, type Json, type ListShape, type Shape } from './shape.ts';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

const emptyObject = (value: Json): boolean =>
  value === undefined || value === null || (isObject(value) && Object.keys(value).length === 0);
const emptyList = (value: Json): boolean => !Array.isArray(value) || value.length === 0;
const listOf = (value: Json): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : []);

/** From one state of an object to another. undefined is absent, null is there. */
export function compare(before: Json, after: Json, shape: Shape): Comparison {
  const walk = new Walk();
  walk.value(before, after, shape);
  return walk;
}

class Walk implements Comparison {
  readonly added: FieldSet = {};
  readonly modified: FieldSet = {};
  readonly removed: FieldSet = {};
  private readonly path: string[] = [];

  value(before: Json, after: Json, shape: Shape): void {
    // Unchanged halves of an object are mostly one and the same value.
    if (before === after) return;
    // A null that is applied to what is absent: upstream's structs cannot tell them apart.
    if (before === undefined && after === null) return;
    if (shape.kind === 'leaf') this.leaf(before, after);
    else if (shape.kind === 'list') {
      // Nothing on both sides can still be two kinds of nothing: null and [].
      if (emptyList(before) && emptyList(after)) this.leaf(before, after);
      else this.list(listOf(before), listOf(after), shape);
    } else if (emptyObject(before) && emptyObject(after)) this.leaf(before, after);
    else this.object(before, after, shape);
    if (this.path.length === 0) return;
    if (before === undefined) insert(this.added, this.path);
    else if (after === undefined) insert(this.removed, this.path);
  }

  private leaf(before: Json, after: Json): void {
    if (before === undefined || after === undefined || sameJson(before, after)) return;
    insert(this.modified, this.path);
  }

  private at(element: string, run: () => void): void {
    this.path.push(element);
    run();
    this.path.pop();
  }

  private object(before: Json, after: Json, shape: Shape): void {
    const [old, now] = [isObject(before) ? before : {}, isObject(after) ? after : {}];
    for (const key of Object.keys(old)) {
      if (old[key] === undefined) continue;
      this.at(field(key), () =>
        this.value(old[key], Object.hasOwn(now, key) ? now[key] : undefined, childShape(shape, key)),
      );
    }
    for (const key of Object.keys(now)) {
      if (now[key] === undefined || (Object.hasOwn(old, key) && old[key] !== undefined)) continue;
      this.at(field(key), () => this.value(undefined, now[key], childShape(shape, key)));
    }
  }

  private list(before: readonly Json[], after: readonly Json[], shape: ListShape): void {
    const [old, now] = [elements(shape, before), elements(shape, after)];
    for (const [element, was] of old) this.at(element, () => this.element(was, now.get(element) ?? [], shape.items));
    for (const [element, is] of now) {
      if (!old.has(element)) this.at(element, () => this.element([], is, shape.items));
    }
  }

  /** An element that stands in the list more than once, which only stored objects may have, is one leaf. */
  private element(was: readonly Json[], is: readonly Json[], shape: Shape): void {
    if (was.length <= 1 && is.length <= 1) return this.value(was[0], is[0], shape);
    if (was.length >= 2 && is.length >= 2) {
      if (!sameJson(was, is)) insert(this.modified, this.path);
      return;
    }
    if (was.length >= 2) {
      if (is.length > 0) this.value(undefined, is[0], shape);
      insert(this.removed, this.path);
      return;
    }
    if (was.length > 0) this.value(was[0], undefined, shape);
    insert(this.added, this.path);
  }
}

/** The fields that a configuration speaks of: its leaves, and every element of its maps and lists. */
export const fieldsOf = (value: Json, shape: Shape): FieldSet => fieldsBelow(value, shape) ?? nothing;

/** undefined: nothing here, and not this itself. */
function fieldsBelow(value: Json, shape: Shape): FieldSet | undefined {
  if (shape.kind === 'leaf') return nothing;
  const found: Record<string, FieldSet> = {};
  if (shape.kind === 'list') {
    for (const [element, items] of elements(shape, listOf(value))) {
      found[element] = items.length === 1 ? asMember(fieldsBelow(items[0], shape.items)) : nothing;
    }
  } else if (isObject(value)) {
    for (const [key, child] of Object.entries(value)) {
      if (child === undefined) continue;
      const bare = child === null || (isObject(child) && Object.keys(child).length === 0);
      const fields = bare ? nothing : fieldsBelow(child, childShape(shape, key));
      if (shape.kind === 'map') found[field(key)] = asMember(fields);
      else if (fields !== undefined) found[field(key)] = fields;
    }
  }
  return Object.keys(found).length === 0 ? undefined : found;
}

/** The set with every named field as a member that has a member below it: taking such a field away takes it whole. */
export function withNamedFields(set: FieldSet, shape: Shape): FieldSet {
  const found: Record<string, FieldSet> = {};
  for (const [element, node] of Object.entries(set)) {
    if (element === '.') found[element] = node;
    else if (element.startsWith('f:')) {
      const below = withNamedFields(node, childShape(shape, element.slice(2)));
      found[element] = shape.kind === 'struct' ? asMember(below) : below;
    } else found[element] = withNamedFields(node, shape.kind === 'list' ? shape.items : shape);
  }
  return found;
}

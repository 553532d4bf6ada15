// Sets of fields, in the very form in which managedFields carries them (FieldsV1). A path is a row of elements:
//
//   f:<name>          a field of an object, a key of a map          f:replicas
//   k:{<keys>}        an element of a list that has keys            k:{"name":"web"}
//   v:<json>          an element of a list that is a set            v:"kubernetes"
//   i:<number>        an element by its place; read, never made
//
//   {"f:spec":{"f:replicas":{}, "f:template":{".":{}, "f:spec":...}}}
//
// A node without children is a member; a node with children is one when it holds '.'. So a set needs no reading: the JSON
// of a stored object is worked on as it is, and whatever an operation leaves alone is shared, never copied.

export interface FieldSet {
  readonly [element: string]: FieldSet;
}
export type Path = readonly string[];

type Mutable = { [element: string]: Mutable };

const here = '.';
/** A member without children, and as a whole set the empty one. */
export const nothing: FieldSet = Object.freeze({});

/** Of a whole set: no path is in it. */
export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

const isMember = (node: FieldSet): boolean => Object.hasOwn(node, here) || isEmpty(node);
const child = (node: FieldSet, element: string): FieldSet | undefined =>
  Object.hasOwn(node, element) ? node[element] : undefined;

/** The node with itself as a member, too. */
export const asMember = (node: FieldSet | undefined): FieldSet =>
  node === undefined || isMember(node) ? (node ?? nothing) : { [here]: nothing, ...node };

/** What of a set lies below an element, as a set of its own; a member alone has nothing below. */
export function below(set: FieldSet, element: string): FieldSet | undefined {
  const node = child(set, element);
  if (node === undefined || isEmpty(node)) return undefined;
  const { [here]: member, ...rest } = node;
  return member === undefined ? node : rest;
}

export function hasElement(set: FieldSet, element: string): boolean {
  const node = child(set, element);
  return node !== undefined && isMember(node);
}

/** Adds a path in place, to a set that nobody else holds. */
export function insert(set: FieldSet, path: Path): void {
  let at: Mutable = set;
  path.forEach((element, depth) => {
    const last = depth === path.length - 1;
    const known = Object.hasOwn(at, element) ? at[element] : undefined;
    // A member that gets children, or a node with children that becomes a member.
    if (known && isEmpty(known) !== last) known[here] ??= {};
    at = known ?? (at[element] = {});
  });
}

/** A member alone is written without its dot. */
function tidy(node: Mutable): FieldSet {
  const keys = Object.keys(node);
  return keys.length === 1 && keys[0] === here ? nothing : node;
}

/** Of whole sets. Gives back an argument as it is when that is the answer. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  if (isEmpty(a)) return b;
  return unionOf(a, b, false);
}

function unionOf(a: FieldSet, b: FieldSet, nodes: boolean): FieldSet {
  if (a === b) return a;
  const both: Mutable = {};
  if (nodes && (isMember(a) || isMember(b))) both[here] = {};
  let same = !nodes || isMember(a) || !isMember(b);
  for (const element in a) {
    if (element === here) continue;
    const mine = a[element] as FieldSet;
    const other = child(b, element);
    const merged = other === undefined ? mine : unionOf(mine, other, true);
    if (merged !== mine) same = false;
    both[element] = merged;
  }
  for (const element in b) {
    if (element === here || Object.hasOwn(a, element)) continue;
    both[element] = b[element] as Mutable;
    same = false;
  }
  return same ? a : nodes ? tidy(both) : both;
}

/** Paths of `a` that are not in `b`; `a` itself when that is all of them. */
export const difference = (a: FieldSet, b: FieldSet): FieldSet =>
  isEmpty(a) || isEmpty(b) ? a : (combine(a, b, false, keepOthers) ?? nothing);

/** Paths of `a` that are in `b`. */
export const intersection = (a: FieldSet, b: FieldSet): FieldSet =>
  isEmpty(a) || isEmpty(b) ? nothing : (combine(a, b, false, keepShared) ?? nothing);

type Keep = (inB: boolean) => boolean;
const keepOthers: Keep = (inB) => !inB;
const keepShared: Keep = (inB) => inB;

/** `a` without the members that are not to be kept; undefined: none is left. */
function combine(a: FieldSet, b: FieldSet | undefined, node: boolean, keep: Keep): FieldSet | undefined {
  if (b === undefined) return keep(false) ? a : undefined;
  const left: Mutable = {};
  let same = true;
  if (node && isMember(a)) {
    if (keep(isMember(b))) left[here] = {};
    else same = false;
  }
  for (const element in a) {
    if (element === here) continue;
    const mine = a[element] as FieldSet;
    const rest = combine(mine, child(b, element), true, keep);
    if (rest !== mine) same = false;
    if (rest !== undefined) left[element] = rest;
  }
  if (same) return a;
  if (isEmpty(left)) return undefined;
  return node ? tidy(left) : left;
}

/** All members, each parent before its children. */
export function paths(set: FieldSet): string[][] {
  const found: string[][] = [];
  const walk = (node: FieldSet, path: string[]): void => {
    if (path.length > 0 && isMember(node)) found.push(path);
    for (const element of Object.keys(node).sort()) {
      if (element !== here) walk(node[element] as FieldSet, [...path, element]);
    }
  };
  walk(set, []);
  return found;
}

/** The order of keys in which sets are written: the same set is the same text. */
export function sorted(set: FieldSet): FieldSet {
  const keys = Object.keys(set);
  if (keys.length === 0) return nothing;
  return Object.fromEntries(keys.sort().map((k) => [k, sorted(set[k] as FieldSet)]));
}

/** '.spec.containers[name="web"].image': how messages write a path. */
export function pathText(path: Path): string {
  return path.map(elementText).join('');
}

export function elementText(element: string): string {
  const value = element.slice(2);
  if (element.startsWith('f:')) return `.${value}`;
  if (element.startsWith('v:')) return `[=${value}]`;
  if (element.startsWith('i:')) return `[${value}]`;
  const keys = Object.entries(JSON.parse(value) as Record<string, unknown>);
  return `[${keys.map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(',')}]`;
}

export const field = (name: string): string => `f:${name}`;
export const setElement = (value: unknown): string => `v:${JSON.stringify(value)}`;

/** Keys in the order of their names: an element has one spelling. */
export const keyElement = (keys: readonly (readonly [name: string, value: unknown])[]): string =>
  `k:{${keys.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;

const deepest = 64;

/** A client's FieldsV1 in our spelling; undefined: it is none. */
export function readFieldSet(value: unknown): FieldSet | undefined {
  const read = readNode(value, 0);
  return read && Object.hasOwn(read, here) ? undefined : read;
}

function readNode(value: unknown, depth: number): FieldSet | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth > deepest) return undefined;
  const node: Mutable = {};
  for (const [key, below] of Object.entries(value)) {
    const element = key === here ? here : readElement(key);
    const set = readNode(below, depth + 1);
    if (element === undefined || set === undefined) return undefined;
    node[element] = set;
  }
  return depth > 0 ? tidy(node) : node;
}

function readElement(text: string): string | undefined {
  const value = text.slice(2);
  if (text.startsWith('f:')) return text;
  if (text.startsWith('i:')) return /^\d+$/.test(value) ? text : undefined;
  if (!text.startsWith('k:') && !text.startsWith('v:')) return undefined;
  try {
    const parsed = JSON.parse(value) as unknown;
    if (text.startsWith('v:')) return setElement(parsed);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    return keyElement(Object.entries(parsed).sort(([a], [b]) => (a < b ? -1 : 1)));
  } catch {
    return undefined;
  }
}

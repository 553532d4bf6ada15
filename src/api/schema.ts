// What is known about every served type, and the two things done with it: a body is checked as upstream's decoder would
// check it, and brought to the form in which upstream would write it back.
import { kindRow } from './kinds.ts';
import { canonicalQuantity } from './quantity.ts';
import text from './schema.json' with { type: 'json' };
import { parseTime, rfc3339, rfc3339Micro } from './time.ts';
import type { Kind } from './types.ts';

export type FieldType =
  | 'string'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'object'
  | 'array'
  | 'map'
  | 'any'
  | 'intOrString'
  | 'quantity'
  | 'time'
  | 'microTime'
  | 'bytes';

export interface FieldSchema {
  readonly type: FieldType;
  /** Name of the type when this is an object. */
  readonly ref?: string;
  /** Of an array's elements or a map's values. */
  readonly items?: FieldSchema;
  readonly required?: boolean;
  /** int32, int64 */
  readonly format?: string;
  readonly mergeKey?: string;
  readonly patchStrategy?: 'merge' | 'replace' | 'retainKeys' | 'merge,retainKeys';
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
  /** Of a map: server-side apply takes it whole or not at all. */
  readonly atomic?: boolean;
}

export interface TypeSchema {
  readonly name: string;
  readonly fields: Readonly<Record<string, FieldSchema>>;
  /** Server-side apply takes the whole object or nothing of it. */
  readonly atomic?: boolean;
}

// schema.json: short type name -> field -> code. A code is
//
//     [!] { '[' | '{' } ( s | i | l | n | b | x | q | t | u | y | a | o:<short type name> ) { ' ' key=value }
//      |      |    |      string int32 int64 number boolean intOrString quantity time microTime bytes any object
//      |      |    map of
//      |      array of
//      required
//
// with merge=<key>, patch=<strategy>, list=<type>, keys=<key>,<key>, map=atomic. The field '' marks an atomic type.
const CODES = text as unknown as Readonly<Record<string, Readonly<Record<string, string>>>>;

const SCALARS: Readonly<Record<string, FieldSchema>> = {
  s: { type: 'string' },
  i: { type: 'integer', format: 'int32' },
  l: { type: 'integer', format: 'int64' },
  n: { type: 'number', format: 'double' },
  b: { type: 'boolean' },
  x: { type: 'intOrString' },
  q: { type: 'quantity' },
  t: { type: 'time' },
  u: { type: 'microTime' },
  y: { type: 'bytes' },
  a: { type: 'any' },
};

const META = 'io.k8s.apimachinery.pkg.apis.';
const API = 'io.k8s.api.';
const fullName = (short: string): string => (short.startsWith('meta.') ? META : API) + short;
const shortName = (full: string): string =>
  full.startsWith(META) ? full.slice(META.length) : full.startsWith(API) ? full.slice(API.length) : '';

function decodeValue(code: string): FieldSchema {
  if (code.startsWith('[')) return { type: 'array', items: decodeValue(code.slice(1)) };
  if (code.startsWith('{')) return { type: 'map', items: decodeValue(code.slice(1)) };
  if (code.startsWith('o:')) return { type: 'object', ref: fullName(code.slice(2)) };
  const scalar = SCALARS[code];
  if (!scalar) throw new Error(`schema.json: unknown code ${code}`);
  return scalar;
}

function decodeField(code: string): FieldSchema {
  const required = code.startsWith('!');
  const [value = '', ...facts] = (required ? code.slice(1) : code).split(' ');
  const fact = new Map(facts.map((f) => f.split('=', 2) as [string, string]));
  return {
    ...decodeValue(value),
    ...(required ? { required } : {}),
    ...(fact.has('merge') ? { mergeKey: fact.get('merge') } : {}),
    ...(fact.has('patch') ? { patchStrategy: fact.get('patch') as FieldSchema['patchStrategy'] } : {}),
    ...(fact.has('list') ? { listType: fact.get('list') as FieldSchema['listType'] } : {}),
    ...(fact.get('map') === 'atomic' ? { atomic: true } : {}),
    ...(fact.has('keys') ? { listMapKeys: (fact.get('keys') ?? '').split(',') } : {}),
  };
}

const decoded = new Map<string, TypeSchema>();

/** e.g. 'io.k8s.api.core.v1.PodSpec'; undefined: not a type of the kinds served. */
export function typeSchema(name: string): TypeSchema | undefined {
  const known = decoded.get(name);
  if (known) return known;
  const short = shortName(name);
  const codes = Object.hasOwn(CODES, short) ? CODES[short] : undefined;
  if (!codes) return undefined;
  const fields = Object.entries(codes).filter(([field]) => field !== '');
  const type: TypeSchema = {
    name,
    fields: Object.fromEntries(fields.map(([field, code]) => [field, decodeField(code)])),
    ...(codes[''] === 'atomic' ? { atomic: true } : {}),
  };
  decoded.set(name, type);
  return type;
}

/** Full names of all types. */
export const typeNames = (): string[] => Object.keys(CODES).map(fullName);

/** 'io.k8s.api.apps.v1.Deployment': group apps; the core group is `core`, discovery.k8s.io is `discovery`. */
export function kindTypeName(kind: Kind): string {
  const { group, version } = kindRow(kind);
  return `${API}${group === '' ? 'core' : group.split('.')[0]}.${version}.${kind}`;
}

function need(name: string): TypeSchema {
  const type = typeSchema(name);
  if (!type) throw new Error(`no schema of ${name}`);
  return type;
}

export const rootSchema = (kind: Kind): TypeSchema => need(kindTypeName(kind));

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/** How Go's decoder calls what it found. Numbers stand with their digits where an integer was wanted. */
function jsonWord(value: unknown, wanted: FieldSchema): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return wanted.type === 'integer' ? `number ${value}` : 'number';
  return typeof value;
}

function goType(field: FieldSchema): string {
  switch (field.type) {
    case 'integer':
      return field.format ?? 'int64';
    case 'number':
      return 'float64';
    case 'boolean':
      return 'bool';
    case 'array':
      return `[]${field.items ? goType(field.items) : 'interface {}'}`;
    case 'map':
      return `map[string]${field.items ? goType(field.items) : 'interface {}'}`;
    case 'object':
      return `v1.${lastPart(field.ref ?? '')}`;
    case 'intOrString':
      return 'intstr.IntOrString';
    case 'bytes':
      return '[]uint8';
    default:
      return 'string';
  }
}

const LIMITS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

function isInteger(value: unknown, format = 'int64'): boolean {
  if (typeof value !== 'number' || !Number.isInteger(value)) return false;
  const [min, max] = LIMITS[format] ?? [0n, 0n];
  return BigInt(value) >= min && BigInt(value) <= max;
}

/** undefined: good. `{go}`: the type's own decoder refuses the value in its words. `wrong`: another JSON type. */
function scalarProblem(value: unknown, field: FieldSchema): 'wrong' | { go: string } | undefined {
  const wrongUnless = (good: boolean): 'wrong' | undefined => (good ? undefined : 'wrong');
  switch (field.type) {
    case 'string':
      return wrongUnless(typeof value === 'string');
    case 'integer':
      return wrongUnless(isInteger(value, field.format));
    case 'number':
      return wrongUnless(typeof value === 'number');
    case 'boolean':
      return wrongUnless(typeof value === 'boolean');
    case 'intOrString':
      return wrongUnless(typeof value === 'string' || isInteger(value, 'int32'));
    case 'bytes':
      if (typeof value !== 'string') return 'wrong';
      return isBase64(value) ? undefined : { go: 'illegal base64 data' };
    case 'quantity':
      if (typeof value !== 'string' && typeof value !== 'number') return 'wrong';
      return canonicalQuantity(String(value)) === undefined
        ? {
            go: "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
          }
        : undefined;
    case 'time':
    case 'microTime':
      if (typeof value !== 'string') return 'wrong';
      return Number.isNaN(parseTime(value))
        ? { go: `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": not an RFC 3339 time` }
        : undefined;
    default:
      return undefined;
  }
}

/** Standard alphabet with padding; line breaks are ignored, as Go's decoder does. */
function isBase64(value: string): boolean {
  const bare = value.replace(/[\r\n]/g, '');
  return bare.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(bare);
}

export interface ShapeReport {
  /** Whole messages for a 400 BadRequest; upstream reports the first alone. */
  wrongType: string[];
  /** 'spec.containers[0].foo': strict validation refuses them, otherwise they are dropped. */
  unknown: string[];
}

class ShapeCheck {
  readonly wrongType: string[] = [];
  readonly unknown: string[] = [];
  private readonly prefix: string;
  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** goPath is the decoder's (no indices), path is strict validation's (with them). */
  object(value: Json, type: TypeSchema, path: string, goPath: string): void {
    for (const [key, child] of Object.entries(value)) {
      const here = path === '' ? key : `${path}.${key}`;
      const field = Object.hasOwn(type.fields, key) ? type.fields[key] : undefined;
      if (!field) this.unknown.push(here);
      else this.value(child, field, here, goPath === '' ? key : `${goPath}.${key}`, lastPart(type.name));
    }
  }

  private value(value: unknown, field: FieldSchema, path: string, goPath: string, struct: string): void {
    // null is the zero value of whatever stands there.
    if (value === null || value === undefined || field.type === 'any') return;
    const wrong = (): void => {
      const found = jsonWord(value, field);
      this.refuse(`json: cannot unmarshal ${found} into Go struct field ${struct}.${goPath} of type ${goType(field)}`);
    };
    if (field.type === 'array') {
      if (!Array.isArray(value)) return wrong();
      const { items } = field;
      if (items) value.forEach((child, index) => this.value(child, items, `${path}[${index}]`, goPath, struct));
    } else if (field.type === 'map') {
      if (!isObject(value)) return wrong();
      const { items } = field;
      if (items)
        for (const [key, child] of Object.entries(value)) this.value(child, items, `${path}.${key}`, goPath, struct);
    } else if (field.type === 'object') {
      if (!isObject(value)) return wrong();
      this.object(value, need(field.ref ?? ''), path, goPath);
    } else {
      const problem = scalarProblem(value, field);
      if (problem === 'wrong') wrong();
      else if (problem) this.refuse(`${path}: ${problem.go}`);
    }
  }

  private refuse(message: string): void {
    this.wrongType.push(`${this.prefix}${message}`);
  }
}

/** As checkShape, for bodies that are no served kind: Scale, Binding, Eviction, DeleteOptions. */
export function checkTypeShape(typeName: string, object: unknown): ShapeReport {
  const type = need(typeName);
  const kind = lastPart(typeName);
  const version = shortName(typeName).split('.')[1] ?? 'v1';
  const check = new ShapeCheck(`${kind} in version "${version}" cannot be handled as a ${kind}: `);
  if (isObject(object)) check.object(object, type, '', '');
  else check.wrongType.push(`${kind} in version "${version}" cannot be handled as a ${kind}: not a JSON object`);
  return { wrongType: check.wrongType, unknown: check.unknown };
}

export const checkShape = (kind: Kind, object: unknown): ShapeReport => checkTypeShape(kindTypeName(kind), object);

function decodeJson(value: unknown, field: FieldSchema, nulls: boolean): unknown {
  switch (field.type) {
    case 'array': {
      const { items } = field;
      if (!Array.isArray(value) || !items) return value;
      return value.map((child: unknown) => (child === null ? zeroElement(items) : decodeJson(child, items, nulls)));
    }
    case 'map': {
      const { items } = field;
      if (!isObject(value) || !items) return value;
      return Object.fromEntries(
        Object.entries(value).map(([key, child]) => [
          key,
          child === null ? zeroElement(items) : decodeJson(child, items, nulls),
        ]),
      );
    }
    case 'object':
      return isObject(value) ? decodeObject(value, need(field.ref ?? ''), nulls) : value;
    case 'quantity':
      return typeof value === 'string' || typeof value === 'number'
        ? (canonicalQuantity(String(value)) ?? value)
        : value;
    case 'time':
      return typeof value === 'string' && value !== '' ? rfc3339(parseTime(value)) : value;
    case 'microTime':
      return typeof value === 'string' && value !== '' ? microTime(value) : value;
    default:
      return value;
  }
}

/** UTC with six digits; the digits below a millisecond come from the text, for a number of ms would round them. */
function microTime(value: string): string {
  const digits = /\.(\d+)/.exec(value)?.[1] ?? '';
  return `${rfc3339Micro(parseTime(value)).slice(0, 20)}${digits.padEnd(6, '0').slice(0, 6)}Z`;
}

/** What a null inside a list or a map decodes to. */
const zeroElement = (field: FieldSchema): unknown =>
  ({ string: '', integer: 0, number: 0, boolean: false, object: {}, array: [], map: {}, quantity: '0' })[
    field.type as 'string'
  ] ?? null;

function decodeObject(object: Json, type: TypeSchema, nulls: boolean): Json {
  const kept: [string, unknown][] = [];
  for (const [key, value] of Object.entries(object)) {
    const field = Object.hasOwn(type.fields, key) ? type.fields[key] : undefined;
    if (!field || value === undefined) continue;
    if (value !== null) kept.push([key, decodeJson(value, field, nulls)]);
    else if (nulls) kept.push([key, null]);
  }
  return Object.fromEntries(kept);
}

/**
 * The object as upstream's structs would hold it: unknown fields and nulls dropped, quantities ('0.5' -> '500m') and times
 * in their canonical form. Call after checkShape has found no wrong type.
 */
export function pruneUnknown<T>(kind: Kind, object: T): T {
  return isObject(object) ? (decodeObject(object, rootSchema(kind), false) as T) : object;
}

/** As pruneUnknown, but null fields stay: to server-side apply they say something. */
export function canonical<T>(kind: Kind, object: T): T {
  return isObject(object) ? (decodeObject(object, rootSchema(kind), true) as T) : object;
}

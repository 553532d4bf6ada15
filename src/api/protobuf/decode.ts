// Protobuf bodies to the plain objects that the same bodies in JSON would give.
//
//     k8s\0 | runtime.Unknown { typeMeta { apiVersion, kind }, raw: the object's message }
//
// Clients written in Go hold structs, and JSON of theirs has what the structs' tags say: a zero that is not left out stands
// there although protobuf carries nothing for it. Nulls are left out: they say the same as absence.
import { joinBytes } from '../../lib/bytes.ts';
import { failure } from '../status.ts';
import { rfc3339 } from '../time.ts';
import { type Field, type Message, message, messageOf } from './messages.ts';
import { decodeText, LENGTH, Reader, VARINT, WireError } from './wire.ts';

export interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

type Json = Record<string, unknown>;

export const MAGIC: readonly number[] = [0x6b, 0x38, 0x73, 0x00];

/** Of a small message around one value: the bytes of one field, the last that is given. */
function only(content: Uint8Array, number: number): Uint8Array {
  const reader = new Reader(content);
  let found = new Uint8Array();
  while (!reader.done) {
    const tag = reader.tag();
    if (tag.number === number && tag.wire === LENGTH) found = reader.content() as typeof found;
    else reader.skip(tag.wire);
  }
  return found;
}

/** Integers of a small message by their numbers. */
function integers(content: Uint8Array): Map<number, number> {
  const reader = new Reader(content);
  const found = new Map<number, number>();
  while (!reader.done) {
    const tag = reader.tag();
    if (tag.wire === VARINT) found.set(tag.number, reader.int64());
    else reader.skip(tag.wire);
  }
  return found;
}

/** The years that RFC 3339 can write. */
const firstSecond = -62_135_596_800;
const lastSecond = 253_402_300_799;

/** Seconds 1, nanoseconds 2; an empty message is the zero time, which is null in JSON. */
function timeOf(content: Uint8Array, micro: boolean): string | undefined {
  if (content.length === 0) return undefined;
  const parts = integers(content);
  const seconds = parts.get(1) ?? 0;
  const micros = Math.floor((parts.get(2) ?? 0) / 1000);
  if (seconds < firstSecond || seconds > lastSecond || micros < 0 || micros > 999_999) {
    throw new WireError(`a time out of range: ${seconds} s`);
  }
  if (seconds === firstSecond && micros === 0) return undefined;
  const whole = rfc3339(seconds * 1000);
  return micro ? `${whole.slice(0, 19)}.${String(micros).padStart(6, '0')}Z` : whole;
}

/** Type 1 (0 is a number), number 2, text 3. */
function intOrString(content: Uint8Array): number | string {
  const numbers = integers(content);
  return numbers.get(1) === 1 ? decodeText(only(content, 3)) : (numbers.get(2) ?? 0) | 0;
}

/** JSON text inside. */
function rawJson(content: Uint8Array): unknown {
  const raw = only(content, 1);
  if (raw.length === 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(decodeText(raw));
  } catch (e) {
    throw new WireError(`raw JSON: ${e instanceof Error ? e.message : String(e)}`);
  }
  if (isDeeperThan(value, depthLimit)) throw new WireError('raw JSON: exceeded max depth');
  return value ?? undefined;
}

/** Messages nest as deep as their types do; raw JSON nests at will, and those who walk it have a stack that ends. */
const depthLimit = 1000;

function isDeeperThan(value: unknown, limit: number): boolean {
  let level = [value];
  for (let depth = 0; depth <= limit; depth += 1) {
    level = level.flatMap((v) => (typeof v === 'object' && v !== null ? Object.values(v) : []));
    if (level.length === 0) return false;
  }
  return true;
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** A message around a list of strings, field 1. */
function strings(content: Uint8Array): string[] {
  const reader = new Reader(content);
  const found: string[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag.number === 1 && tag.wire === LENGTH) found.push(reader.string());
    else reader.skip(tag.wire);
  }
  return found;
}

/** What is written as a length and so many bytes. */
function decodeContent(field: Field, content: Uint8Array): unknown {
  switch (field.letter) {
    case 's':
      return decodeText(content);
    case 'y':
      return base64(content);
    case 'q':
      return decodeText(only(content, 1)) || '0';
    case 'x':
      return intOrString(content);
    case 't':
    case 'u':
      return timeOf(content, field.letter === 'u');
    case 'r':
      return rawJson(content);
    case 'e':
      return strings(content);
    default:
      return decodeMessage(message(field.message), content);
  }
}

const isVarint = (field: Field): boolean => field.letter === 'i' || field.letter === 'l' || field.letter === 'b';

function decodeVarint(field: Field, reader: Reader): number | boolean {
  if (field.letter === 'b') return reader.bool();
  return field.letter === 'i' ? reader.int32() : reader.int64();
}

/** What Go's zero value is in JSON; undefined: null. */
function zeroOf(field: Field): unknown {
  switch (field.letter) {
    case 's':
      return '';
    case 'i':
    case 'l':
    case 'x':
      return 0;
    case 'b':
      return false;
    case 'q':
      return '0';
    case 'o':
      return decodeMessage(message(field.message), new Uint8Array());
    default:
      return undefined;
  }
}

/** Key 1, value 2; what is left out is zero. */
function decodePair(field: Field, content: Uint8Array): [string, unknown] {
  const key = decodeText(only(content, 1));
  const reader = new Reader(content);
  let value: unknown;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag.number === 2 && tag.wire === LENGTH) value = decodeContent(field, reader.content());
    else reader.skip(tag.wire);
  }
  return [key, value ?? (field.letter === 'y' ? '' : zeroOf(field))];
}

/** Fields of one message as they come; what they are in JSON is said when all have been seen. */
class Fields {
  private readonly type: Message;
  /** By the field's index: a value, the bytes of a message, the values of a list, or a Map. */
  private readonly seen: unknown[];

  constructor(type: Message) {
    this.type = type;
    this.seen = Array<unknown>(type.fields.length);
  }

  read(reader: Reader): void {
    const { number, wire } = reader.tag();
    const field = this.type.byNumber.get(number);
    if (!field) return reader.skip(wire);
    const varint = isVarint(field);
    // Numbers of a list may also come packed, one after the other in one length.
    const packed = varint && field.flag === '[' && wire === LENGTH;
    if (wire !== (varint ? VARINT : LENGTH) && !packed) {
      throw new WireError(`wrong wireType = ${wire} for field ${this.type.name}.${field.name}`);
    }
    if (packed) {
      const values = new Reader(reader.content());
      while (!values.done) this.push(field, decodeVarint(field, values));
    } else if (varint) this.keep(field, decodeVarint(field, reader));
    else if (field.flag === '{') this.put(field, decodePair(field, reader.content()));
    else if (field.flag === '[') this.push(field, decodeContent(field, reader.content()));
    else if (field.letter === 'o') this.merge(field, reader.content());
    else this.seen[field.index] = decodeContent(field, reader.content());
  }

  private keep(field: Field, value: unknown): void {
    if (field.flag === '[') this.push(field, value);
    else this.seen[field.index] = value;
  }

  private push(field: Field, value: unknown): void {
    const list = this.seen[field.index] as unknown[] | undefined;
    if (list) list.push(value);
    else this.seen[field.index] = [value];
  }

  private put(field: Field, [key, value]: [string, unknown]): void {
    const map = (this.seen[field.index] as Map<string, unknown> | undefined) ?? new Map<string, unknown>();
    this.seen[field.index] = map.set(key, value);
  }

  /** A message that comes in parts is the sum of the parts. */
  private merge(field: Field, content: Uint8Array): void {
    const before = this.seen[field.index] as Uint8Array | undefined;
    this.seen[field.index] = before ? joinBytes([before, content]) : content;
  }

  private value(field: Field): unknown {
    const seen = this.seen[field.index];
    if (field.flag === '[') return seen;
    if (field.flag === '{') {
      const map = seen as Map<string, unknown> | undefined;
      // Whatever the keys are called, they become keys: '__proto__' too.
      return map && Object.fromEntries([...map].filter(([, value]) => value !== undefined));
    }
    if (seen === undefined) return field.flag === '!' || field.flag === '=' ? zeroOf(field) : undefined;
    if (field.letter === 'o') return decodeMessage(message(field.message), seen as Uint8Array);
    const zero = seen === '' || seen === 0 || seen === false;
    return zero && field.flag === '' ? undefined : seen;
  }

  object(): Json {
    const object: Json = {};
    for (const field of this.type.fields) {
      const value = this.value(field);
      if (value === undefined) continue;
      if (field.flag === '=') Object.assign(object, value);
      else object[field.name] = value;
    }
    return object;
  }
}

export function decodeMessage(type: Message, content: Uint8Array): Json {
  const reader = new Reader(content);
  const fields = new Fields(type);
  while (!reader.done) fields.read(reader);
  return fields.object();
}

function decodeEnvelope(bytes: Uint8Array): TypeMeta & { raw: Uint8Array } {
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new WireError(
      `provided data does not appear to be a protobuf message, expected prefix [${MAGIC.map(String).join(' ')}]`,
    );
  }
  const unknown = bytes.subarray(MAGIC.length);
  const typeMeta = only(unknown, 1);
  const [apiVersion, kind] = [decodeText(only(typeMeta, 1)), decodeText(only(typeMeta, 2))];
  return { apiVersion, kind, raw: only(unknown, 2) };
}

/** What is not said of the type in the body is as expected; whether it is what was expected, the caller judges as for JSON. */
export function decodeProtobuf(bytes: Uint8Array, expected: TypeMeta): Json {
  try {
    const { raw, ...given } = decodeEnvelope(bytes);
    const kind = given.kind || expected.kind;
    const apiVersion = given.apiVersion || expected.apiVersion;
    const same = kind === expected.kind;
    const name = messageOf(same ? expected.apiVersion : apiVersion, kind);
    if (name === undefined) throw new WireError(`no kind "${kind}" is registered for version "${apiVersion}"`);
    return { kind, apiVersion, ...decodeMessage(message(name), raw) };
  } catch (e) {
    if (!(e instanceof WireError)) throw e;
    throw failure(
      400,
      'BadRequest',
      `the object provided is unrecognized (must be of type ${expected.kind}): ${e.message}`,
    );
  }
}

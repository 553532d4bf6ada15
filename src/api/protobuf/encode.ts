// Plain objects to the protobuf that clients written in Go read. Absent and zero are the same to them unless a field is a
// pointer there, and what JSON leaves out is left out here.
import { base64Bytes } from '../../lib/bytes.ts';
import { parseTime } from '../time.ts';
import { type Field, type Message, message, messageOf } from './messages.ts';
import { MAGIC, type TypeMeta } from './decode.ts';
import { Writer } from './wire.ts';

type Json = Readonly<Record<string, unknown>>;

const encoder = new TextEncoder();
const magic = Uint8Array.from(MAGIC);

function writeTime(writer: Writer, text: string, micro: boolean): void {
  const seconds = Math.floor(parseTime(text) / 1000);
  const digits = micro ? (/\.(\d+)/.exec(text)?.[1] ?? '') : '';
  const micros = Number(digits.padEnd(6, '0').slice(0, 6));
  if (micros !== 0) writer.int(2, micros * 1000);
  writer.int(1, seconds);
}

/** The content of what is written as a length and so many bytes. */
function writeContent(writer: Writer, field: Field, value: unknown): void {
  switch (field.letter) {
    case 's':
      return writer.utf8(String(value));
    case 'y':
      return writer.raw(base64Bytes(value as string));
    case 'q':
      return writer.string(1, String(value));
    case 'x':
      if (typeof value === 'number') return writer.int(2, value);
      writer.string(3, value as string);
      return writer.int(1, 1);
    case 't':
    case 'u':
      return writeTime(writer, value as string, field.letter === 'u');
    case 'r':
      return writer.bytes(1, encoder.encode(JSON.stringify(value)));
    case 'e':
      for (const text of (value as string[]).toReversed()) writer.string(1, text);
      return;
    default:
      return writeMessage(writer, message(field.message), value as Json);
  }
}

function writeValue(writer: Writer, field: Field, number: number, value: unknown): void {
  if (field.letter === 'b') return writer.int(number, value === true ? 1 : 0);
  if (field.letter === 'i' || field.letter === 'l') return writer.int(number, value as number);
  const before = writer.length;
  writeContent(writer, field, value);
  writer.field(number, before);
}

function writePair(writer: Writer, field: Field, key: string, value: unknown): void {
  const before = writer.length;
  writeValue(writer, field, 2, value);
  writer.string(1, key);
  writer.field(field.number, before);
}

function writeField(writer: Writer, field: Field, object: Json): void {
  if (field.flag === '=') {
    const before = writer.length;
    writeMessage(writer, message(field.message), object);
    if (writer.length > before) writer.field(field.number, before);
    return;
  }
  const value = object[field.name];
  if (value === undefined || value === null) return;
  if (field.flag === '[') {
    for (const item of (value as unknown[]).toReversed()) writeValue(writer, field, field.number, item);
  } else if (field.flag === '{') {
    for (const [key, item] of Object.entries(value).toReversed()) writePair(writer, field, key, item);
  } else writeValue(writer, field, field.number, value);
}

function writeMessage(writer: Writer, type: Message, object: Json): void {
  const { fields } = type;
  for (let i = fields.length - 1; i >= 0; i -= 1) writeField(writer, fields[i] as Field, object);
}

/** Goes in front of a raw message that was written last, and makes it a whole answer. */
function writeEnvelope(writer: Writer, { apiVersion, kind }: TypeMeta): void {
  writer.field(2, 0);
  const before = writer.length;
  writer.string(2, kind);
  writer.string(1, apiVersion);
  writer.field(1, before);
  writer.raw(magic);
}

/** An object without its envelope: as it stands in a list. */
export function encodeMessage(name: string, object: object): Uint8Array {
  const writer = new Writer();
  writeMessage(writer, message(name), object as Json);
  return writer.done();
}

export function encodeEnvelope(type: TypeMeta, raw: Uint8Array): Uint8Array {
  const writer = new Writer(raw.length + 512);
  writer.raw(raw);
  writeEnvelope(writer, type);
  return writer.done();
}

/** An object that says itself what it is, and whose kind has a message. */
export function encodeProtobuf(object: object): Uint8Array {
  const { apiVersion, kind } = object as TypeMeta;
  const name = messageOf(apiVersion, kind);
  if (name === undefined) throw new Error(`${apiVersion} ${kind} has no protobuf form`);
  const writer = new Writer();
  writeMessage(writer, message(name), object as Json);
  writeEnvelope(writer, { apiVersion, kind });
  return writer.done();
}

/** A list of items that are encoded already. */
export function encodeList(type: TypeMeta, metadata: object, items: readonly Uint8Array[]): Uint8Array {
  const size = items.reduce((sum, item) => sum + item.length + 8, 1024);
  const writer = new Writer(size);
  for (let i = items.length - 1; i >= 0; i -= 1) writer.bytes(2, items[i] as Uint8Array);
  const before = writer.length;
  writeMessage(writer, message('meta.v1.ListMeta'), metadata as Json);
  writer.field(1, before);
  writeEnvelope(writer, type);
  return writer.done();
}

/** One frame of a watch: four bytes of length, then a WatchEvent around the whole object. It has no envelope of its own. */
export function encodeWatchFrame(type: string, object: Uint8Array): Uint8Array {
  const writer = new Writer(object.length + 128);
  writer.bytes(1, object);
  writer.field(2, 0);
  writer.string(1, type);
  const { length } = writer;
  writer.raw(Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length));
  return writer.done();
}

// Protobuf's wire format: tags, varints, lengths. https://protobuf.dev/programming-guides/encoding/
//
// Whatever is cut short or out of range is a WireError; the caller knows whose fault it is.

export class WireError extends Error {}

export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH = 2;
export const GROUP = 3;
export const GROUP_END = 4;
export const FIXED32 = 5;

const eof = (): WireError => new WireError('unexpected EOF');
// A byte order mark at the start of a value belongs to the value.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** Most texts are short and ASCII: for these the way into the decoder costs more than the text. */
export function decodeText(bytes: Uint8Array): string {
  const { length } = bytes;
  if (length > 24) return utf8.decode(bytes);
  let text = '';
  for (let i = 0; i < length; i += 1) {
    const byte = bytes[i] as number;
    if (byte > 0x7f) return utf8.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Reads forward through one message. */
export class Reader {
  private readonly bytes: Uint8Array;
  private readonly end: number;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  private byte(): number {
    if (this.at >= this.end) throw eof();
    const byte = this.bytes[this.at] as number;
    this.at += 1;
    return byte;
  }

  /** Exact up to 2^53; what is larger is larger than any tag and any length. */
  private unsigned(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new WireError('integer overflow');
  }

  private signed(bits: number): number {
    const start = this.at;
    const value = this.unsigned();
    if (value < 2 ** 31) return value;
    let exact = 0n;
    for (let i = start; i < this.at; i += 1)
      exact |= BigInt((this.bytes[i] as number) & 0x7f) << BigInt(7 * (i - start));
    return Number(BigInt.asIntN(bits, exact));
  }

  tag(): { number: number; wire: number } {
    const value = this.unsigned();
    const number = Math.floor(value / 8);
    if (number < 1 || number > 2 ** 29 - 1) throw new WireError(`illegal tag ${number}`);
    return { number, wire: value % 8 };
  }

  /** As JSON holds it: beyond 2^53 it is rounded, as JSON.parse does. */
  int64(): number {
    return this.signed(64);
  }

  int32(): number {
    return this.signed(32);
  }

  bool(): boolean {
    return this.unsigned() !== 0;
  }

  /** A view, not a copy. */
  content(): Uint8Array {
    const length = this.unsigned();
    if (length > this.end - this.at) throw eof();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  string(): string {
    return decodeText(this.content());
  }

  /** Steps over a field that nobody knows, however groups nest in it. */
  skip(wire: number): void {
    let depth = 0;
    for (let next = wire; ; next = this.tag().wire) {
      if (next === VARINT) this.unsigned();
      else if (next === LENGTH) this.content();
      else if (next === FIXED64) this.pass(8);
      else if (next === FIXED32) this.pass(4);
      else if (next === GROUP) depth += 1;
      else if (next === GROUP_END && depth > 0) depth -= 1;
      else throw new WireError(`illegal wire type ${next}`);
      if (depth === 0) return;
    }
  }

  private pass(count: number): void {
    if (this.end - this.at < count) throw eof();
    this.at += count;
  }
}

/** Writes backwards, so that a message's length is known when its tag is written: fields come in reverse. */
export class Writer {
  private buffer: Uint8Array<ArrayBuffer>;
  private at: number;

  constructor(capacity = 1024) {
    this.buffer = new Uint8Array(capacity);
    this.at = capacity;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.buffer.length - this.at;
  }

  private reserve(count: number): void {
    if (this.at >= count) return;
    const size = Math.max(this.buffer.length * 2, this.length + count);
    const larger = new Uint8Array(size);
    larger.set(this.buffer.subarray(this.at), size - this.length);
    this.at = size - this.length;
    this.buffer = larger;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.at -= bytes.length;
    this.buffer.set(bytes, this.at);
  }

  varint(value: number): void {
    if (value < 0 || value >= 2 ** 31) return this.bigVarint(BigInt.asUintN(64, BigInt(value)));
    const size = value < 2 ** 7 ? 1 : value < 2 ** 14 ? 2 : value < 2 ** 21 ? 3 : value < 2 ** 28 ? 4 : 5;
    this.reserve(size);
    this.at -= size;
    let rest = value;
    for (let i = 0; i < size - 1; i += 1) {
      this.buffer[this.at + i] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.at + size - 1] = rest;
  }

  private bigVarint(value: bigint): void {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.raw(Uint8Array.from(bytes));
  }

  tag(number: number, wire: number): void {
    this.varint(number * 8 + wire);
  }

  /** The field whose content was written since `length` was `before`. */
  field(number: number, before: number): void {
    this.varint(this.length - before);
    this.tag(number, LENGTH);
  }

  string(number: number, value: string): void {
    const before = this.length;
    this.utf8(value);
    this.field(number, before);
  }

  /** Nearly all text is ASCII, and short: no buffer of its own for that. */
  utf8(value: string): void {
    this.reserve(value.length);
    const start = this.at - value.length;
    for (let i = 0; i < value.length; i += 1) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return this.raw(encoder.encode(value));
      this.buffer[start + i] = code;
    }
    this.at = start;
  }

  bytes(number: number, value: Uint8Array): void {
    const before = this.length;
    this.raw(value);
    this.field(number, before);
  }

  int(number: number, value: number): void {
    this.varint(value);
    this.tag(number, VARINT);
  }

  /** What was written; a copy when much of the buffer would be kept for nothing. */
  done(): Uint8Array {
    return this.at * 8 < this.buffer.length ? this.buffer.subarray(this.at) : this.buffer.slice(this.at);
  }
}

// Domain names: labels on the wire, text inside. RFC 1035 section 3.1 and 4.1.4.
//
//   +---+-----------+---+---------+---+      +----+----------+
//   | 3 | w  e  b   | 2 | n   s   | 0 |  or  | 11 | offset14 |  a pointer to an earlier name, ends any name
//   +---+-----------+---+---------+---+      +----+----------+
//
// Text: labels joined by '.', no dot at the end, '' is the root. Bytes other than visible ASCII are written \DDD, and '.' and
// '\' inside a label \. and \\, as in zone files: so a name survives decode and encode, and toLowerCase() touches A-Z only.

const MAX_NAME = 255;
const MAX_LABEL = 63;
const HEADER_BYTES = 12;

export interface ReadName {
  readonly name: string;
  /** Offset after the name where it stood (not where its pointers led). */
  readonly end: number;
}

/** undefined: cut off, too long, an unknown label type, or a pointer that does not go backwards (a loop). */
export function readName(bytes: Uint8Array, start: number): ReadName | undefined {
  let name = '';
  let offset = start;
  let end: number | undefined;
  let lowest = start;
  let total = 0;
  for (;;) {
    const length = bytes[offset];
    if (length === undefined) return undefined;
    if (length === 0) return { name, end: end ?? offset + 1 };
    if ((length & 0xc0) === 0xc0) {
      const low = bytes[offset + 1];
      if (low === undefined) return undefined;
      const target = ((length & 0x3f) << 8) | low;
      if (target >= lowest || target < HEADER_BYTES) return undefined;
      end ??= offset + 2;
      lowest = target;
      offset = target;
      continue;
    }
    if (length > MAX_LABEL || offset + 1 + length > bytes.length) return undefined;
    total += length + 1;
    if (total + 1 > MAX_NAME) return undefined;
    if (name !== '') name += '.';
    for (let i = offset + 1; i <= offset + length; i++) name += byteText(bytes[i]!);
    offset += length + 1;
  }
}

function byteText(byte: number): string {
  if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
  if (byte > 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\${String(byte).padStart(3, '0')}`;
}

/** Text -> labels. Throws on a label that the wire cannot hold: names come from decoded packets or validated objects. */
export function labelsOf(name: string): readonly string[] {
  const bare = name.endsWith('.') && !name.endsWith('\\.') ? name.slice(0, -1) : name;
  if (bare === '') return [];
  return bare.includes('\\') ? (bare.match(/(?:\\\d{3}|\\.|[^.\\])+/g) ?? []) : bare.split('.');
}

/** The bytes of one label of labelsOf. */
export function labelBytes(label: string): Uint8Array {
  const out: number[] = [];
  for (let i = 0; i < label.length; i++) {
    if (label[i] !== '\\') {
      out.push(label.charCodeAt(i));
    } else if (/^\d{3}/.test(label.slice(i + 1, i + 4))) {
      out.push(Number(label.slice(i + 1, i + 4)));
      i += 3;
    } else {
      out.push(label.charCodeAt(++i));
    }
  }
  if (out.length === 0 || out.length > MAX_LABEL || out.some((b) => !(b < 256))) {
    throw new Error(`not a DNS label: ${JSON.stringify(label)}`);
  }
  return Uint8Array.from(out);
}

/** Whether the wire can hold this text as a name. */
export function isName(text: string): boolean {
  try {
    const total = labelsOf(text).reduce((sum, label) => sum + labelBytes(label).length + 1, 1);
    return total <= MAX_NAME && !/(^|[^\\])\.\./.test(text) && !text.startsWith('.');
  } catch {
    return false;
  }
}

/** Uncompressed: for data inside records, where pointers may not be used. */
export function nameBytes(name: string): Uint8Array {
  const out: number[] = [];
  for (const label of labelsOf(name)) {
    const bytes = labelBytes(label);
    out.push(bytes.length, ...bytes);
  }
  out.push(0);
  if (out.length > MAX_NAME) throw new Error(`DNS name of more than ${MAX_NAME} bytes: ${name}`);
  return Uint8Array.from(out);
}

/** Whether `name` is `apex` or lies below it. Both in lower case. */
export const isWithin = (name: string, apex: string): boolean =>
  name === apex || (name.length > apex.length && name.endsWith(apex) && name[name.length - apex.length - 1] === '.');

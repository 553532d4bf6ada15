// IP addresses and ranges: text <-> bytes, and the arithmetic that address plans need. IPv4 and IPv6 alike.

export interface Cidr {
  /** 4 or 16 bytes, host bits cleared. */
  readonly base: Uint8Array;
  readonly prefix: number;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    // A leading zero is octal to some parsers (CVE-2021-29923), so it is no address at all.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const lastColon = text.lastIndexOf(':');
  let groups = text;
  if (text.includes('.')) {
    const v4 = parseIpv4(text.slice(lastColon + 1));
    if (!v4) return undefined;
    const hex = (i: number) => (((v4[i] ?? 0) << 8) | (v4[i + 1] ?? 0)).toString(16);
    groups = `${text.slice(0, lastColon + 1)}${hex(0)}:${hex(2)}`;
  }
  const halves = groups.split('::');
  if (halves.length > 2) return undefined;
  const split = (half: string) => (half === '' ? [] : half.split(':'));
  const head = split(halves[0] ?? '');
  const tail = halves.length === 2 ? split(halves[1] ?? '') : [];
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined;
  const words = [...head, ...Array.from({ length: gap }, () => '0'), ...tail];
  const bytes = new Uint8Array(16);
  for (const [i, word] of words.entries()) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(word)) return undefined;
    const value = Number.parseInt(word, 16);
    bytes[2 * i] = value >> 8;
    bytes[2 * i + 1] = value & 255;
  }
  return bytes;
}

/** Bytes of an address, 4 or 16; undefined when the text is none. */
export const tryIp = (text: string): Uint8Array | undefined => (text.includes(':') ? parseIpv6(text) : parseIpv4(text));

export function parseIp(text: string): Uint8Array {
  const bytes = tryIp(text);
  if (!bytes) throw new Error(`not an IP address: '${text}'`);
  return bytes;
}

/** Canonical text: dotted, or RFC 5952 (lower case, longest run of zero groups shortened). */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && words[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const text = (from: number, to: number) =>
    words
      .slice(from, to)
      .map((w) => w.toString(16))
      .join(':');
  return best.at < 0 ? text(0, 8) : `${text(0, best.at)}::${text(best.at + best.length, 8)}`;
}

const clearHostBits = (bytes: Uint8Array, prefix: number): Uint8Array =>
  bytes.map((byte, i) => {
    const keep = Math.min(8, Math.max(0, prefix - 8 * i));
    return byte & (0xff << (8 - keep)) & 0xff;
  });

/** '10.244.1.0/24', or one address as its /32 or /128. */
export function parseCidr(text: string): Cidr {
  const [ip = '', length, more] = text.split('/');
  const bytes = tryIp(ip);
  const bits = bytes ? bytes.length * 8 : 0;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (!bytes || more !== undefined || prefix < 0 || prefix > bits) throw new Error(`not an IP range: '${text}'`);
  return { base: clearHostBits(bytes, prefix), prefix };
}

export const formatCidr = (cidr: Cidr): string => `${formatIp(cidr.base)}/${cidr.prefix}`;

export const sameFamily = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length;

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((x, i) => x === b[i]);

/** Whether inner lies wholly in outer (equal counts). */
export const covers = (outer: Cidr, inner: Cidr): boolean =>
  sameFamily(outer.base, inner.base) &&
  outer.prefix <= inner.prefix &&
  equalBytes(clearHostBits(inner.base, outer.prefix), outer.base);

export const overlaps = (a: Cidr, b: Cidr): boolean => covers(a, b) || covers(b, a);

export const containsIp = (range: string, ip: string): boolean => covers(parseCidr(range), parseCidr(ip));

/** How many addresses a range has; exact up to 2^53. */
export const sizeOf = (cidr: Cidr): number => 2 ** (cidr.base.length * 8 - cidr.prefix);

/** The n-th address of a range, counted from its base. */
export function nthIp(cidr: Cidr, n: number): string {
  const bytes = cidr.base.slice();
  let rest = n;
  for (let i = bytes.length - 1; i >= 0 && rest > 0; i--) {
    const sum = (bytes[i] ?? 0) + (rest % 256);
    bytes[i] = sum & 255;
    rest = Math.floor(rest / 256) + (sum >> 8);
  }
  return formatIp(bytes);
}

/** Where an address stands in a range (0 is the base); undefined when it is outside. */
export function indexOfIp(cidr: Cidr, ip: string): number | undefined {
  const bytes = tryIp(ip);
  if (!bytes || !covers(cidr, { base: bytes, prefix: bytes.length * 8 })) return undefined;
  return bytes.reduce((sum, byte, i) => sum * 256 + byte - (cidr.base[i] ?? 0), 0);
}

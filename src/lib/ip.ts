// IP addresses and ranges: text <-> bytes or a number, and the arithmetic on them. Bytes serve both families; IPv4 as a
// number is the quick way for sorting, sets of ranges and counting.

/** Both ends included. */
export type Ipv4Range = readonly [from: number, to: number];

export interface Cidr {
  /** 4 or 16 bytes, host bits cleared. */
  readonly base: Uint8Array;
  readonly prefix: number;
}

/** undefined: no IPv4 address. Read in one pass, as thousands of addresses are looked at for every ruleset. */
export function ipv4Number(text: string): number | undefined {
  let number = 0;
  let dots = 0;
  let octet = -1;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) {
      // A leading zero is octal to some parsers (CVE-2021-29923), so it is no address at all.
      if (octet === 0) return undefined;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return undefined;
    } else if (text[i] === '.' && octet >= 0) {
      number = number * 256 + octet;
      octet = -1;
      dots++;
    } else return undefined;
  }
  return dots === 3 && octet >= 0 ? number * 256 + octet : undefined;
}

export const ipv4Text = (n: number): string => `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;

function ipv4Bytes(text: string): Uint8Array | undefined {
  const n = ipv4Number(text);
  return n === undefined ? undefined : Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  const lastColon = text.lastIndexOf(':');
  let groups = text;
  // ::ffff:10.0.0.1: the last 32 bits may be written as IPv4.
  if (text.includes('.')) {
    const n = ipv4Number(text.slice(lastColon + 1));
    if (n === undefined) return undefined;
    groups = `${text.slice(0, lastColon + 1)}${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}`;
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

/** Bytes of an address, 4 or 16; undefined when the text is none. A zone (%eth0) is not part of an address. */
export const tryIp = (text: string): Uint8Array | undefined => (text.includes(':') ? ipv6Bytes(text) : ipv4Bytes(text));

export const isIpv4 = (text: string): boolean => ipv4Number(text) !== undefined;
export const isIpv6 = (text: string): boolean => text.includes(':') && ipv6Bytes(text) !== undefined;
export const isIp = (text: string): boolean => isIpv4(text) || isIpv6(text);

export function parseIp(text: string): Uint8Array {
  const bytes = tryIp(text);
  if (!bytes) throw new Error(`not an IP address: '${text}'`);
  return bytes;
}

/** Canonical text: dotted, or RFC 5952 (lower case, the first of the longest runs of two or more zero groups shortened). */
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

/** '10.0.0.0/8'; undefined when it is no range, or its length is missing or has a leading zero. */
export function tryCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const length = text.slice(slash + 1);
  const bytes = slash < 0 ? undefined : tryIp(text.slice(0, slash));
  if (!bytes || !/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > bytes.length * 8) return undefined;
  return { base: clearHostBits(bytes, Number(length)), prefix: Number(length) };
}

/** '10.244.1.0/24', or one address as its /32 or /128. */
export function parseCidr(text: string): Cidr {
  const bytes = tryIp(text);
  const cidr = bytes ? { base: bytes, prefix: bytes.length * 8 } : tryCidr(text);
  if (!cidr) throw new Error(`not an IP range: '${text}'`);
  return cidr;
}

export const formatCidr = (cidr: Cidr): string => `${formatIp(cidr.base)}/${cidr.prefix}`;

/** The same for IPv4 as numbers; undefined for another family, and for what is no range. */
export function ipv4Range(text: string): Ipv4Range | undefined {
  const one = ipv4Number(text);
  if (one !== undefined) return [one, one];
  const cidr = tryCidr(text);
  if (cidr?.base.length !== 4) return undefined;
  const from = cidr.base.reduce((n, byte) => n * 256 + byte, 0);
  return [from, from + sizeOf(cidr) - 1];
}

export const sameFamily = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length;

/** Whether the first bits of `bytes` are those of the range. The bytes may be fewer than an address has, if they suffice. */
export function hasPrefix({ base, prefix }: Cidr, bytes: Uint8Array): boolean {
  if (bytes.length * 8 < prefix) return false;
  for (let bit = 0; bit < prefix; bit += 8) {
    const mask = prefix - bit >= 8 ? 0xff : (0xff << (8 - (prefix - bit))) & 0xff;
    if ((((bytes[bit / 8] ?? 0) ^ (base[bit / 8] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}

/** Whether inner lies wholly in outer (equal counts). */
export const covers = (outer: Cidr, inner: Cidr): boolean =>
  sameFamily(outer.base, inner.base) && outer.prefix <= inner.prefix && hasPrefix(outer, inner.base);

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
  if (!bytes || !sameFamily(bytes, cidr.base) || !hasPrefix(cidr, bytes)) return undefined;
  return bytes.reduce((sum, byte, i) => sum * 256 + byte - (cidr.base[i] ?? 0), 0);
}

// IPv4 addresses as numbers, and sets of them as sorted ranges that neither touch nor overlap.
import type { Range, Value } from '../linux/nft/nft.ts';

/** Both ends included. */
export type AddressRange = readonly [from: number, to: number];

export const isIpv4 = (text: string): boolean => /^\d{1,3}(\.\d{1,3}){3}$/.test(text);

export function addressNumber(text: string): number {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

export const addressText = (n: number): string => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.');

/** As nft says it in a set: a range of one is an address. */
export const rangeValue = ([from, to]: AddressRange): Value | Range =>
  from === to ? addressText(from) : { from: addressText(from), to: addressText(to) };

/** Of an IPv4 prefix such as 10.0.0.0/8; undefined for another family. */
export function prefixRange(cidr: string): AddressRange | undefined {
  const [address = '', bits] = cidr.split('/');
  if (!isIpv4(address)) return undefined;
  const size = 2 ** (32 - Number(bits ?? 32));
  const n = addressNumber(address);
  const from = n - (n % size);
  return [from, from + size - 1];
}

export function union(ranges: readonly AddressRange[]): AddressRange[] {
  const merged: [number, number][] = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

export function without(range: AddressRange, holes: readonly AddressRange[]): AddressRange[] {
  const left: AddressRange[] = [];
  let [from] = range;
  for (const [holeFrom, holeTo] of union(holes)) {
    if (holeTo < from || holeFrom > range[1]) continue;
    if (holeFrom > from) left.push([from, holeFrom - 1]);
    from = Math.max(from, holeTo + 1);
  }
  if (from <= range[1]) left.push([from, range[1]]);
  return left;
}

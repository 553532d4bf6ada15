// Sets of IPv4 addresses as sorted ranges that neither touch nor overlap.
import { type Ipv4Range, ipv4Text } from '../lib/ip.ts';
import type { Range, Value } from '../linux/nft/nft.ts';

/** As nft says it in a set: a range of one is an address. */
export const rangeValue = ([from, to]: Ipv4Range): Value | Range =>
  from === to ? ipv4Text(from) : { from: ipv4Text(from), to: ipv4Text(to) };

export function union(ranges: readonly Ipv4Range[]): Ipv4Range[] {
  const merged: [number, number][] = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

export function without(range: Ipv4Range, holes: readonly Ipv4Range[]): Ipv4Range[] {
  const left: Ipv4Range[] = [];
  let [from] = range;
  for (const [holeFrom, holeTo] of union(holes)) {
    if (holeTo < from || holeFrom > range[1]) continue;
    if (holeFrom > from) left.push([from, holeFrom - 1]);
    from = Math.max(from, holeTo + 1);
  }
  if (from <= range[1]) left.push([from, range[1]]);
  return left;
}

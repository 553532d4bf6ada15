// Names of addresses, under in-addr.arpa and ip6.arpa.
import { tryIp } from '../../lib/ip.ts';

/** 10.96.0.1 -> 1.0.96.10.in-addr.arpa; IPv6 -> its 32 nibbles under ip6.arpa. */
export function reverseName(address: string): string | undefined {
  const bytes = tryIp(address);
  if (!bytes) return undefined;
  if (bytes.length === 4) return `${[...bytes].toReversed().join('.')}.in-addr.arpa`;
  const nibbles = [...bytes].flatMap((b) => [b >> 4, b & 15]).map((n) => n.toString(16));
  return `${nibbles.toReversed().join('.')}.ip6.arpa`;
}

/**
 * The octets of an in-addr.arpa name, most significant first: 0.96.10.in-addr.arpa -> 10, 96, 0.
 * undefined: not such a name, or not made of octets.
 */
export function reverseOctets(name: string): Uint8Array | undefined {
  const suffix = '.in-addr.arpa';
  if (!name.endsWith(suffix)) return undefined;
  const labels = name.slice(0, -suffix.length).split('.');
  if (labels.length > 4) return undefined;
  if (!labels.every((l) => /^(0|[1-9]\d{0,2})$/.test(l) && Number(l) < 256)) return undefined;
  return Uint8Array.from(labels.toReversed().map(Number));
}

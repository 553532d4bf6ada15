// IP addresses as DNS needs them: bytes for A and AAAA records, and names under in-addr.arpa and ip6.arpa.

/** 4 or 16 bytes; undefined: not an address. Leading zeros are refused, as Kubernetes and the kernel do not agree on them. */
export function addressBytes(text: string): Uint8Array | undefined {
  return text.includes(':') ? ipv6Bytes(text) : ipv4Bytes(text);
}

function ipv4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groups = (half: string | undefined): number[] | undefined => {
    if (half === undefined || half === '') return [];
    const out: number[] = [];
    const parts = half.split(':');
    for (const [i, part] of parts.entries()) {
      // ::ffff:10.0.0.1: the last 32 bits may be written as IPv4.
      const v4 = i === parts.length - 1 && part.includes('.') ? ipv4Bytes(part) : undefined;
      if (v4) out.push((v4[0]! << 8) | v4[1]!, (v4[2]! << 8) | v4[3]!);
      else if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16));
      else return undefined;
    }
    return out;
  };
  const head = groups(halves[0]);
  const tail = groups(halves[1]);
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return Uint8Array.from(all.flatMap((g) => [g >> 8, g & 0xff]));
}

export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  // RFC 5952: the first of the longest runs of zeros, of two or more, becomes '::'.
  let run = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (groups[end] === '0') end++;
    if (end - start > run.length) run = { start, length: end - start };
  }
  if (run.length === 1) return groups.join(':');
  return `${groups.slice(0, run.start).join(':')}::${groups.slice(run.start + run.length).join(':')}`;
}

/** 10.96.0.1 -> 1.0.96.10.in-addr.arpa; IPv6 -> its 32 nibbles under ip6.arpa. */
export function reverseName(address: string): string | undefined {
  const bytes = addressBytes(address);
  if (!bytes) return undefined;
  if (bytes.length === 4) return `${[...bytes].toReversed().join('.')}.in-addr.arpa`;
  const nibbles = [...bytes].flatMap((b) => [b >> 4, b & 15]).map((n) => n.toString(16));
  return `${nibbles.toReversed().join('.')}.ip6.arpa`;
}

export interface Network {
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

export function parseNetwork(cidr: string): Network {
  const [address = '', prefix = ''] = cidr.split('/');
  const bytes = addressBytes(address);
  if (!bytes || !/^\d+$/.test(prefix) || Number(prefix) > bytes.length * 8) throw new Error(`not a CIDR: ${cidr}`);
  return { bytes, prefix: Number(prefix) };
}

/** Whether the first bits of `bytes` (perhaps a shortened address) are those of the network. */
export function inNetwork(network: Network, bytes: Uint8Array): boolean {
  if (bytes.length * 8 < network.prefix) return false;
  for (let bit = 0; bit < network.prefix; bit += 8) {
    const wanted = network.prefix - bit >= 8 ? 0xff : (0xff << (8 - (network.prefix - bit))) & 0xff;
    if (((bytes[bit / 8]! ^ network.bytes[bit / 8]!) & wanted) !== 0) return false;
  }
  return true;
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

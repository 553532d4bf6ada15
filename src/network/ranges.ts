// Which addresses a new cluster takes: none that this machine, its VPNs or another cluster uses.
import { type Cidr, nthIp, overlaps, parseCidr } from '../lib/ip.ts';

export interface ClusterRanges {
  readonly slot: number;
  readonly bridge: string;
  readonly nodeNetwork: string;
  readonly hostIp: string;
  readonly podNetwork: string;
  readonly serviceNetwork: string;
  readonly apiServiceIp: string;
  readonly dnsIp: string;
}

/** As many clusters at once have ranges of their own in every row below. */
const SLOTS = 12;

/** In order of liking. A slot's candidates are no other slot's: a cluster that is stopped now keeps its ranges. */
const CANDIDATES = {
  node: [
    (slot: number) => `172.30.${slot}.0/24`,
    (slot: number) => `172.29.${slot}.0/24`,
    (slot: number) => `192.168.${200 + slot}.0/24`,
    (slot: number) => `100.126.${slot}.0/24`,
  ],
  pods: [
    (slot: number) => `10.${244 + slot}.0.0/16`,
    (slot: number) => `10.${200 + slot}.0.0/16`,
    (slot: number) => `172.${16 + slot}.0.0/16`,
    (slot: number) => `100.${64 + slot}.0.0/16`,
  ],
  services: [
    (slot: number) => `10.${96 + slot}.0.0/16`,
    (slot: number) => `10.${112 + slot}.0.0/16`,
    (slot: number) => `100.${80 + slot}.0.0/16`,
    (slot: number) => `198.18.${slot * 16}.0/20`,
  ],
} as const;

const NAMES = { node: 'nodes', pods: 'pods', services: 'Services' } as const;

/** A default route, or half of one as VPNs set it, says nothing about who uses the addresses. */
const MIN_PREFIX = 6;

export class NoFreeRange extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NoFreeRange';
  }
}

/**
 * The lowest free slot with ranges that meet no route and no address of the host. IPv6 and what is no range at all is passed
 * over; throws NoFreeRange.
 */
export function pickRanges(
  hostRoutes: readonly string[],
  hostAddresses: readonly string[],
  usedSlots: readonly number[],
): ClusterRanges {
  const taken: { cidr: Cidr; text: string }[] = [...hostRoutes, ...hostAddresses]
    .map((text) => ({ cidr: parseCidr(text), text }))
    .filter(({ cidr }) => cidr.base.length === 4 && cidr.prefix >= MIN_PREFIX);
  const slot = Array.from({ length: SLOTS }, (_, i) => i).find((i) => !usedSlots.includes(i));
  if (slot === undefined) throw new NoFreeRange(`${SLOTS} clusters are on this machine, and there is room for no more`);
  const pick = (what: keyof typeof CANDIDATES): string => {
    const candidates = CANDIDATES[what].map((row) => row(slot));
    const free = candidates.find((text) => !taken.some(({ cidr }) => overlaps(cidr, parseCidr(text))));
    if (free !== undefined) return free;
    const met = taken.filter(({ cidr }) => candidates.some((text) => overlaps(cidr, parseCidr(text))));
    throw new NoFreeRange(
      `no address range for ${NAMES[what]}: ${candidates.join(', ')} meet the host's ${met.map((t) => t.text).join(', ')}`,
    );
  };
  const nodeNetwork = pick('node');
  const podNetwork = pick('pods');
  const serviceNetwork = pick('services');
  return {
    slot,
    bridge: `podlan${slot}`,
    nodeNetwork,
    hostIp: nthIp(parseCidr(nodeNetwork), 1),
    podNetwork,
    serviceNetwork,
    apiServiceIp: nthIp(parseCidr(serviceNetwork), 1),
    dnsIp: nthIp(parseCidr(serviceNetwork), 10),
  };
}

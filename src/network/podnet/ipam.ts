// Addresses of one node's pods, as a value. The cursor only moves forward: a new pod never gets the address that a pod has
// just left (its old peers would talk to a stranger), not until the whole range has been gone round.
import { type Cidr, indexOfIp, nthIp, parseCidr, sizeOf } from '../../lib/ip.ts';

export interface Ipam {
  /** One range per IP family, as in Node.spec.podCIDRs. */
  readonly ranges: readonly { readonly cidr: string; readonly last: number }[];
  /** Pod uid -> its addresses, one per range. */
  readonly held: Readonly<Record<string, readonly string[]>>;
}

/** Address 0 names the range and 1 is by custom a gateway's; podlan's gateway is link-local, but people expect it. */
const FIRST = 2;

export const newIpam = (cidrs: readonly string[]): Ipam => ({
  ranges: cidrs.map((cidr) => ({ cidr, last: FIRST - 1 })),
  held: {},
});

const isInt = (x: unknown): x is number => typeof x === 'number' && Number.isSafeInteger(x);

/**
 * The saved state for these ranges. What was saved for other ranges, or is no state at all (a crash, a hand), counts for nothing:
 * what pods hold is then told by `seen`, the addresses that the kernel has.
 */
export function restoreIpam(cidrs: readonly string[], saved: unknown, seen: Ipam['held']): Ipam {
  const fresh = newIpam(cidrs);
  const old = saved as Partial<Ipam> | null | undefined;
  const ranges = fresh.ranges.map((range, i) => {
    const was = Array.isArray(old?.ranges) ? (old.ranges[i] as Ipam['ranges'][number] | undefined) : undefined;
    const cidr = parseCidr(range.cidr);
    const highest = Math.max(0, ...Object.values(seen).map((ips) => indexOfIp(cidr, ips[i] ?? '') ?? 0));
    const saves = was?.cidr === range.cidr && isInt(was.last);
    // Without a cursor: behind every pod that is there.
    return { cidr: range.cidr, last: saves ? was.last : Math.max(range.last, highest) };
  });
  return { ranges, held: seen };
}

/** Last usable number of a range: an IPv4 range ends with its broadcast address. */
const lastOf = (cidr: Cidr): number => sizeOf(cidr) - (cidr.base.length === 4 ? 2 : 1);

function next(range: Ipam['ranges'][number], used: ReadonlySet<string>): { ip: string; last: number } | undefined {
  const cidr = parseCidr(range.cidr);
  const end = lastOf(cidr);
  const count = end - FIRST + 1;
  // At most one more try than there are addresses in use: then one of them was free.
  for (let step = 1; step <= Math.min(count, used.size + 1); step++) {
    const at = FIRST + ((range.last - FIRST + step) % count);
    const ip = nthIp(cidr, at);
    if (!used.has(ip)) return { ip, last: at };
  }
  return undefined;
}

export type Allocation = { readonly ipam: Ipam; readonly ips: readonly string[] } | { readonly why: string };

/** The pod's addresses: the same again for a pod that has some. */
export function allocate(ipam: Ipam, podUid: string): Allocation {
  const has = ipam.held[podUid];
  if (has) return { ipam, ips: has };
  const used = new Set(Object.values(ipam.held).flat());
  const ips: string[] = [];
  const ranges: Ipam['ranges'][number][] = [];
  for (const range of ipam.ranges) {
    const found = next(range, used);
    if (!found)
      return { why: `no free address in ${range.cidr}: ${Object.keys(ipam.held).length} pods hold addresses` };
    ips.push(found.ip);
    ranges.push({ cidr: range.cidr, last: found.last });
  }
  return { ipam: { ranges, held: { ...ipam.held, [podUid]: ips } }, ips };
}

export function release(ipam: Ipam, podUid: string): Ipam {
  const { [podUid]: _, ...held } = ipam.held;
  return { ranges: ipam.ranges, held };
}

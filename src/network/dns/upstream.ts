// Whom to ask about names that are not ours, in which order and when: resolv.conf(5) and what was seen, as values.
import { isIp } from '../../lib/ip.ts';

/** nameserver lines in order, without ourselves: a host that uses the cluster's DNS must not send us in circles. */
export function nameservers(resolvConf: string, own: readonly string[]): readonly string[] {
  const found = resolvConf
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([keyword]) => keyword === 'nameserver')
    .map(([, address = '']) => address)
    // fe80::1%eth0: the zone stays with the address.
    .filter((address) => isIp(address.split('%')[0]!));
  return [...new Set(found)].filter((address) => !own.includes(address));
}

/** Upstreams that did not answer, and when that was last seen. */
export type Silent = ReadonlyMap<string, number>;

export interface Attempt {
  readonly server: string;
  readonly afterMs: number;
}

export interface AskPlan {
  readonly attempts: readonly Attempt[];
  /** Then it is SERVFAIL. Resolvers in pods wait 5 s (glibc, musl): they get an answer that says what is wrong before. */
  readonly deadlineMs: number;
}

const SILENT_FOR_MS = 10_000;
const NEXT_AFTER_MS = 400;
const DEADLINE_MS = 2_000;
const ALL_SILENT_DEADLINE_MS = 1_000;
const MAX_ATTEMPTS = 4;

/** First who answers, then the others; each for a while, then also the next; round again for a lost packet. */
export function askPlan(servers: readonly string[], silent: Silent, nowMs: number): AskPlan {
  const isSilent = (server: string): boolean =>
    nowMs - (silent.get(server) ?? Number.NEGATIVE_INFINITY) < SILENT_FOR_MS;
  const order = [...servers.filter((s) => !isSilent(s)), ...servers.filter(isSilent)];
  if (order.length === 0) return { attempts: [], deadlineMs: 0 };
  // All were silent a moment ago: ask all at once, and do not let every client wait the whole time again.
  if (order.every(isSilent)) {
    return { attempts: order.map((server) => ({ server, afterMs: 0 })), deadlineMs: ALL_SILENT_DEADLINE_MS };
  }
  const attempts = Array.from({ length: MAX_ATTEMPTS }, (_, i) => ({
    server: order[i % order.length]!,
    afterMs: i * NEXT_AFTER_MS,
  }));
  return { attempts, deadlineMs: DEADLINE_MS };
}

// A question and the zone -> what is answered, or that somebody else must be asked.
import { RCODE, CLASS_IN, type DnsRecord, type RecordData, TYPE, typeCode } from './record.ts';
import type { Answer, Question } from './wire.ts';
import type { Zone } from './zone.ts';

export type Decision =
  | {
      readonly kind: 'answer';
      readonly answer: Answer;
      /** The same question gets another order of records next time: not to be kept as bytes. */
      readonly rotates: boolean;
    }
  /** Not our name. */
  | { readonly kind: 'forward' }
  /** Our name is an alias of one that is not ours: ask for that, and put these in front. */
  | { readonly kind: 'chase'; readonly aliases: readonly DnsRecord[]; readonly target: string };

/** "No TTL on what it knows itself beyond a few seconds": as CoreDNS' default. */
export const TTL_SECONDS = 5;
const MAX_ALIASES = 8;

/** `turn` counts questions: it turns the order of several records, for the many clients that take the first. */
export function decide(zone: Zone, question: Question, recursionDesired: boolean, turn: number): Decision {
  if (question.class !== CLASS_IN) return refused(RCODE.REFUSED);
  if (question.type === TYPE.OPT || question.type === 0) return refused(RCODE.FORMERR);
  // Zone transfers and the like: 249 TKEY to 254 MAILA. They are no records of a name.
  if (question.type >= TYPE.TKEY && question.type <= TYPE.MAILA) return refused(RCODE.REFUSED);
  if (zone.apexOf(question.name.toLowerCase()) === undefined) {
    return recursionDesired ? { kind: 'forward' } : refused(RCODE.REFUSED);
  }
  return walk(zone, question, turn);
}

function walk(zone: Zone, question: Question, turn: number): Decision {
  const aliases: DnsRecord[] = [];
  let owner = question.name;
  for (;;) {
    const name = owner.toLowerCase();
    const apex = zone.apexOf(name);
    if (apex === undefined) return { kind: 'chase', aliases, target: owner };
    // An ExternalName that leads back to itself: no end, so no answer.
    if (aliases.length > MAX_ALIASES) return refused(RCODE.SERVFAIL);
    const found = zone.find(name);
    const alias = found.records.find((r) => r.type === 'CNAME');
    if (alias?.type === 'CNAME' && question.type !== TYPE.CNAME && question.type !== TYPE.ANY) {
      aliases.push(named(owner, alias));
      owner = alias.target;
      continue;
    }
    const soa = named(apex, zone.soa(), zone.soa().minimumSeconds);
    const matching = ofType(name === apex ? [soa, ...found.records] : found.records, question.type);
    if (matching.length === 0) {
      const rcode = found.exists || name === apex ? RCODE.NOERROR : RCODE.NXDOMAIN;
      return answered(rcode, aliases, [soa], [], false);
    }
    const records = turned(matching, turn).map((r) => named(owner, r));
    return answered(RCODE.NOERROR, [...aliases, ...records], [], targets(zone, matching), matching.length > 1);
  }
}

const ofType = (records: readonly RecordData[], type: number): readonly RecordData[] =>
  type === TYPE.ANY ? records : records.filter((r) => typeCode(r) === type);

/** Addresses of what SRV records point to, so that one question is enough. */
function targets(zone: Zone, records: readonly RecordData[]): readonly DnsRecord[] {
  const names = new Set(records.flatMap((r) => (r.type === 'SRV' ? [r.target] : [])));
  return [...names].flatMap((name) =>
    zone
      .find(name)
      .records.filter((r) => r.type === 'A' || r.type === 'AAAA')
      .map((r) => named(name, r)),
  );
}

function turned<T>(items: readonly T[], turn: number): readonly T[] {
  const first = items.length > 1 ? turn % items.length : 0;
  return first === 0 ? items : [...items.slice(first), ...items.slice(0, first)];
}

const named = (name: string, data: RecordData, ttlSeconds = TTL_SECONDS): DnsRecord => ({ ...data, name, ttlSeconds });

const answered = (
  rcode: number,
  answers: readonly DnsRecord[],
  authority: readonly DnsRecord[],
  additional: readonly DnsRecord[],
  rotates: boolean,
): Decision => ({
  kind: 'answer',
  answer: { rcode, authoritative: true, answers, authority, additional },
  rotates,
});

const refused = (rcode: number): Decision => ({
  kind: 'answer',
  answer: { rcode, authoritative: false, answers: [], authority: [], additional: [] },
  rotates: false,
});

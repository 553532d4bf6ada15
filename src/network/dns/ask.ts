// Messages to and from an upstream resolver: our question, and its answer as records that can stand in another message.
import { nameBytes, readName } from './name.ts';
import { CLASS_IN, type DnsRecord, TYPE } from './record.ts';
import { AD, type Answer, CD, DO, HEADER_BYTES, OPT_BYTES, QR, type Question, RD, TC, u16, UDP_BYTES } from './wire.ts';

/** A question of our own to an upstream. EDNS only where our client had it: then the answer suits it as it is. */
export function encodeQuestion(
  id: number,
  q: { name: string; type: number; checkingDisabled: boolean; edns: boolean; dnssecOk: boolean },
): Uint8Array {
  const name = nameBytes(q.name);
  const out = new Uint8Array(HEADER_BYTES + name.length + 4 + (q.edns ? OPT_BYTES : 0));
  const flags = RD | (q.checkingDisabled ? CD : 0);
  out.set([id >> 8, id & 0xff, flags >> 8, flags & 0xff, 0, 1, 0, 0, 0, 0, 0, q.edns ? 1 : 0]);
  out.set(name, HEADER_BYTES);
  const at = HEADER_BYTES + name.length;
  out.set([q.type >> 8, q.type & 0xff, 0, CLASS_IN], at);
  if (q.edns) {
    out.set([0, 0, TYPE.OPT, UDP_BYTES >> 8, UDP_BYTES & 0xff, 0, 0, q.dnssecOk ? DO >> 8 : 0, 0, 0, 0], at + 4);
  }
  return out;
}

export interface UpstreamAnswer extends Answer {
  readonly id: number;
  readonly question: Question;
  readonly truncated: boolean;
}

const u32 = (b: Uint8Array, at: number): number => u16(b, at) * 0x10000 + u16(b, at + 2);

/** An upstream's answer; undefined: not an answer, or malformed. Records of other classes than IN and OPT are left out. */
export function decodeAnswer(bytes: Uint8Array): UpstreamAnswer | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const flags = u16(bytes, 2);
  if (!(flags & QR) || u16(bytes, 4) !== 1) return undefined;
  const name = readName(bytes, HEADER_BYTES);
  if (!name || name.end + 4 > bytes.length) return undefined;
  let offset = name.end + 4;
  let rcode = flags & 15;
  const sections: DnsRecord[][] = [[], [], []];
  for (const [i, section] of sections.entries()) {
    for (let n = u16(bytes, 6 + 2 * i); n > 0; n--) {
      const owner = readName(bytes, offset);
      if (!owner || owner.end + 10 > bytes.length) return undefined;
      const at = owner.end;
      offset = at + 10 + u16(bytes, at + 8);
      if (offset > bytes.length) return undefined;
      const code = u16(bytes, at);
      if (code === TYPE.OPT) rcode |= bytes[at + 4]! << 4;
      if (code === TYPE.OPT || u16(bytes, at + 2) !== CLASS_IN) continue;
      const data = plainData(bytes, code, at + 10, offset);
      if (!data) return undefined;
      // The top bit set: not a TTL (RFC 2181 section 8).
      const ttl = u32(bytes, at + 4);
      section.push({ type: 'raw', code, data, name: owner.name, ttlSeconds: ttl > 0x7fff_ffff ? 0 : ttl });
    }
  }
  return {
    id: u16(bytes, 0),
    question: { name: name.name, type: u16(bytes, name.end), class: u16(bytes, name.end + 2) },
    truncated: (flags & TC) !== 0,
    rcode,
    authoritative: false,
    authenticData: (flags & AD) !== 0,
    answers: sections[0]!,
    authority: sections[1]!,
    additional: sections[2]!,
  };
}

/** Types whose data may hold compressed names (RFC 3597 section 4): bytes before the first name, and how many names. */
const NAMES_IN_DATA: ReadonlyMap<number, readonly [number, number]> = new Map([
  [TYPE.NS, [0, 1]],
  [TYPE.CNAME, [0, 1]],
  [TYPE.PTR, [0, 1]],
  [TYPE.SOA, [0, 2]],
  [TYPE.SRV, [6, 1]],
  [7, [0, 1]], // MB
  [8, [0, 1]], // MG
  [9, [0, 1]], // MR
  [14, [0, 2]], // MINFO
  [15, [2, 1]], // MX
  [17, [0, 2]], // RP
  [18, [2, 1]], // AFSDB
  [21, [2, 1]], // RT
  [39, [0, 1]], // DNAME
]);

/** A record's data with its names written out, so that it can stand in another message. */
function plainData(bytes: Uint8Array, code: number, start: number, end: number): Uint8Array | undefined {
  const layout = NAMES_IN_DATA.get(code);
  if (!layout) return bytes.slice(start, end);
  const [before, names] = layout;
  const out: number[] = [...bytes.subarray(start, start + before)];
  let offset = start + before;
  for (let i = 0; i < names; i++) {
    const name = readName(bytes, offset);
    if (!name || name.end > end) return undefined;
    out.push(...nameBytes(name.name));
    offset = name.end;
  }
  out.push(...bytes.subarray(offset, end));
  return Uint8Array.from(out);
}

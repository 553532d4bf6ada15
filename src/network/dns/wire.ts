// DNS messages. RFC 1035 section 4.1, EDNS0 in RFC 6891.
//
//    0               1
//   +-------------------------------+ 0
//   |              ID               |
//   |QR| op  |AA|TC|RD|RA|-|AD|CD|rc| 2
//   |  questions    |   answers     | 4
//   |  authorities  |  additionals  | 8
//   +-------------------------------+ 12
//   | question: name, type, class   |
//   | records: name, type, class, ttl (4), length (2), data
//   | OPT: root, 41, UDP size, ext. rcode | version | DO + flags, length, options
//
// Written out here rather than taken from a package: the answer must keep the question's letters, compress names, cut at a
// record when it does not fit, and carry an upstream's unknown records through; and it must compile without Node.
import { labelBytes, labelsOf, nameBytes, readName } from './name.ts';
import { tryIp } from '../../lib/ip.ts';
import { CLASS_IN, type DnsRecord, RCODE, type RecordData, TYPE, typeCode } from './record.ts';

export const HEADER_BYTES = 12;
export const QR = 0x8000;
const AA = 0x0400;
export const TC = 0x0200;
export const RD = 0x0100;
const RA = 0x0080;
export const AD = 0x0020;
export const CD = 0x0010;
export const DO = 0x8000;
const OPCODE = 0x7800;

/** What we say we can take, and the most we send by UDP: fits every path without fragments (DNS flag day 2020). */
export const UDP_BYTES = 1232;
const UDP_BYTES_WITHOUT_EDNS = 512;
export const OPT_BYTES = 11;

export interface Question {
  /** Letters as they came. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface Query {
  readonly id: number;
  readonly question: Question;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  readonly edns?: { readonly udpBytes: number; readonly version: number; readonly dnssecOk: boolean };
  /** The question section as it came, to be sent back. */
  readonly questionBytes: Uint8Array;
}

export type Parsed =
  | { readonly kind: 'query'; readonly query: Query }
  /** `bytes` is the whole answer. */
  | { readonly kind: 'refuse'; readonly rcode: number; readonly bytes: Uint8Array }
  /** No answer at all: an answer to noise, or to an answer, can be made to go in circles. */
  | { readonly kind: 'drop'; readonly why: string };

export const u16 = (b: Uint8Array, at: number): number => (b[at]! << 8) | b[at + 1]!;

export function parseQuery(bytes: Uint8Array): Parsed {
  if (bytes.length < HEADER_BYTES) return { kind: 'drop', why: 'shorter than a header' };
  const flags = u16(bytes, 2);
  if (flags & QR) return { kind: 'drop', why: 'is an answer' };
  if (flags & OPCODE) return refuse(bytes, RCODE.NOTIMP);
  // One question each: what several would mean together was never defined (RFC 9619).
  if (u16(bytes, 4) !== 1) return refuse(bytes, RCODE.FORMERR);
  const name = readName(bytes, HEADER_BYTES);
  if (!name || name.end + 4 > bytes.length) return refuse(bytes, RCODE.FORMERR);
  const end = name.end + 4;
  const edns = findOpt(bytes, end, u16(bytes, 6) + u16(bytes, 8) + u16(bytes, 10));
  if (edns === 'malformed') return refuse(bytes, RCODE.FORMERR);
  return {
    kind: 'query',
    query: {
      id: u16(bytes, 0),
      question: { name: name.name, type: u16(bytes, name.end), class: u16(bytes, name.end + 2) },
      recursionDesired: (flags & RD) !== 0,
      checkingDisabled: (flags & CD) !== 0,
      ...(edns ? { edns } : {}),
      questionBytes: bytes.slice(HEADER_BYTES, end),
    },
  };
}

function findOpt(bytes: Uint8Array, start: number, count: number): Query['edns'] | 'malformed' {
  let offset = start;
  let edns: Query['edns'];
  for (let i = 0; i < count; i++) {
    const owner = readName(bytes, offset);
    if (!owner || owner.end + 10 > bytes.length) return 'malformed';
    const at = owner.end;
    offset = at + 10 + u16(bytes, at + 8);
    if (offset > bytes.length) return 'malformed';
    if (u16(bytes, at) !== TYPE.OPT) continue;
    if (edns || owner.name !== '') return 'malformed';
    edns = { udpBytes: u16(bytes, at + 2), version: bytes[at + 5]!, dnssecOk: (u16(bytes, at + 6) & DO) !== 0 };
  }
  return offset === bytes.length ? edns : 'malformed';
}

/** A header alone: the question could not be read, or is not sent back. */
function refuse(bytes: Uint8Array, rcode: number): Parsed {
  const out = new Uint8Array(HEADER_BYTES);
  out.set(bytes.subarray(0, 2));
  const flags = QR | (u16(bytes, 2) & (OPCODE | RD)) | RA | rcode;
  out[2] = flags >> 8;
  out[3] = flags & 0xff;
  return { kind: 'refuse', rcode, bytes: out };
}

export interface Answer {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly authenticData?: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

export const udpLimit = (query: Query): number =>
  query.edns ? Math.min(UDP_BYTES, Math.max(UDP_BYTES_WITHOUT_EDNS, query.edns.udpBytes)) : UDP_BYTES_WITHOUT_EDNS;
export const TCP_LIMIT = 65_535;

/** The answer's bytes, at most `limit`: what does not fit is cut at a record, and TC says so (not for additionals). */
export function encodeAnswer(query: Query, answer: Answer, limit: number): Uint8Array {
  const room = limit - (query.edns ? OPT_BYTES : 0);
  const w = new Writer(room);
  w.start(query);
  let truncated = false;
  const section = (records: readonly DnsRecord[], required: boolean): number => {
    if (truncated) return 0;
    const fitting = records.findIndex((r) => !w.record(r));
    if (fitting === -1) return records.length;
    if (required) truncated = true;
    return fitting;
  };
  const counts = [
    section(answer.answers, true),
    section(answer.authority, true),
    section(answer.additional, false) + (query.edns ? 1 : 0),
  ];
  if (query.edns) w.opt(answer.rcode >> 4, query.edns.dnssecOk);
  const flags =
    QR |
    RA |
    (answer.authoritative ? AA : 0) |
    (truncated ? TC : 0) |
    (query.recursionDesired ? RD : 0) |
    (answer.authenticData ? AD : 0) |
    (query.checkingDisabled ? CD : 0) |
    (answer.rcode & 15);
  return w.finish(query.id, flags, counts);
}

/** Writes forwards only. After a record that did not fit nothing but OPT is written: `names` may point past the end then. */
class Writer {
  private bytes = new Uint8Array(512);
  private length = 0;
  private readonly room: number;
  /** Lower-cased name -> where it already stands. The question comes first, so its letters are used for its name. */
  private readonly names = new Map<string, number>();

  constructor(room: number) {
    this.room = room;
  }

  start(query: Query): void {
    this.length = HEADER_BYTES;
    this.put(query.questionBytes);
    this.remember(query.question.name, HEADER_BYTES);
  }

  private remember(name: string, start: number): void {
    let offset = start;
    const labels = labelsOf(name.toLowerCase());
    for (let i = 0; i < labels.length && offset < 0x4000; i++) {
      const suffix = i === 0 ? labels.join('.') : labels.slice(i).join('.');
      if (!this.names.has(suffix)) this.names.set(suffix, offset);
      offset += 1 + (labels[i]!.includes('\\') ? labelBytes(labels[i]!).length : labels[i]!.length);
    }
  }

  record(r: DnsRecord): boolean {
    const before = this.length;
    this.name(r.name);
    const at = this.length;
    this.u16(typeCode(r));
    this.u16(CLASS_IN);
    this.u16(Math.floor(r.ttlSeconds / 0x10000));
    this.u16(r.ttlSeconds & 0xffff);
    this.u16(0);
    this.data(r);
    const size = this.length - at - 10;
    this.bytes[at + 8] = size >> 8;
    this.bytes[at + 9] = size & 0xff;
    if (this.length <= this.room) return true;
    this.length = before;
    return false;
  }

  private data(r: RecordData): void {
    switch (r.type) {
      case 'A':
      case 'AAAA': {
        const bytes = tryIp(r.address);
        if (!bytes) throw new Error(`record with a bad address: ${r.address}`);
        return this.put(bytes);
      }
      case 'CNAME':
      case 'NS':
      case 'PTR':
        return this.name(r.target);
      case 'TXT': {
        const bytes = new TextEncoder().encode(r.text);
        for (let i = 0; i === 0 || i < bytes.length; i += 255) {
          const part = bytes.subarray(i, i + 255);
          this.put(Uint8Array.of(part.length));
          this.put(part);
        }
        return;
      }
      case 'SRV':
        this.u16(r.priority);
        this.u16(r.weight);
        this.u16(r.port);
        // RFC 2782: no compression here.
        return this.put(nameBytes(r.target));
      case 'SOA':
        this.name(r.primary);
        this.name(r.mailbox);
        for (const n of [r.serial, r.refreshSeconds, r.retrySeconds, r.expireSeconds, r.minimumSeconds]) {
          this.u16(Math.floor(n / 0x10000) & 0xffff);
          this.u16(n & 0xffff);
        }
        return;
      case 'raw':
        return this.put(r.data);
    }
  }

  private name(name: string): void {
    const labels = labelsOf(name);
    const start = this.length;
    for (let i = 0; i < labels.length; i++) {
      const known = this.names.get(labels.slice(i).join('.').toLowerCase());
      if (known !== undefined) {
        this.u16(0xc000 | known);
        this.remember(name, start);
        return;
      }
      const bytes = labelBytes(labels[i]!);
      this.put(Uint8Array.of(bytes.length));
      this.put(bytes);
    }
    this.put(Uint8Array.of(0));
    this.remember(name, start);
  }

  opt(extendedRcode: number, dnssecOk: boolean): void {
    const flags = dnssecOk ? DO >> 8 : 0;
    this.put(Uint8Array.of(0, 0, TYPE.OPT, UDP_BYTES >> 8, UDP_BYTES & 0xff, extendedRcode, 0, flags, 0, 0, 0));
  }

  finish(id: number, flags: number, counts: readonly number[]): Uint8Array {
    const length = this.length;
    this.length = 0;
    for (const n of [id, flags, 1, ...counts]) this.u16(n);
    return this.bytes.slice(0, length);
  }

  private put(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + bytes.length));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  private u16(n: number): void {
    if (this.length + 2 > this.bytes.length) this.put(new Uint8Array(2));
    else this.length += 2;
    this.bytes[this.length - 2] = (n >> 8) & 0xff;
    this.bytes[this.length - 1] = n & 0xff;
  }
}

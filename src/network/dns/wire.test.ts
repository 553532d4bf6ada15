// Our messages against dns-packet's reading of them, and what may come from anybody on the network.
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { decodeAnswer, encodeQuestion } from './ask.ts';
import type { DnsRecord } from './record.ts';
import { RCODE, recordText, TYPE } from './record.ts';
import { type Answer, encodeAnswer, parseQuery, type Query, TCP_LIMIT, udpLimit } from './wire.ts';

interface Packet {
  id?: number;
  type?: string;
  flags?: number;
  rcode?: string;
  flag_tc?: boolean;
  flag_aa?: boolean;
  questions?: object[];
  answers?: { name: string; data?: unknown; type: string }[];
  additionals?: { name: string; type: string; ednsVersion?: number; udpPayloadSize?: number; extendedRcode?: number }[];
}
const packet = createRequire(import.meta.url)('dns-packet') as {
  readonly encode: (packet: object) => Buffer;
  readonly decode: (bytes: Buffer) => Packet;
};
const packets = { encode: packet.encode, decode: (bytes: Uint8Array): Packet => packet.decode(Buffer.from(bytes)) };

const question = (name: string, more: object = {}): Uint8Array =>
  packets.encode({ type: 'query', id: 7, flags: 256, questions: [{ name, type: 'A' }], ...more });
const opt = { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] };

function parsed(bytes: Uint8Array): Query {
  const p = parseQuery(bytes);
  if (p.kind !== 'query') throw new Error(`not a query: ${JSON.stringify(p)}`);
  return p.query;
}
const answer = (answers: readonly DnsRecord[], more: Partial<Answer> = {}): Answer => ({
  rcode: 0,
  authoritative: true,
  answers,
  authority: [],
  additional: [],
  ...more,
});
const a = (name: string, i: number): DnsRecord => ({
  type: 'A',
  name,
  ttlSeconds: 5,
  address: `10.0.${i >> 8}.${i & 255}`,
});

describe('answers as another implementation reads them', () => {
  it('every record', () => {
    const name = 'web.my-app.svc.cluster.local';
    const records: DnsRecord[] = [
      a(name, 1),
      { type: 'AAAA', name, ttlSeconds: 5, address: '2001:db8::ffff' },
      { type: 'CNAME', name: `x.${name}`, ttlSeconds: 5, target: name },
      { type: 'PTR', name: '1.0.96.10.in-addr.arpa', ttlSeconds: 5, target: name },
      { type: 'TXT', name: 'dns-version.cluster.local', ttlSeconds: 5, text: '1.1.0' },
      { type: 'SRV', name: `_http._tcp.${name}`, ttlSeconds: 5, priority: 0, weight: 100, port: 80, target: name },
    ];
    const got = packets.decode(encodeAnswer(parsed(question(name)), answer(records), TCP_LIMIT));
    expect(got).toMatchObject({ id: 7, type: 'response', rcode: 'NOERROR', flag_aa: true, flag_tc: false });
    expect(got.answers!.map((r) => [r.name, r.data])).toEqual([
      [name, '10.0.0.1'],
      [name, '2001:db8::ffff'],
      [`x.${name}`, name],
      ['1.0.96.10.in-addr.arpa', name],
      ['dns-version.cluster.local', [Buffer.from('1.1.0')]],
      [`_http._tcp.${name}`, { priority: 0, weight: 100, port: 80, target: name }],
    ]);
  });

  it("keeps the question's letters in the answer", () => {
    const query = parsed(question('WeB.Example.ORG'));
    const got = packets.decode(
      encodeAnswer(query, answer([a('web.example.org', 1), a('x.EXAMPLE.org', 2)]), TCP_LIMIT),
    );
    expect(got.answers!.map((r) => r.name)).toEqual(['WeB.Example.ORG', 'x.Example.ORG']);
  });

  it('cuts at a record, says so, and keeps to the size that the client takes', () => {
    const many = Array.from({ length: 200 }, (_, i) => a('db.example.org', i));
    const size = (bytes: Uint8Array, limit?: number): [number, boolean, number] => {
      const query = parsed(bytes);
      const out = encodeAnswer(query, answer(many), limit ?? udpLimit(query));
      const got = packets.decode(out);
      return [out.length, got.flag_tc!, got.answers!.length];
    };
    // 12 header, 20 question, 16 a record, 11 OPT
    expect(size(question('db.example.org'))).toEqual([512, true, 30]);
    expect(size(question('db.example.org', { additionals: [opt] }))).toEqual([1227, true, 74]);
    expect(size(question('db.example.org', { additionals: [{ ...opt, udpPayloadSize: 100 }] }))).toEqual([
      507,
      true,
      29,
    ]);
    expect(size(question('db.example.org'), TCP_LIMIT)).toEqual([12 + 20 + 200 * 16, false, 200]);
  });

  it('leaves out additionals that do not fit without calling it truncated', () => {
    const query = parsed(question('db.example.org'));
    const many = Array.from({ length: 100 }, (_, i) => a('db.example.org', i));
    const got = packets.decode(encodeAnswer(query, answer(many.slice(0, 5), { additional: many }), udpLimit(query)));
    expect([got.flag_tc, got.answers!.length, got.additionals!.length]).toEqual([false, 5, 25]);
  });

  it('answers EDNS with EDNS, and only then', () => {
    const encoded = (more: object, rcode = 0): Packet =>
      packets.decode(encodeAnswer(parsed(question('a.b', more)), answer([], { rcode }), 512));
    expect(encoded({}).additionals).toEqual([]);
    expect(encoded({ additionals: [opt] }).additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
    const bad = encoded({ additionals: [opt] }, RCODE.BADVERS);
    expect([bad.additionals?.[0]?.extendedRcode, bad.rcode]).toEqual([1, 'NOERROR']);
  });
});

describe('what anybody may send', () => {
  const outcome = (bytes: Uint8Array): string => {
    const p = parseQuery(bytes);
    return p.kind === 'refuse' ? `refuse ${p.rcode}` : p.kind;
  };
  const header = (...words: number[]): number[] => words.flatMap((w) => [w >> 8, w & 255]);
  const good = [1, 97, 0, 0, 1, 0, 1];
  const emptyOpt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
  const cases: [string, number[], string][] = [
    ['nothing', [], 'drop'],
    ['half a header', [0, 1, 1, 0], 'drop'],
    ['an answer', [...header(1, 0x8100, 1, 0, 0, 0), ...good], 'drop'],
    ['a header alone', header(1, 0x100, 0, 0, 0, 0), 'refuse 1'],
    ['two questions', [...header(1, 0x100, 2, 0, 0, 0), ...good, ...good], 'refuse 1'],
    ['an update', [...header(1, 0x2800, 1, 0, 0, 0), ...good], 'refuse 4'],
    ['a name that is cut off', [...header(1, 0x100, 1, 0, 0, 0), 5, 97], 'refuse 1'],
    ['a question without class', [...header(1, 0x100, 1, 0, 0, 0), 1, 97, 0, 0, 1], 'refuse 1'],
    ['a pointer to itself', [...header(1, 0x100, 1, 0, 0, 0), 0xc0, 12, 0, 1, 0, 1], 'refuse 1'],
    ['a pointer into the header', [...header(1, 0x100, 1, 0, 0, 0), 0xc0, 2, 0, 1, 0, 1], 'refuse 1'],
    ['an unknown label type', [...header(1, 0x100, 1, 0, 0, 0), 0x41, 0, 0, 1, 0, 1], 'refuse 1'],
    ['a record that is not there', [...header(1, 0x100, 1, 0, 0, 1), ...good], 'refuse 1'],
    ['bytes behind the end', [...header(1, 0x100, 1, 0, 0, 0), ...good, 0], 'refuse 1'],
    ['two OPTs', [...header(1, 0x100, 1, 0, 0, 2), ...good, ...emptyOpt, ...emptyOpt], 'refuse 1'],
    ['a good one', [...header(1, 0x100, 1, 0, 0, 0), ...good], 'query'],
    ['the root', [...header(1, 0x100, 1, 0, 0, 0), 0, 0, 2, 0, 1], 'query'],
  ];
  it.each(cases)('%s', (_, bytes, wanted) => {
    expect(outcome(Uint8Array.from(bytes))).toBe(wanted);
  });

  it('a name of 255 bytes, and none longer', () => {
    const label = 'a'.repeat(61);
    expect(outcome(question([label, label, label, label, 'aaaaa'].join('.')))).toBe('query');
    expect(outcome(question([label, label, label, label, 'aaaaaa'].join('.')))).toBe('refuse 1');
  });

  it('any bytes at all: an outcome, never an exception, and a refusal keeps the id', () => {
    let seed = 3;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed >> 16;
    };
    const start = question('web.example.org', { additionals: [opt] });
    for (let i = 0; i < 5_000; i++) {
      const bytes = Uint8Array.from(start.subarray(0, 12 + (random() % start.length)));
      for (let n = random() % 4; n > 0; n--) bytes[random() % bytes.length] = random() & 255;
      const p = parseQuery(bytes);
      if (p.kind === 'refuse') expect(p.bytes.subarray(0, 2)).toEqual(bytes.subarray(0, 2));
      if (p.kind === 'query') encodeAnswer(p.query, answer([a(p.query.question.name, 1)]), 512);
      decodeAnswer(bytes);
    }
  });

  it('keeps every byte of a strange name', () => {
    const labels = [
      [0, 46, 92, 255],
      [32, 65],
    ];
    const wire = labels.flatMap((l) => [l.length, ...l]);
    const bytes = Uint8Array.from([...header(1, 0x100, 1, 0, 0, 0), ...wire, 0, 0, 1, 0, 1]);
    const { question: q } = parsed(bytes);
    expect(q.name).toBe('\\000\\.\\\\\\255.\\032A');
    const again = encodeQuestion(1, { ...q, checkingDisabled: false, edns: false, dnssecOk: false });
    expect([...again]).toEqual([...bytes]);
  });
});

describe('answers of an upstream', () => {
  it('are read with compressed names written out, and can be sent on', () => {
    const name = 'www.example.org';
    const query = parsed(question(name));
    const soa = { type: 'SOA', primary: 'ns.example.org', mailbox: 'h.example.org', serial: 4_000_000_000 } as const;
    const times = { refreshSeconds: 1, retrySeconds: 2, expireSeconds: 3, minimumSeconds: 4 };
    const bytes = encodeAnswer(
      query,
      answer([{ type: 'CNAME', name, ttlSeconds: 300, target: 'cdn.example.org' }, a('cdn.example.org', 1)], {
        authority: [{ ...soa, ...times, name: 'example.org', ttlSeconds: 0x8000_0000 }],
      }),
      512,
    );
    const first = decodeAnswer(bytes)!;
    const second = decodeAnswer(encodeAnswer(query, first, 512))!;
    for (const got of [first, second]) {
      expect(got.answers.map(recordText)).toEqual([
        'www.example.org 300 CNAME cdn.example.org',
        'cdn.example.org 5 A 10.0.0.1',
      ]);
      expect(got.authority.map((r) => [r.name, r.ttlSeconds, r.type === 'raw' && r.data.length])).toEqual([
        ['example.org', 0, 16 + 15 + 20],
      ]);
      expect(got.question).toEqual({ name, type: TYPE.A, class: 1 });
    }
  });
});

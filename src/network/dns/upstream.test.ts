import { describe, expect, it } from 'vitest';
import type { UpstreamAnswer } from './ask.ts';
import type { DnsRecord } from './record.ts';
import { RememberedAnswers } from './remembered.ts';
import { askPlan, nameservers } from './upstream.ts';

describe('nameservers', () => {
  it('are taken in order, without ourselves, doubles and what is no address', () => {
    const text = [
      '# nameserver 1.1.1.1',
      'search example.org',
      'nameserver 127.0.0.53',
      '  nameserver\t10.96.0.10',
      'nameserver 8.8.8.8 # why',
      'nameserver fe80::1%eth0',
      'nameserver 8.8.8.8',
      'nameserver example.org',
      'nameserver',
      'options edns0',
    ].join('\n');
    expect(nameservers(text, ['10.96.0.10'])).toEqual(['127.0.0.53', '8.8.8.8', 'fe80::1%eth0']);
    expect(nameservers('', [])).toEqual([]);
  });
});

describe('whom to ask', () => {
  const text = (servers: string[], silent: [string, number][], nowMs: number): string => {
    const plan = askPlan(servers, new Map(silent), nowMs);
    return `${plan.attempts.map((a) => `${a.server}@${a.afterMs}`).join(' ')} until ${plan.deadlineMs}`;
  };
  it.each<[string, string[], [string, number][], string]>([
    ['nobody', [], [], ' until 0'],
    ['one', ['a'], [], 'a@0 a@400 a@800 a@1200 until 2000'],
    ['two', ['a', 'b'], [], 'a@0 b@400 a@800 b@1200 until 2000'],
    ['the silent one last', ['a', 'b'], [['a', 99_000]], 'b@0 a@400 b@800 a@1200 until 2000'],
    ['silent long ago', ['a', 'b'], [['a', 80_000]], 'a@0 b@400 a@800 b@1200 until 2000'],
    [
      'all silent',
      ['a', 'b'],
      [
        ['a', 99_000],
        ['b', 99_000],
      ],
      'a@0 b@0 until 1000',
    ],
  ])('%s', (_, servers, silent, wanted) => {
    expect(text(servers, silent, 100_000)).toBe(wanted);
  });
});

describe('remembered answers', () => {
  const a = (ttlSeconds: number): DnsRecord => ({ type: 'A', name: 'x.org', ttlSeconds, address: '1.2.3.4' });
  const soa = (ttlSeconds: number, minimum: number): DnsRecord => ({
    type: 'raw',
    code: 6,
    name: 'org',
    ttlSeconds,
    data: Uint8Array.of(0, 0, ...Array.from({ length: 16 }, () => 1), 0, 0, 0, minimum),
  });
  const answer = (more: Partial<UpstreamAnswer>): UpstreamAnswer => ({
    id: 1,
    question: { name: 'x.org', type: 1, class: 1 },
    truncated: false,
    rcode: 0,
    authoritative: false,
    answers: [],
    authority: [],
    additional: [],
    ...more,
  });
  it.each<[string, UpstreamAnswer, number]>([
    ['as long as the shortest TTL', answer({ answers: [a(7), a(20)] }), 7],
    ['at most 30 s', answer({ answers: [a(3600)] }), 30],
    ['not with TTL 0', answer({ answers: [a(0)] }), 0],
    ['no such name: by the SOA', answer({ rcode: 3, authority: [soa(60, 3)] }), 3],
    ['no such name: at most 5 s', answer({ rcode: 3, authority: [soa(60, 60)] }), 5],
    ['no such name without SOA: not', answer({ rcode: 3 }), 0],
    ['a failure: not', answer({ rcode: 2, answers: [a(7)] }), 0],
    ['cut off: not', answer({ truncated: true, answers: [a(7)] }), 0],
  ])('%s', (_, value, seconds) => {
    const kept = new RememberedAnswers(10);
    kept.put('k', value, 1_000);
    expect(kept.get('k', 999 + seconds * 1_000) !== undefined).toBe(seconds > 0);
    expect(kept.get('k', 1_000 + seconds * 1_000)).toBeUndefined();
  });

  it('count their TTL down, and the oldest goes when there are too many', () => {
    const kept = new RememberedAnswers(2);
    kept.put('a', answer({ answers: [a(10), a(20)] }), 0);
    expect(kept.get('a', 4_900)!.answers.map((r) => r.ttlSeconds)).toEqual([6, 16]);
    kept.put('b', answer({ answers: [a(10)] }), 0);
    kept.put('c', answer({ answers: [a(10)] }), 0);
    expect(['a', 'b', 'c'].map((k) => kept.get(k, 1) !== undefined)).toEqual([false, true, true]);
  });
});

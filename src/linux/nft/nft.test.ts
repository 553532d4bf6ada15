import { describe, expect, it } from 'vitest';
import { nftContract } from './contract.ts';
import { diff } from './diff.ts';
import { fakeNft } from './fake.ts';
import { accept, drop, goto, isNftError, jump, NftError, whole } from './nft.ts';
import type { Chain, Element, NftSet, Ruleset } from './nft.ts';
import { print } from './print.ts';

describe('fake nft', () => {
  for (const { name, run } of nftContract) it(name, () => run(fakeNft()));
});

const ruleset = (sets: NftSet[], chains: Chain[]): Ruleset => ({
  tables: [{ family: 'inet', name: 't', sets, chains }],
});
const set = (name: string, parts: NftSet['parts']): NftSet => ({
  kind: 'set',
  name,
  key: ['ipv4_addr'],
  flags: [],
  parts,
});
const ips = (...list: string[]): Element[] => list.map((ip) => ({ key: [ip] }));
const nothing: Ruleset = { tables: [] };

describe('print', () => {
  it('says every statement in words that nft 1.0.6 takes', () => {
    const chain: Chain = {
      name: 'c',
      base: { type: 'nat', hook: 'output', priority: -100, policy: 'accept' },
      rules: [
        {
          statements: [
            { kind: 'match', field: 'meta iifname', op: '==', value: 'veth*' },
            { kind: 'match', field: 'ip saddr', op: '!=', value: '10.0.0.0/8' },
            { kind: 'match', field: 'th dport', op: '==', value: { from: 80, to: 90 } },
          ],
          comment: 'say "x"',
        },
        {
          statements: [
            { kind: 'ct state', states: ['new', 'related'] },
            { kind: 'ct status dnat' },
            { kind: 'tcp flags', mask: ['syn', 'ack'], op: '!=', value: ['syn'] },
            { kind: 'lookup', key: ['ip saddr', 'ip daddr'], op: '!=', set: 'self' },
          ],
        },
        { statements: [{ kind: 'vmap', key: ['ip daddr'], map: 'm' }] },
        {
          statements: [
            { kind: 'set ct mark', mark: 7 },
            { kind: 'set meta mark', randomBelow: 3 },
            { kind: 'dnat', key: ['ip daddr', 'meta mark'], map: 'e' },
          ],
        },
        { statements: [{ kind: 'snat', to: '1.2.3.4', fullyRandom: true }] },
        { statements: [{ kind: 'notrack' }] },
        { statements: [{ kind: 'reject', with: 'tcp reset' }] },
        { statements: [{ kind: 'verdict', verdict: jump('d') }] },
      ],
    };
    expect(
      print(chain.rules.map((rule) => ({ op: 'add rule', family: 'inet', table: 't', chain: 'c', rule }) as const)),
    ).toBe(`add rule inet t c meta iifname "veth*" ip saddr != 10.0.0.0/8 th dport 80-90 comment "say 'x'"
add rule inet t c ct state new,related ct status dnat tcp flags & (syn | ack) != syn ip saddr . ip daddr != @self
add rule inet t c ip daddr vmap @m
add rule inet t c ct mark set 7 meta mark set numgen random mod 3 dnat ip to ip daddr . meta mark map @e
add rule inet t c snat ip to 1.2.3.4 fully-random
add rule inet t c notrack
add rule inet t c reject with tcp reset
add rule inet t c jump d
`);
  });

  it('says sets, maps and verdict maps', () => {
    const at = { op: 'add set', family: 'inet', table: 't' } as const;
    const text = print([
      { ...at, set: { kind: 'vmap', name: 'v', key: ['ipv4_addr', 'inet_service'], flags: [] } },
      { ...at, set: { kind: 'map', name: 'e', key: ['ipv4_addr', 'mark'], data: ['ipv4_addr'], flags: [] } },
      {
        ...at,
        set: {
          kind: 'set',
          name: 's',
          key: ['ipv4_addr'],
          flags: ['dynamic', 'timeout'],
          timeoutSeconds: 60,
          comment: 'c',
        },
      },
    ]);
    expect(text).toBe(`add map inet t v { type ipv4_addr . inet_service : verdict; }
add map inet t e { type ipv4_addr . mark : ipv4_addr; }
add set inet t s { type ipv4_addr; flags dynamic,timeout; timeout 60s; comment "c"; }
`);
  });
});

describe('diff', () => {
  const services: NftSet = {
    kind: 'vmap',
    name: 'm',
    key: ['ipv4_addr'],
    flags: [],
    parts: new Map([
      ['x', [{ key: ['10.0.0.1'], verdict: goto('one') }]],
      ['y', [{ key: ['10.0.0.2'], verdict: accept }]],
    ]),
  };
  const a = ruleset([services], [{ name: 'one', rules: [{ statements: [{ kind: 'verdict', verdict: drop }] }] }]);

  it('of equal input is nothing, by identity and by value', () => {
    expect(diff(a, a)).toEqual([]);
    expect(diff(structuredClone(a), a)).toEqual([]);
  });

  it('replaces the whole table when what the kernel holds is unknown', () => {
    expect(print(diff(a, undefined))).toBe(`add table inet t
delete table inet t
add table inet t
add map inet t m { type ipv4_addr : verdict; }
add chain inet t one
add element inet t m {
10.0.0.1 : goto one,
10.0.0.2 : accept,
}
add rule inet t one drop
`);
  });

  it('moves a key to a new chain before the old one goes', () => {
    const b = ruleset(
      [
        {
          ...services,
          parts: new Map([
            ['x', [{ key: ['10.0.0.1'], verdict: goto('two') }]],
            ['y', services.parts.get('y') ?? []],
          ]),
        },
      ],
      [{ name: 'two', rules: [{ statements: [{ kind: 'verdict', verdict: drop }] }] }],
    );
    expect(print(diff(b, a))).toBe(`add chain inet t two
flush chain inet t one
delete element inet t m { 10.0.0.1 }
add element inet t m { 10.0.0.1 : goto two }
add rule inet t two drop
delete chain inet t one
`);
  });

  it('hands an element from one owner to another without a command', () => {
    const before = ruleset([set('s', new Map([['x', ips('10.0.0.1')]]))], []);
    const after = ruleset([set('s', new Map([['y', ips('10.0.0.1')]]))], []);
    expect(diff(after, before)).toEqual([]);
  });

  it('touches elements of changed parts alone', () => {
    const same = ips('10.0.0.1', '10.0.0.2');
    const before = ruleset(
      [
        set(
          's',
          new Map([
            ['x', same],
            ['y', ips('10.0.0.3', '10.0.0.4')],
          ]),
        ),
      ],
      [],
    );
    const after = ruleset(
      [
        set(
          's',
          new Map([
            ['x', same],
            ['y', ips('10.0.0.4', '10.0.0.5')],
          ]),
        ),
      ],
      [],
    );
    expect(print(diff(after, before))).toBe(
      'delete element inet t s { 10.0.0.3 }\nadd element inet t s { 10.0.0.5 }\n',
    );
  });

  it('replaces a table whose set changed its type or whose chain changed its hook', () => {
    const before = ruleset([set('s', whole(ips('10.0.0.1')))], []);
    const after = ruleset([{ ...set('s', whole(ips('10.0.0.0-10.0.0.9'))), flags: ['interval'] }], []);
    expect(diff(after, before).map(({ op }) => op)).toEqual([
      'add table',
      'delete table',
      'add table',
      'add set',
      'add element',
    ]);
  });

  it('deletes a table that nobody wants any more', () => {
    expect(print(diff(nothing, a))).toBe('delete table inet t\n');
  });
});

it('tells its errors from others', () => {
  expect(isNftError(new NftError('x', 'add y'))).toBe(true);
  expect(isNftError(new Error('x'))).toBe(false);
  expect(new NftError('No such file or directory', 'add y').message).toBe('nft: No such file or directory: add y');
});

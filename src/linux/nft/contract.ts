// What any Nft must do: the fake always, the kernel's where there is one (test/linux/nft.test.ts). Cases are data, so
// that this file needs no test library: each runs texts in order on a fresh Nft and says how it must end.
import { diff } from './diff.ts';
import { drop, goto, isNftError, whole } from './nft.ts';
import type { Nft, Ruleset, Table } from './nft.ts';
import { print } from './print.ts';

export interface ContractCase {
  readonly name: string;
  /** Throws with what was wanted and what came. */
  readonly run: (nft: Nft) => void;
}

const services = (name: string, elements: [string, string][]): Table['sets'][number] => ({
  kind: 'vmap',
  name,
  key: ['ipv4_addr'],
  flags: [],
  parts: whole(elements.map(([ip, chain]) => ({ key: [ip], verdict: goto(chain) }))),
});

const table = (elements: [string, string][], chains: string[]): Ruleset => ({
  tables: [
    {
      family: 'inet',
      name: 'contract',
      sets: [services('services', elements)],
      chains: [
        {
          name: 'base',
          base: { type: 'filter', hook: 'forward', priority: 0, policy: 'accept' },
          rules: [{ statements: [{ kind: 'vmap', key: ['ip daddr'], map: 'services' }], comment: 'why "not"' }],
        },
        ...chains.map((name) => ({ name, rules: [{ statements: [{ kind: 'verdict', verdict: drop } as const] }] })),
      ],
    },
  ],
});

const endpoints = (sizes: number[]): Ruleset => ({
  tables: [
    {
      family: 'inet',
      name: 'contract',
      sets: [
        {
          kind: 'map',
          name: 'endpoints',
          key: ['ipv4_addr', 'inet_proto', 'inet_service', 'mark'],
          data: ['ipv4_addr', 'inet_service'],
          flags: [],
          parts: whole([{ key: ['10.0.0.1', 'tcp', 80, 0], data: ['10.0.0.2', 8080] }]),
        },
      ],
      chains: sizes.map((modulus) => ({
        name: `lb${modulus}`,
        rules: [
          {
            statements: [
              { kind: 'set meta mark', randomBelow: modulus },
              { kind: 'dnat', key: ['ip daddr', 'meta l4proto', 'th dport', 'meta mark'], map: 'endpoints' },
            ],
          },
        ],
      })),
    },
  ],
});

const empty: Ruleset = { tables: [] };
const first = table([['10.0.0.1', 'a']], ['a']);
const second = table(
  [
    ['10.0.0.1', 'b'],
    ['10.0.0.2', 'b'],
  ],
  ['b'],
);

const refuse = (nft: Nft, text: string, reason: RegExp): void => {
  const before = JSON.stringify(nft.list('contract'));
  try {
    nft.run(text);
  } catch (error) {
    if (!isNftError(error) || !reason.test(error.message)) throw error;
    same(JSON.stringify(nft.list('contract')), before);
    return;
  }
  throw new Error(`wanted a refusal (${reason}) of:\n${text}`);
};

const same = (got: unknown, wanted: unknown): void => {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`wanted ${JSON.stringify(wanted)}, came ${JSON.stringify(got)}`);
  }
};

const apply = (nft: Nft, wanted: Ruleset, seen: Ruleset | undefined): void => nft.run(print(diff(wanted, seen)));
const listed = (nft: Nft) =>
  nft
    .list('contract')
    .map(({ chains, sets }) => ({ chains: Object.entries(chains).sort(([a], [b]) => (a < b ? -1 : 1)), sets }));

export const nftContract: readonly ContractCase[] = [
  {
    name: 'does a transaction and lists what it left',
    run(nft) {
      apply(nft, first, empty);
      same(listed(nft), [
        {
          chains: [
            ['a', 1],
            ['base', 1],
          ],
          sets: { services: ['10.0.0.1'] },
        },
      ]);
    },
  },
  {
    name: 'goes from one ruleset to another, by element and chain',
    run(nft) {
      apply(nft, first, empty);
      apply(nft, second, first);
      same(listed(nft), [
        {
          chains: [
            ['b', 1],
            ['base', 1],
          ],
          sets: { services: ['10.0.0.1', '10.0.0.2'] },
        },
      ]);
      apply(nft, empty, second);
      same(nft.list('contract'), []);
    },
  },
  {
    name: 'replaces what it does not know',
    run(nft) {
      apply(nft, second, empty);
      apply(nft, first, undefined);
      same(listed(nft), [
        {
          chains: [
            ['a', 1],
            ['base', 1],
          ],
          sets: { services: ['10.0.0.1'] },
        },
      ]);
    },
  },
  {
    name: 'takes a rule on a map of endpoints that an earlier transaction made',
    run(nft) {
      apply(nft, endpoints([2]), empty);
      apply(nft, endpoints([2, 3]), endpoints([2]));
      same(listed(nft), [
        {
          chains: [
            ['lb2', 1],
            ['lb3', 1],
          ],
          sets: { endpoints: ['10.0.0.1 . tcp . 80 . 0'] },
        },
      ]);
    },
  },
  {
    name: 'refuses a rule in a chain that is not there, and keeps nothing of its transaction',
    run(nft) {
      apply(nft, first, empty);
      refuse(nft, 'add chain inet contract c\nadd rule inet contract nowhere accept\n', /No such file.*nowhere/s);
    },
  },
  {
    name: 'refuses a goto to a chain that is not there',
    run(nft) {
      apply(nft, first, empty);
      refuse(nft, 'add rule inet contract a goto nowhere\n', /No such file/);
      refuse(nft, 'add element inet contract services { 10.0.0.9 : goto nowhere }\n', /No such file/);
    },
  },
  {
    name: 'refuses a lookup in a set that is not there',
    run(nft) {
      apply(nft, first, empty);
      refuse(nft, 'add rule inet contract a ip saddr @nowhere accept\n', /No such file/);
    },
  },
  {
    name: 'refuses to delete a chain that is pointed at',
    run(nft) {
      apply(nft, first, empty);
      refuse(nft, 'flush chain inet contract a\ndelete chain inet contract a\n', /busy/);
    },
  },
  {
    name: 'refuses to delete a map that a rule uses',
    run(nft) {
      apply(nft, first, empty);
      refuse(nft, 'delete map inet contract services\n', /busy/);
    },
  },
  {
    name: 'refuses a second value under one key',
    run(nft) {
      apply(nft, first, empty);
      refuse(nft, 'add chain inet contract b\nadd element inet contract services { 10.0.0.1 : goto b }\n', /exists/);
    },
  },
  {
    name: 'refuses to delete what is not there',
    run(nft) {
      apply(nft, first, empty);
      refuse(nft, 'delete element inet contract services { 10.0.0.7 }\n', /No such file/);
      refuse(nft, 'delete chain inet contract nowhere\n', /No such file/);
      refuse(nft, 'delete table inet nowhere\n', /No such file/);
    },
  },
  {
    name: 'refuses a line that it does not understand',
    run(nft) {
      refuse(nft, 'add nonsense inet contract\n', /syntax error/);
    },
  },
];

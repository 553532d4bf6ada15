// wanted, seen -> the one transaction that leads there. The order is by reference: what is pointed at is added before
// what points at it and deleted after it, so the kernel never meets a dangling name.
//
//   tables, sets, chains | flush changed chains | elements out, elements in | rules | chains out | sets out | tables out
//
// An element whose value changes leaves and comes back within the transaction: the kernel refuses a second value under
// one key, and no packet sees the gap.
import { elementId } from './nft.ts';
import type { Chain, Command, Element, NftSet, Ruleset, Table } from './nft.ts';
import { printRule, printVerdict } from './print.ts';

/** `seen` undefined: nothing is known of what the kernel holds, so the wanted tables replace whatever is there. */
export function diff(wanted: Ruleset, seen: Ruleset | undefined): Command[] {
  const commands: Command[] = [];
  for (const table of wanted.tables) {
    const old = seen?.tables.find((other) => sameName(other, table));
    if (old === table) continue;
    if (old && sameShape(table, old)) changeTable(table, old, commands);
    else {
      // `delete` fails where there is no table, so it is added first; both are gone or there by the transaction's end.
      if (seen === undefined || old) commands.push(...tableOps(table, 'add table', 'delete table'));
      commands.push(...tableOps(table, 'add table'));
      changeTable(table, { ...table, sets: [], chains: [] }, commands);
    }
  }
  for (const table of seen?.tables ?? []) {
    if (!wanted.tables.some((other) => sameName(other, table))) commands.push(...tableOps(table, 'delete table'));
  }
  return commands;
}

const sameName = (a: Table, b: Table): boolean => a.family === b.family && a.name === b.name;

const tableOps = (table: Table, ...ops: ('add table' | 'delete table')[]): Command[] =>
  ops.map((op) => ({ op, family: table.family, table: table.name }));

/** The kernel cannot change a set's type or a chain's hook: such a table is replaced as a whole, which is as atomic. */
function sameShape(wanted: Table, seen: Table): boolean {
  const sets = byName(seen.sets);
  const chains = byName(seen.chains);
  return (
    wanted.sets.every((set) => {
      const old = sets.get(set.name);
      return old === undefined || old === set || setType(old) === setType(set);
    }) &&
    wanted.chains.every((chain) => {
      const old = chains.get(chain.name);
      return old === undefined || old === chain || baseText(old) === baseText(chain);
    })
  );
}

const setType = (set: NftSet): string =>
  [set.kind, set.key.join('.'), set.data?.join('.'), set.flags.join(), set.timeoutSeconds, set.comment].join('|');

const baseText = ({ base }: Chain): string => (base ? `${base.type} ${base.hook} ${base.priority} ${base.policy}` : '');

function changeTable(wanted: Table, seen: Table, commands: Command[]): void {
  const at = { family: wanted.family, table: wanted.name };
  const oldSets = byName(seen.sets);
  const oldChains = byName(seen.chains);
  const wantedSets = byName(wanted.sets);
  const wantedChains = byName(wanted.chains);

  const newSets = wanted.sets.filter((set) => !oldSets.has(set.name));
  const newChains = wanted.chains.filter((chain) => !oldChains.has(chain.name));
  const changed = wanted.chains.filter((chain) => {
    const old = oldChains.get(chain.name);
    return old !== undefined && old !== chain && !sameRules(chain, old);
  });
  const goneChains = seen.chains.filter((chain) => !wantedChains.has(chain.name));
  const goneSets = seen.sets.filter((set) => !wantedSets.has(set.name));

  for (const { parts: _, ...set } of newSets) commands.push({ op: 'add set', ...at, set });
  for (const { name, base } of newChains) commands.push({ op: 'add chain', ...at, chain: name, ...(base && { base }) });
  for (const { name } of [...changed, ...goneChains]) commands.push({ op: 'flush chain', ...at, chain: name });

  const changes = wanted.sets.map((set) => elementChange(set, oldSets.get(set.name)));
  for (const { name, out } of changes)
    if (out.length > 0) commands.push({ op: 'delete element', ...at, set: name, elements: out });
  // Elements of a set that goes away may hold the last reference to a chain that goes away with it.
  for (const set of goneSets) {
    const elements = set.kind === 'vmap' ? [...set.parts.values()].flat() : [];
    if (elements.length > 0) commands.push({ op: 'delete element', ...at, set: set.name, elements });
  }
  for (const { name, into } of changes)
    if (into.length > 0) commands.push({ op: 'add element', ...at, set: name, elements: into });

  for (const chain of [...newChains, ...changed]) {
    for (const rule of chain.rules) commands.push({ op: 'add rule', ...at, chain: chain.name, rule });
  }
  for (const { name } of goneChains) commands.push({ op: 'delete chain', ...at, chain: name });
  for (const { name, kind } of goneSets) commands.push({ op: 'delete set', ...at, kind, name });
}

const byName = <T extends { readonly name: string }>(list: readonly T[]): ReadonlyMap<string, T> =>
  new Map(list.map((item) => [item.name, item]));

const sameRules = (a: Chain, b: Chain): boolean =>
  a.rules.length === b.rules.length &&
  a.rules.every((rule, i) => printRule(rule) === printRule(b.rules[i] as typeof rule));

interface ElementChange {
  readonly name: string;
  readonly out: readonly Element[];
  readonly into: readonly Element[];
}

function elementChange(wanted: NftSet, seen: NftSet | undefined): ElementChange {
  const { name } = wanted;
  if (seen === wanted || seen?.parts === wanted.parts) return { name, out: [], into: [] };
  const out = new Map<string, Element>();
  const into = new Map<string, Element>();
  const put = (into: Map<string, Element>, elements: readonly Element[] | undefined): void => {
    for (const element of elements ?? []) into.set(elementId(element), element);
  };
  const old = seen?.parts ?? new Map<string, readonly Element[]>();
  for (const elements of changedParts(wanted.parts, old)) put(into, elements);
  for (const elements of changedParts(old, wanted.parts)) put(out, elements);
  for (const [id, element] of out) {
    const next = into.get(id);
    if (next && elementValue(next) === elementValue(element)) {
      out.delete(id);
      into.delete(id);
    }
  }
  return { name, out: [...out.values()], into: [...into.values()] };
}

type Parts = NftSet['parts'];

/** Parts that are not the same array in the other. Mostly both have the same owners in the same order: no look-up then. */
function* changedParts(parts: Parts, others: Parts): Iterable<readonly Element[]> {
  const beside = others[Symbol.iterator]();
  let step = beside.next();
  for (const [owner, elements] of parts) {
    const pair = step.done ? undefined : step.value;
    if (pair?.[0] === owner) {
      step = beside.next();
      if (pair[1] !== elements) yield elements;
    } else if (others.get(owner) !== elements) yield elements;
  }
}

const elementValue = (element: Element): string =>
  element.verdict ? printVerdict(element.verdict) : (element.data?.join(' . ') ?? '');

// An nft in memory that takes the same text and refuses what the kernel refuses: dangling names, duplicates, deleting
// what is still pointed at. It knows the language of print.ts and no more; another line is an error, not a guess.
import { NftError } from './nft.ts';
import type { Nft, TableListing } from './nft.ts';

interface FakeTable {
  readonly chains: Map<string, FakeRule[]>;
  readonly sets: Map<string, FakeSet>;
}
interface FakeRule {
  readonly text: string;
  readonly chains: readonly string[];
  readonly sets: readonly string[];
}
interface FakeSet {
  readonly noun: string;
  readonly header: string;
  /** key -> value, '' in a set */
  readonly elements: Map<string, string>;
}
type Tables = Map<string, FakeTable>;

export interface FakeNft extends Nft {
  /** The transactions that were carried out. */
  readonly runs: readonly string[];
  /** The rules of a chain as they were given, without the comment's quotes undone. */
  rules(family: string, table: string, chain: string): readonly string[];
}

export function fakeNft(): FakeNft {
  let tables: Tables = new Map();
  const runs: string[] = [];
  let open = true;
  return {
    runs,
    run(text) {
      if (!open) throw new NftError('used after close');
      // Work on a copy: a refusal halfway leaves everything as it was.
      const next = copy(tables);
      for (const line of commandLines(text)) apply(next, line);
      tables = next;
      if (text !== '') runs.push(text);
    },
    list: (name) => listings(tables, name),
    rules: (family, table, chain) =>
      (tables.get(`${family} ${table}`)?.chains.get(chain) ?? []).map(({ text }) => text),
    close() {
      open = false;
    },
  };
}

const copy = (tables: Tables): Tables =>
  new Map(
    [...tables].map(([key, table]) => [
      key,
      {
        chains: new Map([...table.chains].map(([name, rules]) => [name, [...rules]])),
        sets: new Map([...table.sets].map(([name, set]) => [name, { ...set, elements: new Map(set.elements) }])),
      },
    ]),
  );

/** An `add element x {` that goes over several lines becomes one line. */
function commandLines(text: string): string[] {
  const commands: string[] = [];
  let open: string[] | undefined;
  for (const line of text.split('\n')) {
    if (open) {
      open.push(line);
      if (line !== '}') continue;
      commands.push(open.join(' '));
      open = undefined;
    } else if (line.endsWith('{')) open = [line];
    else if (line !== '') commands.push(line);
  }
  if (open) throw new NftError('syntax error, unexpected end of file', open[0]);
  return commands;
}

function apply(tables: Tables, line: string): void {
  const [, verb, noun, family, tableName, rest = ''] =
    /^(add|delete|flush) (table|set|map|chain|rule|element) (ip|inet) (\S+)(?: (.*))?$/.exec(line) ?? [];
  if (!verb || !noun) throw new NftError('syntax error', line);
  const key = `${family} ${tableName}`;
  const table = tables.get(key);
  if (noun === 'table') {
    if (verb === 'add') {
      if (!table) tables.set(key, { chains: new Map(), sets: new Map() });
    } else if (!tables.delete(key)) throw noSuch(line);
    return;
  }
  if (!table) throw noSuch(line);
  const [, name = '', body = ''] = /^(\S+)(?: (.*))?$/.exec(rest) ?? [];
  if (noun === 'chain') changeChain(table, verb, name, line);
  else if (noun === 'rule') addRule(table, name, body, line);
  else if (noun === 'element') changeElements(table, verb, name, body, line);
  else changeSet(table, verb, noun, name, body, line);
}

const noSuch = (line: string) => new NftError('No such file or directory', line);
const exists = (line: string) => new NftError('File exists', line);
const busy = (line: string) => new NftError('Device or resource busy', line);

function changeChain(table: FakeTable, verb: string, name: string, line: string): void {
  if (verb === 'add') {
    if (!table.chains.has(name)) table.chains.set(name, []);
    return;
  }
  const rules = table.chains.get(name);
  if (!rules) throw noSuch(line);
  if (verb === 'flush') table.chains.set(name, []);
  else if (rules.length > 0 || pointsAtChain(table, name)) throw busy(line);
  else table.chains.delete(name);
}

function pointsAtChain(table: FakeTable, chain: string): boolean {
  for (const rules of table.chains.values()) if (rules.some((rule) => rule.chains.includes(chain))) return true;
  for (const { elements } of table.sets.values()) {
    for (const value of elements.values()) if (targetOf(value) === chain) return true;
  }
  return false;
}

const targetOf = (verdict: string): string | undefined => /^(?:goto|jump) (\S+)$/.exec(verdict)?.[1];

function addRule(table: FakeTable, chain: string, text: string, line: string): void {
  const rules = table.chains.get(chain);
  if (!rules) throw noSuch(line);
  const bare = text.replace(/ comment "[^"]*"$/, '');
  const chains = [...bare.matchAll(/\b(?:goto|jump) (\S+)/g)].map((match) => match[1] as string);
  const sets = [...bare.matchAll(/@(\S+)/g)].map((match) => match[1] as string);
  if (!chains.every((name) => table.chains.has(name)) || !sets.every((name) => table.sets.has(name)))
    throw noSuch(line);
  rules.push({ text, chains, sets });
}

function changeSet(table: FakeTable, verb: string, noun: string, name: string, header: string, line: string): void {
  const set = table.sets.get(name);
  if (verb === 'add') {
    if (set && (set.header !== header || set.noun !== noun)) throw exists(line);
    if (!set) table.sets.set(name, { noun, header, elements: new Map() });
    return;
  }
  if (!set || set.noun !== noun) throw noSuch(line);
  for (const rules of table.chains.values()) if (rules.some((rule) => rule.sets.includes(name))) throw busy(line);
  table.sets.delete(name);
}

function changeElements(table: FakeTable, verb: string, name: string, body: string, line: string): void {
  const set = table.sets.get(name);
  if (!set) throw noSuch(line);
  const [, inner] = /^\{ (.*?),? ?\}$/.exec(body) ?? [];
  if (inner === undefined) throw new NftError('syntax error', line);
  for (const item of inner.split(', ').map((text) => text.trim())) {
    const [key = '', value = ''] = item.split(' : ');
    if (verb === 'delete') {
      if (!set.elements.delete(key)) throw noSuch(line);
      continue;
    }
    if (set.header.includes(' : ') !== (value !== '')) throw new NftError('syntax error', line);
    const target = targetOf(value);
    if (target !== undefined && !table.chains.has(target)) throw noSuch(line);
    const old = set.elements.get(key);
    if (old !== undefined && old !== value) throw exists(line);
    set.elements.set(key, value);
  }
}

function listings(tables: Tables, name: string): TableListing[] {
  const found: TableListing[] = [];
  for (const [key, table] of tables) {
    const [family = '', tableName] = key.split(' ');
    if (tableName !== name) continue;
    const chains = Object.fromEntries([...table.chains].map(([chain, rules]) => [chain, rules.length]));
    const sets = Object.fromEntries([...table.sets].map(([set, { elements }]) => [set, [...elements.keys()].sort()]));
    found.push({ family, name: tableName, chains, sets });
  }
  return found;
}

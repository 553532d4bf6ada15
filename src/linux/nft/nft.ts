// nftables as data. A ruleset is a value; print.ts says it in nft's words, diff.ts turns two of them into a
// transaction, evaluate.ts walks it. Every expression is one of a closed union: what is not here cannot be planned.
//
//   Ruleset -> Table -> Chain -> Rule -> Statement (match, lookup, vmap, dnat, ...) over fields of a packet
//                    -> NftSet -> parts -> Element (key [, data])

export type Family = 'ip' | 'inet';
export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface Ruleset {
  readonly tables: readonly Table[];
}

export interface Table {
  readonly family: Family;
  readonly name: string;
  readonly sets: readonly NftSet[];
  readonly chains: readonly Chain[];
}

/** Where a base chain hangs. Priorities are numbers: nft 1.0.6 refuses the name dstnat in the output hook. */
export interface BaseHook {
  readonly type: 'filter' | 'nat';
  readonly hook: Hook;
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
}

export interface Chain {
  readonly name: string;
  readonly base?: BaseHook;
  readonly rules: readonly Rule[];
}

export interface Rule {
  readonly statements: readonly Statement[];
  /** For people and the tracer: which object asked for the rule. The kernel keeps 128 bytes of it. */
  readonly comment?: string;
}

/** Types of a set's key or data, part by part. */
export type DataType = 'ipv4_addr' | 'inet_proto' | 'inet_service' | 'mark';

/** A part of a packet or of its connection, in nft's words. */
export type Field =
  | 'ip saddr'
  | 'ip daddr'
  | 'meta l4proto'
  | 'meta nfproto'
  | 'meta iifname'
  | 'meta oifname'
  | 'th sport'
  | 'th dport'
  | 'meta mark'
  | 'ct mark'
  | 'ct original ip daddr';

/** An address, protocol name, interface name (a trailing * is a wildcard), prefix such as 10.0.0.0/8, or a number. */
export type Value = string | number;
/** Both ends included. */
export interface Range {
  readonly from: Value;
  readonly to: Value;
}

export type Verdict =
  | { readonly verdict: 'accept' | 'drop' | 'return' }
  | { readonly verdict: 'jump' | 'goto'; readonly chain: string };

export type CtState = 'new' | 'established' | 'related' | 'invalid' | 'untracked';
export type TcpFlag = 'fin' | 'syn' | 'rst' | 'ack';

export type Statement =
  | { readonly kind: 'match'; readonly field: Field; readonly op: '==' | '!='; readonly value: Value | Range }
  | { readonly kind: 'ct state'; readonly states: readonly CtState[] }
  /** The connection's destination was translated. */
  | { readonly kind: 'ct status dnat' }
  /** Of the flags in mask, exactly those in value are set ('!=': not exactly those). */
  | {
      readonly kind: 'tcp flags';
      readonly mask: readonly TcpFlag[];
      readonly op: '==' | '!=';
      readonly value: readonly TcpFlag[];
    }
  | { readonly kind: 'lookup'; readonly key: readonly Field[]; readonly op: '==' | '!='; readonly set: string }
  | { readonly kind: 'vmap'; readonly key: readonly Field[]; readonly map: string }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** To the address and port that the map holds under the key. */
  | { readonly kind: 'dnat'; readonly key: readonly Field[]; readonly map: string }
  | { readonly kind: 'snat'; readonly to: string; readonly fullyRandom: boolean }
  | { readonly kind: 'set ct mark'; readonly mark: number }
  /**
   * A random number below the modulus, for a lookup by meta mark. Not numgen in the key itself: that wants a map by typeof, and
   * nft 1.0.6 either refuses a later rule on such a map (conflicting protocols: ip vs. th) or lets it match TCP alone.
   */
  | { readonly kind: 'set meta mark'; readonly randomBelow: number }
  | { readonly kind: 'notrack' }
  | { readonly kind: 'reject'; readonly with: 'tcp reset' | 'icmp port-unreachable' };

export type SetFlag = 'interval' | 'dynamic' | 'timeout';

export interface Element {
  readonly key: readonly (Value | Range)[];
  /** Of a map: the value. */
  readonly data?: readonly Value[];
  /** Of a verdict map: what to do. */
  readonly verdict?: Verdict;
}

export interface NftSet {
  readonly kind: 'set' | 'map' | 'vmap';
  readonly name: string;
  readonly key: readonly DataType[];
  /** kind 'map' only. */
  readonly data?: readonly DataType[];
  readonly flags: readonly SetFlag[];
  /** Of elements that are added without one; needs the flag timeout. */
  readonly timeoutSeconds?: number;
  readonly comment?: string;
  /**
   * Elements by who asked for them (e.g. one Service). No key stands in two parts. A part that is the very same array as
   * in the ruleset before is not looked at again: that keeps the cost of one change flat (diff.ts).
   */
  readonly parts: ReadonlyMap<string, readonly Element[]>;
}

/** One step of a transaction. */
export type Command = { readonly family: Family; readonly table: string } & (
  | { readonly op: 'add table' | 'delete table' }
  | { readonly op: 'add set'; readonly set: Omit<NftSet, 'parts'> }
  | { readonly op: 'delete set'; readonly kind: NftSet['kind']; readonly name: string }
  | { readonly op: 'add chain'; readonly chain: string; readonly base?: BaseHook }
  | { readonly op: 'flush chain' | 'delete chain'; readonly chain: string }
  | { readonly op: 'add rule'; readonly chain: string; readonly rule: Rule }
  | { readonly op: 'add element' | 'delete element'; readonly set: string; readonly elements: readonly Element[] }
);

/** What the kernel holds, counted: enough to see that a ruleset is in force. */
export interface TableListing {
  readonly family: string;
  readonly name: string;
  /** chain -> number of its rules */
  readonly chains: Readonly<Record<string, number>>;
  /** set or map -> its elements' keys, printed and sorted */
  readonly sets: Readonly<Record<string, readonly string[]>>;
}

/** The hand into one network namespace. */
export interface Nft {
  /** One transaction: all of the text or, with an NftError, nothing. */
  run(text: string): void;
  /** The tables of the families ip and inet with this name. */
  list(table: string): TableListing[];
  close(): void;
}

/** nft's refusal. `line` is the line of the transaction that it points at, when it does. */
export class NftError extends Error {
  readonly line: string | undefined;
  constructor(message: string, line?: string) {
    super(line === undefined ? `nft: ${message}` : `nft: ${message}: ${line}`);
    this.name = 'NftError';
    this.line = line;
  }
}

export const isNftError = (error: unknown): error is NftError => error instanceof NftError;

export const accept: Verdict = { verdict: 'accept' };
export const drop: Verdict = { verdict: 'drop' };
export const returns: Verdict = { verdict: 'return' };
export const goto = (chain: string): Verdict => ({ verdict: 'goto', chain });
export const jump = (chain: string): Verdict => ({ verdict: 'jump', chain });

export const isRange = (value: Value | Range): value is Range => typeof value === 'object';

/** A rule of these statements; the comment is cut to what the kernel keeps. */
export function rule(statements: readonly Statement[], comment?: string): Rule {
  return comment === undefined ? { statements } : { statements, comment };
}

/** A set's elements in one part. */
export const whole = (elements: readonly Element[]): ReadonlyMap<string, readonly Element[]> =>
  new Map([['', elements]]);

export function* elementsOf(set: NftSet): Iterable<Element> {
  for (const part of set.parts.values()) yield* part;
}

/** Names an element within its set. */
export function elementId(element: Element): string {
  const { key } = element;
  let id = valueId(key[0] as Value | Range);
  for (let i = 1; i < key.length; i++) id += ` . ${valueId(key[i] as Value | Range)}`;
  return id;
}

const valueId = (value: Value | Range): string => (isRange(value) ? `${value.from}-${value.to}` : `${value}`);

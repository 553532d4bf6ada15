// Walks typed rules with one packet, as the kernel would: the same values that print.ts prints. Statements it does not
// know do not exist (the union is closed); a name that is not there is a bug in the ruleset and throws.
import { ipv4Number, ipv4Range } from '../../lib/ip.ts';
import { elementId, elementsOf, isRange } from './nft.ts';
import type { CtState, Element, Field, NftSet, Rule, Statement, Table, TcpFlag, Value, Verdict } from './nft.ts';

/** A packet at a hook: its headers as they are there, and what its connection is known by. */
export interface Packet {
  readonly saddr: string;
  readonly daddr: string;
  /** tcp, udp, icmp, ... */
  readonly protocol: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly iifname: string;
  readonly oifname: string;
  readonly ctState: CtState;
  readonly tcpFlags?: readonly TcpFlag[];
  readonly ctMark?: number;
  /** Of a connection whose destination was translated: what it was. */
  readonly originalDaddr?: string;
}

export interface Outcome {
  readonly verdict: 'accept' | 'drop' | 'reject';
  readonly dnat?: { readonly ip: string; readonly port: number };
  readonly snat?: string;
  readonly ctMark?: number;
  readonly notrack?: boolean;
  /** The chain and rule that decided; none: the base chain's policy. */
  readonly chain: string;
  readonly rule?: Rule;
}

/** `pick(modulus)` is numgen's answer. */
export function evaluate(table: Table, chain: string, packet: Packet, pick: (modulus: number) => number): Outcome {
  const walk = new Walk(table, packet, pick);
  const outcome = walk.chain(chain, 0);
  if (outcome) return { ...walk.effects, ...outcome };
  const policy = walk.find(chain).base?.policy ?? 'accept';
  return { ...walk.effects, verdict: policy, chain };
}

/** Where a rule leads: on with the next statement or rule, back to the caller, or to the end. */
type Step = 'next statement' | 'next rule' | 'return' | Outcome;

class Walk {
  readonly table: Table;
  readonly packet: Packet;
  readonly pick: (modulus: number) => number;
  /** The packet's mark: no packet comes with one. */
  mark = 0;
  effects: { ctMark?: number; notrack?: boolean } = {};

  constructor(table: Table, packet: Packet, pick: (modulus: number) => number) {
    this.table = table;
    this.packet = packet;
    this.pick = pick;
  }

  find(name: string) {
    const chain = this.table.chains.find((c) => c.name === name);
    if (!chain) throw new Error(`no chain ${name} in table ${this.table.name}`);
    return chain;
  }

  set(name: string): NftSet {
    const set = this.table.sets.find((s) => s.name === name);
    if (!set) throw new Error(`no set or map ${name} in table ${this.table.name}`);
    return set;
  }

  /** undefined: the packet came back, by `return` or at the chain's end. The kernel allows 16 jumps. */
  chain(name: string, depth: number): Outcome | undefined {
    if (depth > 16) throw new Error(`chain ${name}: more than 16 jumps deep`);
    for (const rule of this.find(name).rules) {
      const step = this.rule(name, rule, depth);
      if (step === 'return') return undefined;
      if (step !== 'next rule' && step !== 'next statement') return step;
    }
    return undefined;
  }

  rule(chain: string, rule: Rule, depth: number): Step {
    for (const statement of rule.statements) {
      const step = this.statement(statement, chain, rule, depth);
      if (step !== 'next statement') return step;
    }
    return 'next rule';
  }

  statement(statement: Statement, chain: string, rule: Rule, depth: number): Step {
    switch (statement.kind) {
      case 'vmap': {
        const verdict = this.element(statement.key, statement.map)?.verdict;
        return verdict ? this.verdict(verdict, chain, rule, depth) : 'next rule';
      }
      case 'verdict':
        return this.verdict(statement.verdict, chain, rule, depth);
      case 'dnat': {
        const data = this.element(statement.key, statement.map)?.data;
        if (!data) return 'next rule';
        return { verdict: 'accept', dnat: { ip: String(data[0]), port: Number(data[1]) }, chain, rule };
      }
      case 'snat':
        return { verdict: 'accept', snat: statement.to, chain, rule };
      case 'reject':
        return { verdict: 'reject', chain, rule };
      case 'set meta mark':
        this.mark = this.pick(statement.randomBelow);
        return 'next statement';
      case 'set ct mark':
        this.effects = { ...this.effects, ctMark: statement.mark };
        return 'next statement';
      case 'notrack':
        this.effects = { ...this.effects, notrack: true };
        return 'next statement';
      default:
        return this.matches(statement) ? 'next statement' : 'next rule';
    }
  }

  verdict(verdict: Verdict, chain: string, rule: Rule, depth: number): Step {
    switch (verdict.verdict) {
      case 'jump':
        return this.chain(verdict.chain, depth + 1) ?? 'next rule';
      case 'goto':
        // A goto leaves nothing to come back to in this chain.
        return this.chain(verdict.chain, depth + 1) ?? 'return';
      case 'return':
        return 'return';
      default:
        return { verdict: verdict.verdict, chain, rule };
    }
  }

  matches(statement: Extract<Statement, { kind: 'match' | 'ct state' | 'ct status dnat' | 'tcp flags' | 'lookup' }>) {
    const { packet } = this;
    if (statement.kind === 'ct state') return statement.states.includes(packet.ctState);
    if (statement.kind === 'ct status dnat') return packet.originalDaddr !== undefined;
    // A packet without the field breaks off the rule, whatever the operator.
    let equal: boolean;
    if (statement.kind === 'match') {
      const value = this.field(statement.field);
      if (value === undefined) return false;
      equal = inValue(value, statement.value);
    } else if (statement.kind === 'tcp flags') {
      if (packet.protocol !== 'tcp') return false;
      const seen = statement.mask.filter((flag) => packet.tcpFlags?.includes(flag));
      equal = seen.length === statement.value.length && seen.every((flag) => statement.value.includes(flag));
    } else {
      const key = this.key(statement.key);
      if (key === undefined) return false;
      equal = find(this.set(statement.set), key) !== undefined;
    }
    return equal === (statement.op === '==');
  }

  element(fields: readonly Field[], set: string): Element | undefined {
    const key = this.key(fields);
    return key && find(this.set(set), key);
  }

  /** undefined: the packet has no such field (a port of ICMP), and the kernel breaks off the rule. */
  key(fields: readonly Field[]): Value[] | undefined {
    const key: Value[] = [];
    for (const field of fields) {
      const value = this.field(field);
      if (value === undefined) return undefined;
      key.push(value);
    }
    return key;
  }

  field(field: Field): Value | undefined {
    return field === 'meta mark' ? this.mark : packetFields[field](this.packet);
  }
}

const packetFields: Readonly<Record<Exclude<Field, 'meta mark'>, (packet: Packet) => Value | undefined>> = {
  'ip saddr': ({ saddr }) => saddr,
  'ip daddr': ({ daddr }) => daddr,
  'meta l4proto': ({ protocol }) => protocol,
  'meta nfproto': () => 'ipv4',
  'meta iifname': ({ iifname }) => iifname,
  'meta oifname': ({ oifname }) => oifname,
  'th sport': ({ sport }) => sport,
  'th dport': ({ dport }) => dport,
  'ct mark': ({ ctMark }) => ctMark ?? 0,
  'ct original ip daddr': ({ daddr, originalDaddr }) => originalDaddr ?? daddr,
};

/** Exact elements by id; those with a range apart. Kept for as long as the set is. */
interface Index {
  readonly exact: Map<string, Element>;
  readonly ranges: Element[];
}
const indexes = new WeakMap<NftSet, Index>();

function find(set: NftSet, key: readonly Value[]): Element | undefined {
  let index = indexes.get(set);
  if (!index) {
    index = { exact: new Map(), ranges: [] };
    for (const element of elementsOf(set)) {
      if (element.key.some(isRange)) index.ranges.push(element);
      else index.exact.set(elementId(element), element);
    }
    indexes.set(set, index);
  }
  return (
    index.exact.get(elementId({ key })) ??
    index.ranges.find((element) => element.key.every((part, i) => inValue(key[i] as Value, part)))
  );
}

function inValue(value: Value, wanted: Element['key'][number]): boolean {
  if (isRange(wanted)) return ordinal(wanted.from) <= ordinal(value) && ordinal(value) <= ordinal(wanted.to);
  if (typeof wanted === 'string' && wanted.endsWith('*')) return String(value).startsWith(wanted.slice(0, -1));
  const text = String(wanted);
  if (!text.includes('/')) return String(value) === text;
  const range = ipv4Range(text);
  return range !== undefined && range[0] <= ordinal(value) && ordinal(value) <= range[1];
}

/** Addresses and ports in their order; NaN, which is in no range, for other words. */
const ordinal = (value: Value): number => (typeof value === 'number' ? value : (ipv4Number(value) ?? Number.NaN));

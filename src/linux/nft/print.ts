// Commands in nft's own language, one command or element per line so that an error's line number names its culprit.
// Written for nft 1.0.6 and later, which wants `dnat ip to` in inet tables and numbers for priorities.
import { elementId, isRange } from './nft.ts';
import type { BaseHook, Command, Element, NftSet, Range, Rule, Statement, Value, Verdict } from './nft.ts';

export function print(commands: readonly Command[]): string {
  const lines: string[] = [];
  for (const command of commands) printCommand(command, lines);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function printCommand(command: Command, lines: string[]): void {
  const table = `${command.family} ${command.table}`;
  switch (command.op) {
    case 'add table':
    case 'delete table':
      lines.push(`${command.op} ${table}`);
      return;
    case 'add set':
      lines.push(`add ${noun(command.set.kind)} ${table} ${command.set.name} { ${printSetType(command.set)} }`);
      return;
    case 'delete set':
      lines.push(`delete ${noun(command.kind)} ${table} ${command.name}`);
      return;
    case 'add chain':
      lines.push(`add chain ${table} ${command.chain}${command.base ? ` { ${printBase(command.base)} }` : ''}`);
      return;
    case 'flush chain':
    case 'delete chain':
      lines.push(`${command.op} ${table} ${command.chain}`);
      return;
    case 'add rule':
      lines.push(`add rule ${table} ${command.chain} ${printRule(command.rule)}`);
      return;
    case 'add element':
    case 'delete element':
      printElements(`${command.op} ${table} ${command.set}`, command.elements, lines);
      return;
  }
}

/** One `add element` for all of them: per command nft and the kernel pay a fixed price, per element almost none. */
function printElements(head: string, elements: readonly Element[], lines: string[]): void {
  if (elements.length === 1) {
    lines.push(`${head} { ${printElement(elements[0] as Element, head)} }`);
    return;
  }
  lines.push(`${head} {`);
  for (const element of elements) lines.push(`${printElement(element, head)},`);
  lines.push('}');
}

const printElement = (element: Element, head: string): string =>
  // Deleting goes by key alone.
  head.startsWith('delete')
    ? elementId(element)
    : element.verdict
      ? `${elementId(element)} : ${printVerdict(element.verdict)}`
      : element.data
        ? `${elementId(element)} : ${element.data.join(' . ')}`
        : elementId(element);

const noun = (kind: NftSet['kind']): string => (kind === 'set' ? 'set' : 'map');

const printBase = (base: BaseHook): string =>
  `type ${base.type} hook ${base.hook} priority ${base.priority}; policy ${base.policy};`;

function printSetType(set: Omit<NftSet, 'parts'>): string {
  const data = set.kind === 'vmap' ? ' : verdict' : set.data ? ` : ${set.data.join(' . ')}` : '';
  let text = `type ${set.key.join(' . ')}${data};`;
  if (set.flags.length > 0) text += ` flags ${set.flags.join(',')};`;
  if (set.timeoutSeconds !== undefined) text += ` timeout ${set.timeoutSeconds}s;`;
  if (set.comment !== undefined) text += ` comment ${quote(set.comment)};`;
  return text;
}

export function printRule(rule: Rule): string {
  const text = rule.statements.map((statement) => printStatement(statement)).join(' ');
  return rule.comment === undefined ? text : `${text} comment ${quote(rule.comment)}`;
}

export function printVerdict(verdict: Verdict): string {
  return 'chain' in verdict ? `${verdict.verdict} ${verdict.chain}` : verdict.verdict;
}

const not = (op: '==' | '!='): string => (op === '!=' ? '!= ' : '');

const printStatement = <K extends Statement['kind']>(statement: Extract<Statement, { kind: K }>): string =>
  statementWords[statement.kind](statement);

const statementWords: { readonly [K in Statement['kind']]: (statement: Extract<Statement, { kind: K }>) => string } = {
  match: ({ field, op, value }) => `${field} ${not(op)}${printValue(field, value)}`,
  'ct state': ({ states }) => `ct state ${states.join(',')}`,
  'ct status dnat': () => 'ct status dnat',
  'tcp flags': ({ mask, op, value }) => `tcp flags & (${mask.join(' | ')}) ${op} ${value.join(' | ')}`,
  lookup: ({ key, op, set }) => `${key.join(' . ')} ${not(op)}@${set}`,
  vmap: ({ key, map }) => `${key.join(' . ')} vmap @${map}`,
  verdict: ({ verdict }) => printVerdict(verdict),
  dnat: ({ key, map }) => `dnat ip to ${key.join(' . ')} map @${map}`,
  snat: ({ to, fullyRandom }) => `snat ip to ${to}${fullyRandom ? ' fully-random' : ''}`,
  'set meta mark': ({ randomBelow }) => `meta mark set numgen random mod ${randomBelow}`,
  'set ct mark': ({ mark }) => `ct mark set ${mark}`,
  notrack: () => 'notrack',
  reject: (statement) => `reject with ${statement.with}`,
};

const printValue = (field: string, value: Value | Range): string =>
  isRange(value) ? `${value.from}-${value.to}` : field.endsWith('ifname') ? quote(`${value}`) : `${value}`;

/** nft's strings have no escapes; the kernel keeps 128 bytes of a comment. Names of objects hold no quotes anyway. */
const quote = (text: string): string => `"${text.replaceAll(/["\n\\]/g, "'").slice(0, 120)}"`;

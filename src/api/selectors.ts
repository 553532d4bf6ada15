// Label selectors (text and object form) and field selectors, as predicates.
import type { Kind, KubeObject } from './types.ts';
import { failure } from './status.ts';
import { isLabelValue, isQualifiedName } from './validation/names.ts';

export type Labels = Readonly<Record<string, string>>;

export interface LabelRequirement {
  readonly key: string;
  readonly op: 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';
  readonly values: readonly string[];
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

const badRequest = (message: string): Error => failure(400, 'BadRequest', message);

const has = (labels: Labels, key: string): boolean => Object.hasOwn(labels, key);

/** strconv.ParseInt, base 10: anything else never matches > and <. */
const integer = (text: string | undefined): bigint | undefined =>
  text !== undefined && /^[+-]?\d+$/.test(text) ? BigInt(text.replace('+', '')) : undefined;

/** One requirement against a set of labels. `notin` holds for an absent key, as upstream has it. */
export function matchRequirement(requirement: LabelRequirement, labels: Labels = {}): boolean {
  const { key, op, values } = requirement;
  const value = has(labels, key) ? labels[key] : undefined;
  switch (op) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    default: {
      const [have, bound] = [integer(value), integer(values[0])];
      if (have === undefined || bound === undefined) return false;
      return op === 'gt' ? have > bound : have < bound;
    }
  }
}

type Token = { readonly kind: 'word' | 'symbol' | 'end'; readonly text: string };

const SYMBOLS = ['==', '!=', '=', '!', '(', ')', ',', '>', '<'];
const OPERATORS = 'in, notin, =, ==, !=, gt, lt';

function tokens(text: string): Token[] {
  const found: Token[] = [];
  const pattern = /\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+)/gy;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const part = match[1] ?? '';
    found.push({ kind: SYMBOLS.includes(part) ? 'symbol' : 'word', text: part });
  }
  return found;
}

/** Recursive descent over `key op value, key in (a,b), !key, ...`. */
class SelectorParser {
  private at = 0;
  private readonly all: readonly Token[];
  constructor(text: string) {
    this.all = tokens(text);
  }

  private peek(): Token {
    return this.all[this.at] ?? { kind: 'end', text: '' };
  }

  private next(): Token {
    const token = this.peek();
    this.at += 1;
    return token;
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    for (;;) {
      const first = this.peek();
      if (first.kind === 'end') return requirements;
      if (first.kind === 'symbol' && first.text !== '!') {
        throw badRequest(`found '${first.text}', expected: !, identifier, or 'end of string'`);
      }
      requirements.push(this.requirement());
      const after = this.next();
      if (after.kind === 'end') return requirements;
      if (after.text !== ',') throw badRequest(`found '${after.text}', expected: ',' or 'end of string'`);
      const following = this.peek();
      if (following.kind !== 'word' && following.text !== '!') {
        throw badRequest(`found '${following.text}', expected: identifier after ','`);
      }
    }
  }

  private requirement(): LabelRequirement {
    const refuse = (message: string): Error => badRequest(`unable to parse requirement: ${message}`);
    const negated = this.peek().text === '!';
    if (negated) this.next();
    const key = this.next();
    if (key.kind !== 'word') throw refuse(`found '${key.text}', expected: identifier`);
    const wrong = isQualifiedName(key.text);
    if (wrong.length > 0) throw refuse(`<nil>: Invalid value: ${JSON.stringify(key.text)}: ${wrong.join('; ')}`);
    if (negated) return { key: key.text, op: '!', values: [] };
    const { text: operator, kind } = this.peek();
    if (kind === 'end' || operator === ',') return { key: key.text, op: 'exists', values: [] };
    this.next();
    const checked = (values: string[]): string[] => {
      for (const [index, value] of values.entries()) {
        const errors = isLabelValue(value);
        if (errors.length > 0) {
          throw refuse(`values[${index}][${key.text}]: Invalid value: ${JSON.stringify(value)}: ${errors.join('; ')}`);
        }
      }
      return values;
    };
    switch (operator) {
      case 'in':
      case 'notin':
        return { key: key.text, op: operator, values: checked(this.set(refuse)) };
      case '=':
      case '==':
        return { key: key.text, op: 'in', values: checked([this.exact()]) };
      case '!=':
        return { key: key.text, op: 'notin', values: checked([this.exact()]) };
      case '>':
      case '<': {
        const value = this.exact();
        if (integer(value) === undefined) {
          throw refuse(
            `values[0]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
          );
        }
        return { key: key.text, op: operator === '>' ? 'gt' : 'lt', values: [value] };
      }
      default:
        throw refuse(`found '${operator}', expected: ${OPERATORS}`);
    }
  }

  /** Value after `=`: may be absent, which is the empty string. */
  private exact(): string {
    const token = this.peek();
    if (token.kind !== 'word') return '';
    this.next();
    return token.text;
  }

  /** `(a, b, )`: an empty place is the empty string. */
  private set(refuse: (message: string) => Error): string[] {
    const open = this.next();
    if (open.text !== '(') throw refuse(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    for (;;) {
      const token = this.peek();
      values.push(this.exact());
      const after = this.next();
      if (after.text === ')' && after.kind === 'symbol') return values;
      if (after.text !== ',') {
        const said = token.kind === 'word' ? "',' or ')'" : "',', ')' or identifier";
        throw refuse(`found '${after.text}', expected: ${said}`);
      }
    }
  }
}

/** Requirements of a selector's text; throws ApiError 400. */
export function parseLabelRequirements(text: string): LabelRequirement[] {
  return new SelectorParser(text).parse();
}

/** `?labelSelector=` as a predicate; throws ApiError 400. Empty text selects everything. */
export function parseLabelSelector(text: string): (labels: Labels | undefined) => boolean {
  const requirements = parseLabelRequirements(text);
  return (labels) => requirements.every((requirement) => matchRequirement(requirement, labels));
}

const EXPRESSION: Readonly<Record<string, LabelRequirement['op']>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

/** {} selects everything, undefined selects nothing. */
export function matchLabelSelector(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (!selector) return false;
  const own = labels ?? {};
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (!has(own, key) || own[key] !== value) return false;
  }
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const op = EXPRESSION[operator];
    return op !== undefined && matchRequirement({ key, op, values }, own);
  });
}

type Read = (object: KubeObject) => string;

/** A field as text; an absent one is its zero value, so that `spec.unschedulable=false` finds the nodes without it. */
const read =
  (path: string, zero = ''): Read =>
  (object) => {
    let value: unknown = object;
    for (const part of path.split('.')) value = (value as Record<string, unknown> | null | undefined)?.[part];
    if (typeof value === 'string') return value;
    return typeof value === 'boolean' || typeof value === 'number' ? String(value) : zero;
  };

const fields = (...paths: string[]): Record<string, Read> => Object.fromEntries(paths.map((p) => [p, read(p)]));

const COMMON = fields('metadata.name', 'metadata.namespace');

/** Fields that can be selected on beside metadata.name and metadata.namespace. */
const SELECTABLE: Partial<Record<Kind, Readonly<Record<string, Read>>>> = {
  Namespace: fields('status.phase'),
  Node: { 'spec.unschedulable': read('spec.unschedulable', 'false') },
  Pod: {
    ...fields(
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'status.phase',
      'status.podIP',
      'status.nominatedNodeName',
    ),
    'spec.hostNetwork': read('spec.hostNetwork', 'false'),
  },
  Service: fields('spec.clusterIP', 'spec.type'),
  Secret: fields('type'),
  Event: {
    ...fields(
      'involvedObject.kind',
      'involvedObject.namespace',
      'involvedObject.name',
      'involvedObject.uid',
      'involvedObject.apiVersion',
      'involvedObject.resourceVersion',
      'involvedObject.fieldPath',
      'reason',
      'type',
    ),
    reportingComponent: read('reportingComponent'),
    source: (object) => read('source.component')(object) || read('reportingComponent')(object),
  },
};

function unsupportedField(kind: Kind, label: string): Error {
  // Kinds with fields of their own say it in their words, the others in the generic ones.
  if (SELECTABLE[kind]) return badRequest(`field label not supported: ${label}`);
  return badRequest(
    `${JSON.stringify(label)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}

/** Splits at `separator` outside escapes (\\ \, \=). */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let current = '';
  for (let index = 0; index < text.length; index++) {
    const char = text[index] ?? '';
    if (char === '\\') current += char + (text[(index += 1)] ?? '');
    else if (char === ',') {
      terms.push(current);
      current = '';
    } else current += char;
  }
  return [...terms, current].filter((term) => term !== '');
}

/** `?fieldSelector=` as a predicate; throws ApiError 400. */
export function parseFieldSelector(kind: Kind, text: string): (object: KubeObject) => boolean {
  const known = { ...COMMON, ...SELECTABLE[kind] };
  const tests = splitTerms(text).map((term) => {
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term);
    if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, label = '', operator, raw = ''] = match;
    const get = Object.hasOwn(known, label) ? known[label] : undefined;
    if (!get) throw unsupportedField(kind, label);
    const wanted = raw.replace(/\\([\\,=])/g, '$1');
    return (object: KubeObject) => (get(object) === wanted) === (operator !== '!=');
  });
  return (object) => tests.every((test) => test(object));
}

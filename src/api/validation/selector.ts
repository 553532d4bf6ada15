// Label selectors and node selectors.
import type { core } from '../types.ts';
import { type Errors, forbidden, formatErrors, invalidValue, notSupported, required } from './field.ts';
import { isLabelValue, isQualifiedName } from './names.ts';
import { labelErrors } from './metadata.ts';

interface Expression {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
}

const IN = "must be specified when `operator` is 'In' or 'NotIn'";
const EXISTS = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";

/** The operator and how many values it takes. */
function* operatorErrors(field: string, { operator = '', values = [] }: Expression): Errors {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) yield required(`${field}.values`, IN);
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) yield forbidden(`${field}.values`, EXISTS);
      break;
    default:
      yield invalidValue(`${field}.operator`, operator, 'not a valid selector operator');
  }
}

function* expressionErrors(field: string, expression: Expression): Errors {
  const { key = '', values = [] } = expression;
  yield* operatorErrors(field, expression);
  yield* formatErrors(`${field}.key`, key, isQualifiedName(key));
  for (const [index, value] of values.entries()) {
    yield* formatErrors(`${field}.values[${index}]`, value, isLabelValue(value));
  }
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly Expression[];
}

export function* labelSelectorErrors(field: string, selector: Selector | undefined): Errors {
  yield* labelErrors(`${field}.matchLabels`, selector?.matchLabels);
  for (const [index, expression] of (selector?.matchExpressions ?? []).entries()) {
    yield* expressionErrors(`${field}.matchExpressions[${index}]`, expression);
  }
}

export const isEmptySelector = (selector: Selector): boolean =>
  Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;

function* nodeExpressionErrors(field: string, expression: Expression): Errors {
  const { key = '', operator, values = [] } = expression;
  if (operator !== 'Gt' && operator !== 'Lt') yield* operatorErrors(field, expression);
  else if (values.length !== 1) {
    yield required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'");
  }
  yield* formatErrors(`${field}.key`, key, isQualifiedName(key));
}

function* nodeFieldErrors(field: string, { key = '', operator = '', values = [] }: Expression): Errors {
  if (operator !== 'In' && operator !== 'NotIn') {
    yield invalidValue(`${field}.operator`, operator, 'not a valid selector operator');
  } else if (values.length !== 1) {
    yield required(
      `${field}.values`,
      "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
    );
  }
  if (key !== 'metadata.name') yield invalidValue(`${field}.key`, key, 'not a valid field selector key');
}

function* termErrors(at: string, term: core.NodeSelectorTerm): Errors {
  for (const [i, e] of (term.matchExpressions ?? []).entries()) {
    yield* nodeExpressionErrors(`${at}.matchExpressions[${i}]`, e);
  }
  for (const [i, e] of (term.matchFields ?? []).entries()) yield* nodeFieldErrors(`${at}.matchFields[${i}]`, e);
}

function* nodeSelectorErrors(field: string, selector: Partial<core.NodeSelector>): Errors {
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) {
    yield required(`${field}.nodeSelectorTerms`, 'must have at least one node selector term');
  }
  for (const [index, term] of terms.entries()) {
    yield* termErrors(`${field}.nodeSelectorTerms[${index}]`, term);
  }
}

export function* nodeAffinityErrors(field: string, affinity: core.NodeAffinity): Errors {
  const wanted = affinity.requiredDuringSchedulingIgnoredDuringExecution;
  if (wanted) yield* nodeSelectorErrors(`${field}.requiredDuringSchedulingIgnoredDuringExecution`, wanted);
  const preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  for (const [index, { weight, preference }] of preferred.entries()) {
    const at = `${field}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
    if (!weight || weight < 1 || weight > 100) {
      yield invalidValue(`${at}.weight`, weight ?? 0, 'must be in the range 1-100');
    }
    yield* termErrors(`${at}.preference`, preference ?? {});
  }
}

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function* taintEffectErrors(field: string, effect: string | undefined, mayBeEmpty: boolean): Errors {
  if (!effect) {
    if (!mayBeEmpty) yield required(field);
  } else if (!EFFECTS.includes(effect)) yield notSupported(field, effect, EFFECTS);
}

export function* tolerationErrors(field: string, tolerations: readonly core.Toleration[] | undefined): Errors {
  for (const [index, toleration] of (tolerations ?? []).entries()) {
    const at = `${field}[${index}]`;
    const { key, operator, value = '', effect, tolerationSeconds } = toleration;
    if (key) yield* formatErrors(`${at}.key`, key, isQualifiedName(key));
    else if (operator !== 'Exists') {
      yield invalidValue(
        `${at}.operator`,
        operator ?? '',
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      );
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      yield invalidValue(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    if (!operator || operator === 'Equal') yield* formatErrors(`${at}.operator`, value, isLabelValue(value));
    else if (operator !== 'Exists') yield notSupported(`${at}.operator`, operator, ['Equal', 'Exists']);
    else if (value !== '') {
      yield invalidValue(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'");
    }
    yield* taintEffectErrors(`${at}.effect`, effect, true);
  }
}

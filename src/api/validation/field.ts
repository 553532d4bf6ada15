// Errors of single fields, and how upstream puts them into one Status.
import { kindRow } from '../kinds.ts';
import { ApiError, type StatusCause } from '../status.ts';
import type { Kind } from '../types.ts';

export interface FieldError {
  type:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueNotFound'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid';
  field: string;
  badValue?: unknown;
  detail: string;
}

/** Words of a type in a message, and whether the value that was found stands beside them. */
const WORDS: Readonly<Record<FieldError['type'], { words: string; value: boolean }>> = {
  FieldValueRequired: { words: 'Required value', value: false },
  FieldValueInvalid: { words: 'Invalid value', value: true },
  FieldValueNotSupported: { words: 'Unsupported value', value: true },
  FieldValueForbidden: { words: 'Forbidden', value: false },
  FieldValueDuplicate: { words: 'Duplicate value', value: true },
  FieldValueNotFound: { words: 'Not found', value: true },
  FieldValueTooLong: { words: 'Too long', value: false },
  FieldValueTooMany: { words: 'Too many', value: true },
  FieldValueTypeInvalid: { words: 'Invalid value', value: true },
};

export const required = (field: string, detail = ''): FieldError => ({ type: 'FieldValueRequired', field, detail });
export const invalidValue = (field: string, badValue: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  badValue,
  detail,
});
export const forbidden = (field: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  field,
  detail,
});
export const duplicate = (field: string, badValue: unknown): FieldError => ({
  type: 'FieldValueDuplicate',
  field,
  badValue,
  detail: '',
});
export const notFound = (field: string, badValue: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  badValue,
  detail: '',
});
export const notSupported = (field: string, badValue: unknown, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  badValue,
  detail: `supported values: ${supported.map((value) => JSON.stringify(value)).join(', ')}`,
});
export const tooLong = (field: string, maxBytes: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  detail: `may not be more than ${maxBytes} bytes`,
});
export const tooMany = (field: string, count: number, max: number): FieldError => ({
  type: 'FieldValueTooMany',
  field,
  badValue: count,
  detail: `must have at most ${max} item${max === 1 ? '' : 's'}`,
});

/** What follows 'field: ' in a message; a cause of a Status has it alone. */
export function errorBody(error: FieldError): string {
  const { words, value } = WORDS[error.type];
  // Nothing at all prints as the text "null", in quotes: upstream's doing.
  const body = value ? `${words}: ${JSON.stringify(error.badValue ?? 'null')}` : words;
  return error.detail === '' ? body : `${body}: ${error.detail}`;
}

/** Errors of a value as they are found: rules yield, so that they read as a list. */
export type Errors = Generator<FieldError, void, undefined>;

/** One error for each sentence of a format check (names.ts). */
export function* formatErrors(field: string, value: unknown, sentences: readonly string[]): Errors {
  for (const sentence of sentences) yield invalidValue(field, value, sentence);
}

export function* nonNegative(field: string, value: number | undefined): Errors {
  if (value !== undefined && value < 0) yield invalidValue(field, value, 'must be greater than or equal to 0');
}

export const IMMUTABLE = 'field is immutable';

/** Deep equality of JSON values; key order does not count, and an absent field equals an undefined one. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((v, i) => same(v, b[i]));
  }
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => same(left[key], right[key]));
}

/** 422 with upstream's message: one error stands as it is, several in brackets; each is a cause. */
export function invalid(kind: Kind, name: string, errors: readonly FieldError[]): ApiError {
  const { group } = kindRow(kind);
  const texts = [...new Set(errors.map((error) => `${error.field}: ${errorBody(error)}`))];
  const causes: StatusCause[] = errors.map((error) => ({
    reason: error.type,
    message: errorBody(error),
    field: error.field,
  }));
  const all = texts.length === 1 ? `: ${texts[0]}` : texts.length === 0 ? '' : `: [${texts.join(', ')}]`;
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `${group === '' ? kind : `${kind}.${group}`} ${JSON.stringify(name)} is invalid${all}`,
    reason: 'Invalid',
    details: { name, ...(group === '' ? {} : { group }), kind, causes },
    code: 422,
  });
}

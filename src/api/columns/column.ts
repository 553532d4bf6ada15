// A column of a printed table and how kinds declare theirs.
import { age } from '../time.ts';
import type { KubeObject } from '../types.ts';

/** meta/v1 TableColumnDefinition. */
export interface ColumnDefinition {
  name: string;
  type: 'string' | 'integer';
  format: string;
  description: string;
  /** 0 is always shown, 1 with -o wide. */
  priority: number;
}

export interface Column<T> extends ColumnDefinition {
  cell(object: T, nowMs: number): unknown;
}

export const NONE = '<none>';

export const column = <T>(
  name: string,
  description: string,
  cell: (object: T, nowMs: number) => unknown,
  more: Partial<ColumnDefinition> = {},
): Column<T> => ({ name, type: 'string', format: '', description, priority: 0, ...more, cell });

export const wide = <T>(name: string, description: string, cell: Column<T>['cell']): Column<T> =>
  column(name, description, cell, { priority: 1 });

export const count = <T>(name: string, description: string, cell: Column<T>['cell']): Column<T> =>
  column(name, description, cell, { type: 'integer' });

export const NAME: Column<KubeObject> = column('Name', 'Unique within its namespace.', (o) => o.metadata.name, {
  format: 'name',
});

export const AGE: Column<KubeObject> = column('Age', 'Time since the object was created.', (o, nowMs) =>
  age(o.metadata.creationTimestamp, nowMs),
);

/** 'a=1,b=2' in order of keys. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? NONE : pairs.map(([key, value]) => `${key}=${value}`).join(',');
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}

function formatExpression({
  key,
  operator,
  values = [],
}: {
  key: string;
  operator: string;
  values?: readonly string[];
}): string {
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.toSorted().join(',')})`;
}

/** As it would be written after -l, in order of keys. */
export function formatSelector(selector: Selector | undefined): string {
  const terms = [
    ...Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({ key, text: `${key}=${value}` })),
    ...(selector?.matchExpressions ?? []).map((e) => ({ key: e.key, text: formatExpression(e) })),
  ];
  if (terms.length === 0) return NONE;
  return terms
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ text }) => text)
    .join(',');
}

const SHOWN = 3;

/** The first three, and how many more: 'a,b,c + 2 more...'. */
export function firstFew(all: readonly string[], empty: string): string {
  if (all.length === 0) return empty;
  const shown = all.slice(0, SHOWN).join(',');
  return all.length > SHOWN ? `${shown} + ${all.length - SHOWN} more...` : shown;
}

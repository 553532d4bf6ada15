// labelSelector, fieldSelector and resourceVersion of a list, watch or deletecollection.
import { parseFieldSelector, parseLabelSelector } from '../api/selectors.ts';
import type { KubeObject } from '../api/types.ts';
import type { Call } from './context.ts';
import { badRequest } from './errors.ts';

/** undefined: everything is selected. */
export type Selects = ((object: KubeObject) => boolean) | undefined;

export function selection(call: Call): Selects {
  const { query } = call.request;
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  const labels = labelText === '' ? undefined : parseLabelSelector(labelText);
  const fields = fieldText === '' ? undefined : parseFieldSelector(call.row.kind, fieldText);
  // A collection's request for one name: upstream turns it into a field selector.
  const name = call.name === '' ? undefined : call.name;
  if (!labels && !fields && name === undefined) return undefined;
  return (o) =>
    (name === undefined || o.metadata.name === name) &&
    (!labels || labels(o.metadata.labels)) &&
    (!fields || fields(o));
}

/** undefined: not given. */
export function askedRevision(call: Call): number | undefined {
  const text = call.request.query.get('resourceVersion') ?? '';
  if (text === '') return undefined;
  const revision = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(revision)) return revision;
  throw badRequest(
    `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

export function flag(call: Call, name: string): boolean {
  const value = call.request.query.get(name);
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}

/** undefined: not given. */
export function count(call: Call, name: string): number | undefined {
  const text = call.request.query.get(name) ?? '';
  if (text === '') return undefined;
  if (/^-?\d+$/.test(text)) return Number(text);
  throw badRequest(`${name}: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

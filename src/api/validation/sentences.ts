// For the tests beside it: objects with their defaults, and errors as the texts that people see.
import { applyDefaults } from '../defaults/index.ts';
import { kindRow } from '../kinds.ts';
import type { Kind, KubeObject } from '../types.ts';
import { errorBody, type FieldError, validateCreate, validateUpdate } from './index.ts';

export type Fields = Record<string, unknown>;

function made(kind: Kind, fields: Fields): KubeObject {
  const metadata = {
    name: 'x',
    ...(kindRow(kind).namespaced ? { namespace: 'default' } : {}),
    ...(fields['metadata'] as object),
  };
  const object = { ...fields, metadata } as unknown as KubeObject;
  return applyDefaults(kind, object, { evictAfterSeconds: 1 });
}

const said = (errors: FieldError[]): string[] => errors.map((error) => `${error.field}: ${errorBody(error)}`);
export const errorsOf = (kind: Kind, fields: Fields): string[] => said(validateCreate(kind, made(kind, fields)));
export const updateErrors = (kind: Kind, now: Fields, old: Fields): string[] =>
  said(validateUpdate(kind, made(kind, now), made(kind, old)));

export const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
export const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
export const DNS1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
export const VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
export const KEY =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
export const PORT = 'must be between 1 and 65535, inclusive';
export const IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

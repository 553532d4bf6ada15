// The API server's errors in upstream's words. Each is thrown where it is found and becomes a Status at the edge.
import type { KindRow } from '../api/kinds.ts';
import { ApiError, failure, type Status, type StatusCause } from '../api/status.ts';

/** 'pods', 'deployments.apps': a resource as messages name it. */
export const qualified = (row: KindRow): string => (row.group === '' ? row.plural : `${row.plural}.${row.group}`);

const details = (row: KindRow, name: string, more: Status['details'] = {}): Status['details'] => ({
  name,
  ...(row.group === '' ? {} : { group: row.group }),
  kind: row.plural,
  ...more,
});

export const notFound = (row: KindRow, name: string): ApiError =>
  failure(404, 'NotFound', `${qualified(row)} "${name}" not found`, details(row, name));

export const alreadyExists = (row: KindRow, name: string): ApiError =>
  failure(409, 'AlreadyExists', `${qualified(row)} "${name}" already exists`, details(row, name));

export const conflict = (row: KindRow, name: string, why: string): ApiError =>
  failure(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(row)} "${name}": ${why}`, details(row, name));

export const staleWrite = (row: KindRow, name: string): ApiError =>
  conflict(row, name, 'the object has been modified; please apply your changes to the latest version and try again');

export const uidMismatch = (row: KindRow, name: string, wanted: string, found: string): ApiError =>
  conflict(row, name, `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found}`);

export const forbidden = (row: KindRow, name: string, why: string, causes?: StatusCause[]): ApiError =>
  failure(
    403,
    'Forbidden',
    `${qualified(row)} "${name}" is forbidden: ${why}`,
    details(row, name, causes ? { causes } : {}),
  );

export const badRequest = (message: string): ApiError => failure(400, 'BadRequest', message);

export const noSuchResource = (): ApiError =>
  failure(404, 'NotFound', 'the server could not find the requested resource', {});

export const methodNotAllowed = (): ApiError =>
  failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

export const unauthorized = (): ApiError => failure(401, 'Unauthorized', 'Unauthorized');

export const unsupportedMediaType = (accepted: readonly string[]): ApiError =>
  failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );

export const notAcceptable = (accepted: readonly string[]): ApiError =>
  failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);

export const bodyTooLarge = (limit: number): ApiError =>
  failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);

export const expired = (message: string): ApiError => failure(410, 'Expired', message);

export const internal = (message: string): ApiError =>
  failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });

/** The revision asked for is not reached yet: upstream lets the caller try again a second later. */
export const futureRevision = (asked: string, current: number): ApiError =>
  failure(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });

/** A body or patch that is well-formed but cannot be done, for objects that have no kind of their own. */
export const unprocessable = (message: string, causes?: StatusCause[]): ApiError =>
  // kubectl says the message only where there are no causes, and a cause only with its field.
  failure(422, 'Invalid', message, causes ? { causes } : {});

/** meta/v1 Status of a call that worked and has no object to answer with. */
export const success = (row: KindRow | undefined, name: string | undefined, uid?: string): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  ...(row === undefined
    ? {}
    : {
        details: {
          ...(name === undefined ? {} : { name }),
          ...(row.group === '' ? {} : { group: row.group }),
          kind: row.plural,
          ...(uid === undefined ? {} : { uid }),
        },
      }),
  code: 200,
});

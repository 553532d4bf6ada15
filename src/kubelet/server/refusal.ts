// A refusal of the kubelet as the Status object that ends up at the user: the API server hands it on as it is.
import type { Status } from '../../api/status.ts';

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  422: 'Invalid',
  500: 'InternalError',
};

export function refusalStatus(code: number, message: string): { headers: Record<string, string>; body: string } {
  const status: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: code === 500 ? `Internal error occurred: ${message}` : message,
    ...(reasons[code] ? { reason: reasons[code] } : {}),
    code,
  };
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(status) };
}

// Probes and lifecycle hooks: what a handler may be, and when it runs.
import type { core } from '../types.ts';
import { type Errors, forbidden, formatErrors, invalidValue, nonNegative, notSupported, required } from './field.ts';
import { isPortName, isPortNumber } from './names.ts';

/** kubernetes-types 1.30 lacks nothing here but `sleep`'s zero. */
type Handler = core.LifecycleHandler & Pick<core.Probe, 'grpc'>;

/** A number, or the name of a container port. */
export function* portErrors(field: string, port: number | string | undefined): Errors {
  if (typeof port === 'string') yield* formatErrors(field, port, isPortName(port));
  else yield* formatErrors(field, port ?? 0, isPortNumber(port ?? 0));
}

function* httpGetErrors(field: string, { path, port, scheme, httpHeaders }: core.HTTPGetAction): Errors {
  if (!path) yield required(`${field}.path`);
  yield* portErrors(`${field}.port`, port);
  if (scheme !== 'HTTP' && scheme !== 'HTTPS') yield notSupported(`${field}.scheme`, scheme ?? '', ['HTTP', 'HTTPS']);
  for (const [index, { name = '' }] of (httpHeaders ?? []).entries()) {
    if (!/^[-A-Za-z0-9]+$/.test(name)) {
      yield invalidValue(
        `${field}.httpHeaders[${index}].name`,
        name,
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
      );
    }
  }
}

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

function* handlerErrors(field: string, handler: Handler, graceSeconds: number): Errors {
  const present = HANDLERS.filter((name) => handler[name] !== undefined);
  if (present.length === 0) yield required(field, 'must specify a handler type');
  for (const extra of present.slice(1)) {
    yield forbidden(`${field}.${extra}`, 'may not specify more than 1 handler type');
  }
  switch (present[0]) {
    case 'exec':
      if (!handler.exec?.command?.length) yield required(`${field}.exec.command`);
      break;
    case 'httpGet':
      if (handler.httpGet) yield* httpGetErrors(`${field}.httpGet`, handler.httpGet);
      break;
    case 'tcpSocket':
      yield* portErrors(`${field}.tcpSocket.port`, handler.tcpSocket?.port);
      break;
    case 'grpc':
      yield* portErrors(`${field}.grpc.port`, handler.grpc?.port);
      break;
    case 'sleep': {
      const seconds = handler.sleep?.seconds ?? 0;
      if (seconds < 0 || seconds > graceSeconds) {
        yield invalidValue(
          `${field}.sleep.seconds`,
          seconds,
          `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`,
        );
      }
      break;
    }
    case undefined:
      break;
  }
}

const TIMES = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

export function* probeErrors(
  field: string,
  probe: core.Probe | undefined,
  role: 'liveness' | 'readiness' | 'startup',
  graceSeconds: number,
): Errors {
  if (!probe) return;
  yield* handlerErrors(field, probe, graceSeconds);
  for (const name of TIMES) yield* nonNegative(`${field}.${name}`, probe[name]);
  const grace = probe.terminationGracePeriodSeconds;
  if (role === 'readiness') {
    if (grace !== undefined) {
      yield invalidValue(`${field}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes');
    }
    return;
  }
  if (grace !== undefined && grace <= 0) {
    yield invalidValue(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than 0');
  }
  if (probe.successThreshold !== 1)
    yield invalidValue(`${field}.successThreshold`, probe.successThreshold ?? 0, 'must be 1');
}

export function* lifecycleErrors(field: string, lifecycle: core.Lifecycle | undefined, graceSeconds: number): Errors {
  if (lifecycle?.postStart) yield* handlerErrors(`${field}.postStart`, lifecycle.postStart, graceSeconds);
  if (lifecycle?.preStop) yield* handlerErrors(`${field}.preStop`, lifecycle.preStop, graceSeconds);
}

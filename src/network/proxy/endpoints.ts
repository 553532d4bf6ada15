// EndpointSlices of one Service -> the endpoints that a port of it sends to, as upstream chooses them.
import type { EndpointSlice } from '../../api/types.ts';
import { ipv4Number } from '../../lib/ip.ts';

export interface Endpoint {
  readonly ip: string;
  /** The endpoint's own: a named target port may differ from pod to pod. */
  readonly port: number;
  readonly local: boolean;
}

/** Endpoints for a Service port (by its name and protocol, which slices repeat), in a fixed order and without doubles. */
export interface EndpointChoice {
  readonly cluster: readonly Endpoint[];
  /** Of the traffic policy Local. */
  readonly local: readonly Endpoint[];
}

export function chooseEndpoints(
  slices: readonly EndpointSlice[],
  portName: string,
  protocol: string,
  nodeName: string,
): EndpointChoice {
  const ready = new Map<string, Endpoint>();
  const terminating = new Map<string, Endpoint>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const port = slice.ports?.find((p) => (p.name ?? '') === portName && (p.protocol ?? 'TCP') === protocol)?.port;
    if (port === undefined) continue;
    for (const { addresses, conditions, nodeName: at } of slice.endpoints ?? []) {
      // The API allows several addresses; their meaning was never defined, and upstream reads the first.
      const ip = addresses[0];
      if (ip === undefined) continue;
      const endpoint = { ip, port, local: at === nodeName };
      // Absent means unknown, which counts as ready; and who does not say `serving` serves while ready.
      const isReady = conditions?.ready ?? true;
      if (isReady) ready.set(`${ip}:${port}`, endpoint);
      else if ((conditions?.serving ?? isReady) && conditions?.terminating) terminating.set(`${ip}:${port}`, endpoint);
    }
  }
  // Where no endpoint is ready, those that still serve while they terminate are better than a refusal (KEP-1669).
  const orTerminating = (wanted: (endpoint: Endpoint) => boolean): Endpoint[] => {
    const first = [...ready.values()].filter(wanted);
    return inOrder(first.length > 0 ? first : [...terminating.values()].filter(wanted));
  };
  return { cluster: orTerminating(() => true), local: orTerminating(({ local }) => local) };
}

const order = (ip: string): number => ipv4Number(ip) ?? 0;
const inOrder = (endpoints: Endpoint[]): Endpoint[] =>
  endpoints.length < 2 ? endpoints : endpoints.sort((a, b) => order(a.ip) - order(b.ip) || a.port - b.port);

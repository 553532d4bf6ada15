// One Service and its EndpointSlices -> the names it stands for. Kubernetes DNS specification 1.1.0, sections 2.3 to 2.5;
// what goes beyond it (and is in CoreDNS) is marked "extra".
import { tryIp } from '../../lib/ip.ts';
import { reverseName } from './reverse.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { isName } from './name.ts';
import type { RecordData } from './record.ts';

/** Names in lower case, each with its records. */
export type Publication = ReadonlyMap<string, readonly RecordData[]>;

interface Endpoint {
  /** First label of the endpoint's own name. */
  readonly label: string;
  readonly addresses: readonly string[];
}

type Slices = Iterable<EndpointSlice>;

export function serviceRecords(service: Service, slices: Slices, domain: string): Publication {
  const { spec, metadata } = service;
  const name = `${metadata.name}.${metadata.namespace}.svc.${domain}`.toLowerCase();
  const out = new Publisher();
  if (spec.type === 'ExternalName') {
    const target = (spec.externalName ?? '').replace(/\.$/, '');
    if (target !== '' && isName(target)) out.add(name, { type: 'CNAME', target });
    return out.names();
  }
  const clusterIps = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== '');
  if (clusterIps.includes('None')) headless(out, service, slices, name);
  else if (clusterIps.length > 0) clusterIp(out, service, slices, name, clusterIps);
  return out.names();
}

function clusterIp(out: Publisher, service: Service, slices: Slices, name: string, ips: readonly string[]): void {
  for (const ip of ips) {
    out.address(name, ip);
    out.pointer(ip, name);
  }
  for (const port of service.spec.ports ?? []) {
    if (port.name) out.add(srvName(port.name, port.protocol, name), srv(port.port, name));
  }
  // Extra: pods of a StatefulSet whose Service is not headless have names too.
  for (const slice of slices) for (const e of readyEndpoints(service, slice)) out.endpoint(e, name);
}

function headless(out: Publisher, service: Service, slices: Slices, name: string): void {
  for (const slice of slices) {
    for (const e of readyEndpoints(service, slice)) {
      const own = out.endpoint(e, name);
      for (const ip of e.addresses) {
        out.address(name, ip);
        out.pointer(ip, own);
      }
      for (const port of slice.ports ?? []) {
        // A slice's port without a number means every port: there is none to publish.
        if (port.name && port.port) out.add(srvName(port.name, port.protocol, name), srv(port.port, own));
      }
    }
  }
}

/** Unknown readiness counts as ready (discovery/v1); a Service may ask for all. */
function readyEndpoints(service: Service, slice: EndpointSlice): readonly Endpoint[] {
  // FQDN slices have no addresses for DNS to publish (deprecated upstream; CoreDNS leaves them out too).
  if (slice.addressType === 'FQDN') return [];
  const all = service.spec.publishNotReadyAddresses === true;
  return slice.endpoints
    .filter((e) => all || e.conditions?.ready !== false)
    .map((e) => ({ label: e.hostname || dashed(e.addresses[0] ?? ''), addresses: e.addresses }));
}

const dashed = (ip: string): string => ip.replace(/[.:]/g, '-');

const srvName = (port: string, protocol: string | undefined, service: string): string =>
  `_${port}._${protocol ?? 'TCP'}.${service}`.toLowerCase();

const srv = (port: number, target: string): RecordData => ({ type: 'SRV', priority: 0, weight: 100, port, target });

class Publisher {
  private readonly byName = new Map<string, Map<string, RecordData>>();

  /** The same record from two slices (an endpoint moving from one to the other) is one record. */
  add(name: string, data: RecordData): void {
    if (!isName(name)) return;
    let records = this.byName.get(name);
    if (!records) this.byName.set(name, (records = new Map()));
    records.set(JSON.stringify(data), data);
  }

  address(name: string, address: string): void {
    const bytes = tryIp(address);
    if (bytes) this.add(name, { type: bytes.length === 4 ? 'A' : 'AAAA', address });
  }

  pointer(address: string, target: string): void {
    const name = reverseName(address);
    if (name) this.add(name, { type: 'PTR', target });
  }

  /** The endpoint's own name, with its addresses. */
  endpoint(e: Endpoint, service: string): string {
    const own = `${e.label}.${service}`.toLowerCase();
    for (const ip of e.addresses) this.address(own, ip);
    return own;
  }

  /** Sorted, so that equal objects give equal records whatever order they came in. */
  names(): Publication {
    const out = new Map<string, readonly RecordData[]>();
    for (const [name, records] of this.byName) {
      const keys = [...records.keys()].sort();
      out.set(
        name,
        keys.map((key) => records.get(key)!),
      );
    }
    return out;
  }
}

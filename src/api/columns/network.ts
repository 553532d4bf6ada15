// Service, Endpoints, EndpointSlice, NetworkPolicy.
import type { Endpoints, EndpointSlice, NetworkPolicy, Service } from '../types.ts';
import { AGE, type Column, column, firstFew, formatLabels, formatSelector, NAME, NONE, wide } from './column.ts';

function externalIp({ spec, status }: Service): string {
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  const own = spec.externalIPs ?? [];
  if (spec.type !== 'LoadBalancer') return own.length > 0 ? own.join(',') : NONE;
  const given = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip || hostname || []);
  const all = [...given, ...own];
  return all.length > 0 ? all.join(',') : '<pending>';
}

function servicePorts({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return ports.length > 0 ? ports.join(',') : NONE;
}

export const SERVICE: readonly Column<Service>[] = [
  NAME,
  column('Type', 'How the Service can be reached.', ({ spec }) => spec.type),
  column('Cluster-IP', 'Its address inside the cluster.', ({ spec }) => spec.clusterIPs?.[0] || spec.clusterIP || NONE),
  column('External-IP', 'Its addresses outside.', externalIp),
  column('Port(s)', 'Ports, with the port on every node after a colon.', servicePorts),
  AGE,
  wide('Selector', 'Labels of the pods behind it.', ({ spec }) => formatLabels(spec.selector)),
];

const bracketed = (ip: string): string => (ip.includes(':') ? `[${ip}]` : ip);

function endpointsCell({ subsets }: Endpoints): string {
  const all = (subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => `${bracketed(ip)}:${port}`)),
  );
  return firstFew(all, NONE);
}

export const ENDPOINTS: readonly Column<Endpoints>[] = [
  NAME,
  column('Endpoints', 'Addresses with their ports.', endpointsCell),
  AGE,
];

const UNSET = '<unset>';

export const ENDPOINT_SLICE: readonly Column<EndpointSlice>[] = [
  NAME,
  column('AddressType', 'Kind of the addresses.', ({ addressType }) => addressType),
  column('Ports', 'Ports of every endpoint.', ({ ports }) =>
    firstFew(
      (ports ?? []).map(({ port }) => (port === undefined ? '*' : String(port))),
      UNSET,
    ),
  ),
  column('Endpoints', 'Addresses.', ({ endpoints }) =>
    firstFew(
      (endpoints ?? []).flatMap(({ addresses }) => addresses),
      UNSET,
    ),
  ),
  AGE,
];

export const NETWORK_POLICY: readonly Column<NetworkPolicy>[] = [
  NAME,
  column('Pod-Selector', 'Pods that it applies to.', ({ spec }) => formatSelector(spec?.podSelector)),
  AGE,
];

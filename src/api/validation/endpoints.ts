// Endpoints and EndpointSlices: addresses behind a Service.
import { isIp, isIpv4, isIpv6 } from '../../lib/ip.ts';
import type { core, discovery, Endpoints, EndpointSlice } from '../types.ts';
import { protocolErrors } from './container.ts';
import {
  duplicate,
  type Errors,
  formatErrors,
  IMMUTABLE,
  invalidValue,
  notSupported,
  required,
  tooMany,
} from './field.ts';
import { isDns1123Label, isDns1123Subdomain, isPortNumber, isQualifiedName } from './names.ts';
import { IP_FORMAT } from './podspec.ts';

/** Addresses that would lead a client into its own machine, or nowhere. */
const SPECIAL: readonly [RegExp, string][] = [
  [/^(0\.0\.0\.0|::)$/, 'may not be unspecified (0.0.0.0 or ::)'],
  [/^(127\..*|::1)$/, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  [/^(169\.254\..*|fe[89ab].*)$/i, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  [/^(224\.0\.0\..*|ff02:.*)$/i, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
];

function* endpointIpErrors(field: string, ip: string): Errors {
  for (const [pattern, sentence] of SPECIAL) if (pattern.test(ip)) yield invalidValue(field, ip, sentence);
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;

function* addressErrors(field: string, address: string, type: string): Errors {
  if (type === 'FQDN') yield* formatErrors(field, address, isDns1123Subdomain(address));
  else if (type === 'IPv4' && !isIpv4(address)) yield invalidValue(field, address, 'must be an IPv4 address');
  else if (type === 'IPv6' && !isIpv6(address)) yield invalidValue(field, address, 'must be an IPv6 address');
  else yield* endpointIpErrors(field, address);
}

function* endpointErrors(field: string, endpoint: discovery.Endpoint, type: string): Errors {
  const addresses = endpoint.addresses ?? [];
  if (addresses.length === 0) yield required(`${field}.addresses`, 'must contain at least 1 address');
  if (addresses.length > MAX_ADDRESSES) yield tooMany(`${field}.addresses`, addresses.length, MAX_ADDRESSES);
  for (const [index, address] of addresses.entries()) {
    yield* addressErrors(`${field}.addresses[${index}]`, address, type);
  }
  const { hostname, nodeName } = endpoint;
  if (hostname) yield* formatErrors(`${field}.hostname`, hostname, isDns1123Label(hostname));
  if (nodeName) yield* formatErrors(`${field}.nodeName`, nodeName, isDns1123Subdomain(nodeName));
}

function* slicePortErrors(ports: readonly discovery.EndpointPort[]): Errors {
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `ports[${index}]`;
    const name = port.name ?? '';
    if (name !== '') yield* formatErrors(`${at}.name`, name, isDns1123Label(name));
    if (names.has(name)) yield duplicate(`${at}.name`, name);
    names.add(name);
    yield* protocolErrors(`${at}.protocol`, port.protocol);
    if (port.port !== undefined) yield* formatErrors(`${at}.port`, port.port, isPortNumber(port.port));
    if (port.appProtocol) yield* formatErrors(`${at}.appProtocol`, port.appProtocol, isQualifiedName(port.appProtocol));
  }
}

export function* endpointSliceErrors(slice: Partial<EndpointSlice>): Errors {
  const { addressType, endpoints = [], ports = [] } = slice;
  if (!addressType) yield required('addressType');
  else if (!ADDRESS_TYPES.includes(addressType)) yield notSupported('addressType', addressType, ADDRESS_TYPES);
  if (endpoints.length > MAX_ENDPOINTS) yield tooMany('endpoints', endpoints.length, MAX_ENDPOINTS);
  for (const [index, endpoint] of endpoints.entries()) {
    yield* endpointErrors(`endpoints[${index}]`, endpoint, addressType ?? '');
  }
  yield* slicePortErrors(ports);
}

export function* endpointSliceUpdateErrors(slice: EndpointSlice, old: EndpointSlice): Errors {
  if (slice.addressType !== old.addressType) yield invalidValue('addressType', slice.addressType, IMMUTABLE);
}

function* subsetAddressErrors(field: string, addresses: readonly core.EndpointAddress[] | undefined): Errors {
  for (const [index, { ip = '', hostname, nodeName }] of (addresses ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (!isIp(ip)) yield invalidValue(`${at}.ip`, ip, IP_FORMAT);
    else yield* endpointIpErrors(`${at}.ip`, ip);
    if (hostname) yield* formatErrors(`${at}.hostname`, hostname, isDns1123Label(hostname));
    if (nodeName) yield* formatErrors(`${at}.nodeName`, nodeName, isDns1123Subdomain(nodeName));
  }
}

export function* endpointsErrors({ subsets }: Endpoints): Errors {
  for (const [index, { addresses, notReadyAddresses, ports = [] }] of (subsets ?? []).entries()) {
    const at = `subsets[${index}]`;
    if (!addresses?.length && !notReadyAddresses?.length) {
      yield required(at, 'must specify `addresses` or `notReadyAddresses`');
    }
    yield* subsetAddressErrors(`${at}.addresses`, addresses);
    yield* subsetAddressErrors(`${at}.notReadyAddresses`, notReadyAddresses);
    for (const [i, port] of ports.entries()) {
      const here = `${at}.ports[${i}]`;
      if (port.name) yield* formatErrors(`${here}.name`, port.name, isDns1123Label(port.name));
      else if (ports.length > 1) yield required(`${here}.name`);
      yield* formatErrors(`${here}.port`, port.port ?? 0, isPortNumber(port.port ?? 0));
      yield* protocolErrors(`${here}.protocol`, port.protocol);
    }
  }
}

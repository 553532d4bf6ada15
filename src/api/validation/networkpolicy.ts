// NetworkPolicy: whom it selects, and the peers and ports of its rules.
import type { networking, NetworkPolicy } from '../types.ts';
import { PROTOCOLS } from './container.ts';
import { type Errors, forbidden, invalidValue, notSupported, required } from './field.ts';
import { isIpv4, parseCidr } from './names.ts';
import { portErrors } from './probe.ts';
import { labelSelectorErrors } from './selector.ts';

const CIDR_FORMAT = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** The bits of an address as text, so that 'is within' is 'starts with'. */
function addressBits(ip: string): string {
  const binary = (value: number, width: number): string => value.toString(2).padStart(width, '0');
  if (isIpv4(ip)) {
    return ip
      .split('.')
      .map((part) => binary(Number(part), 8))
      .join('');
  }
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip);
  const text = dotted
    ? `${dotted[1]}${(Number(dotted[2]) * 256 + Number(dotted[3])).toString(16)}:${(Number(dotted[4]) * 256 + Number(dotted[5])).toString(16)}`
    : ip;
  const [head = '', tail] = text.split('::');
  const groups = (part: string | undefined): string[] => (part ? part.split(':') : []);
  const [left, right] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].map((group) => binary(Number.parseInt(group, 16), 16)).join('');
}

type Cidr = NonNullable<ReturnType<typeof parseCidr>>;
const isStrictlyWithin = (inner: Cidr, outer: Cidr): boolean =>
  inner.family === outer.family &&
  inner.bits > outer.bits &&
  addressBits(inner.ip).startsWith(addressBits(outer.ip).slice(0, outer.bits));

function* ipBlockErrors(field: string, { cidr, except }: networking.IPBlock): Errors {
  if (!cidr) {
    yield required(`${field}.cidr`);
    return;
  }
  const outer = parseCidr(cidr);
  if (!outer) {
    yield invalidValue(`${field}.cidr`, cidr, CIDR_FORMAT);
    return;
  }
  for (const [index, text] of (except ?? []).entries()) {
    const at = `${field}.except[${index}]`;
    const inner = parseCidr(text);
    if (!inner) yield invalidValue(at, text, CIDR_FORMAT);
    else if (!isStrictlyWithin(inner, outer)) yield invalidValue(at, text, 'must be a strict subset of `cidr`');
  }
}

function* peerErrors(field: string, { podSelector, namespaceSelector, ipBlock }: networking.NetworkPolicyPeer): Errors {
  if (!podSelector && !namespaceSelector && !ipBlock) yield required(field, 'must specify a peer');
  if (ipBlock && (podSelector || namespaceSelector)) {
    yield forbidden(field, 'may not specify both ipBlock and another peer');
  }
  yield* labelSelectorErrors(`${field}.podSelector`, podSelector);
  yield* labelSelectorErrors(`${field}.namespaceSelector`, namespaceSelector);
  if (ipBlock) yield* ipBlockErrors(`${field}.ipBlock`, ipBlock);
}

function* policyPortErrors(field: string, { protocol, port, endPort }: networking.NetworkPolicyPort): Errors {
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) {
    yield notSupported(`${field}.protocol`, protocol, PROTOCOLS);
  }
  if (port === undefined) {
    if (endPort !== undefined) {
      yield invalidValue(`${field}.endPort`, endPort, 'may not be specified when `port` is not specified');
    }
    return;
  }
  yield* portErrors(`${field}.port`, port);
  if (endPort === undefined) return;
  if (typeof port === 'string') {
    yield invalidValue(`${field}.endPort`, endPort, 'may not be specified when `port` is non-numeric');
  } else if (endPort < port) {
    yield invalidValue(`${field}.endPort`, endPort, 'must be greater than or equal to `port`');
  } else yield* portErrors(`${field}.endPort`, endPort);
}

export function* networkPolicyErrors({ spec }: NetworkPolicy): Errors {
  yield* labelSelectorErrors('spec.podSelector', spec?.podSelector);
  const rules = [
    ...(spec?.ingress ?? []).map((rule, i) => ({
      at: `spec.ingress[${i}]`,
      ports: rule.ports,
      peers: rule.from,
      side: 'from',
    })),
    ...(spec?.egress ?? []).map((rule, i) => ({
      at: `spec.egress[${i}]`,
      ports: rule.ports,
      peers: rule.to,
      side: 'to',
    })),
  ];
  for (const { at, ports, peers, side } of rules) {
    for (const [index, port] of (ports ?? []).entries()) yield* policyPortErrors(`${at}.ports[${index}]`, port);
    for (const [index, peer] of (peers ?? []).entries()) yield* peerErrors(`${at}.${side}[${index}]`, peer);
  }
  const types = spec?.policyTypes ?? [];
  if (types.length > 2) {
    yield invalidValue('spec.policyTypes', types, 'may not specify more than two policyTypes');
    return;
  }
  for (const [index, type] of types.entries()) {
    if (type !== 'Ingress' && type !== 'Egress') {
      yield notSupported(`spec.policyTypes[${index}]`, type, ['Egress', 'Ingress']);
    }
  }
}

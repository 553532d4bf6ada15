// NetworkPolicy: whom it selects, and the peers and ports of its rules.
import { type Cidr, covers, tryCidr } from '../../lib/ip.ts';
import type { networking, NetworkPolicy } from '../types.ts';
import { PROTOCOLS } from './container.ts';
import { type Errors, forbidden, invalidValue, notSupported, required } from './field.ts';
import { portErrors } from './probe.ts';
import { labelSelectorErrors } from './selector.ts';

const CIDR_FORMAT = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

const isStrictlyWithin = (inner: Cidr, outer: Cidr): boolean => covers(outer, inner) && inner.prefix > outer.prefix;

function* ipBlockErrors(field: string, { cidr, except }: networking.IPBlock): Errors {
  if (!cidr) {
    yield required(`${field}.cidr`);
    return;
  }
  const outer = tryCidr(cidr);
  if (!outer) {
    yield invalidValue(`${field}.cidr`, cidr, CIDR_FORMAT);
    return;
  }
  for (const [index, text] of (except ?? []).entries()) {
    const at = `${field}.except[${index}]`;
    const inner = tryCidr(text);
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

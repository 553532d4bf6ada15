// Services: ports and their names, cluster IPs, and what each type allows.
import { isIp } from '../../lib/ip.ts';
import type { core, Service } from '../types.ts';
import { protocolErrors } from './container.ts';
import { duplicate, type Errors, forbidden, formatErrors, invalidValue, notSupported, required } from './field.ts';
import { labelErrors } from './metadata.ts';
import { isDns1123Label, isDns1123Subdomain, isPortNumber, isQualifiedName } from './names.ts';
import { IP_FORMAT } from './podspec.ts';
import { portErrors } from './probe.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const AFFINITIES = ['ClientIP', 'None'];
const TRAFFIC_POLICIES = ['Cluster', 'Local'];

const hasNodePorts = (spec: core.ServiceSpec): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer';
/** clusterIP and clusterIPs are two views of one field; either may be the one that is set. */
const clusterIps = (spec: core.ServiceSpec): string[] =>
  spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];

function* servicePortErrors(field: string, port: core.ServicePort, spec: core.ServiceSpec, needName: boolean): Errors {
  if (port.name) yield* formatErrors(`${field}.name`, port.name, isDns1123Label(port.name));
  else if (needName) yield required(`${field}.name`);
  yield* formatErrors(`${field}.port`, port.port ?? 0, isPortNumber(port.port ?? 0));
  yield* protocolErrors(`${field}.protocol`, port.protocol);
  yield* portErrors(`${field}.targetPort`, port.targetPort);
  if (port.appProtocol)
    yield* formatErrors(`${field}.appProtocol`, port.appProtocol, isQualifiedName(port.appProtocol));
  if (port.nodePort) {
    if (hasNodePorts(spec)) yield* formatErrors(`${field}.nodePort`, port.nodePort, isPortNumber(port.nodePort));
    else yield forbidden(`${field}.nodePort`, `may not be used when \`type\` is '${spec.type}'`);
  }
}

function* portsErrors(spec: core.ServiceSpec): Errors {
  const ports = spec.ports ?? [];
  const headless = clusterIps(spec)[0] === 'None';
  if (ports.length === 0 && !headless && spec.type !== 'ExternalName') yield required('spec.ports');
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    yield* servicePortErrors(at, port, spec, ports.length > 1);
    if (port.name && names.has(port.name)) yield duplicate(`${at}.name`, port.name);
    if (port.name) names.add(port.name);
    const key = `${port.protocol}/${port.port}`;
    if (numbers.has(key)) yield duplicate(at, { protocol: port.protocol, port: port.port });
    numbers.add(key);
    if (!port.nodePort) continue;
    const nodeKey = `${port.protocol}/${port.nodePort}`;
    if (nodePorts.has(nodeKey)) yield duplicate(`${at}.nodePort`, port.nodePort);
    nodePorts.add(nodeKey);
  }
}

function* addressErrors(spec: core.ServiceSpec): Errors {
  const ips = clusterIps(spec);
  if (spec.type === 'ExternalName') {
    if (ips.length > 0) yield forbidden('spec.clusterIPs', 'may not be set for ExternalName services');
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    if (name === '') yield required('spec.externalName');
    else yield* formatErrors('spec.externalName', spec.externalName, isDns1123Subdomain(name));
    return;
  }
  if (ips[0] === 'None') {
    if (hasNodePorts(spec)) {
      yield invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`);
    }
  } else {
    for (const [index, ip] of ips.entries()) {
      if (!isIp(ip)) yield invalidValue(`spec.clusterIPs[${index}]`, ip, IP_FORMAT);
    }
  }
  if (spec.clusterIP && spec.clusterIPs?.length && spec.clusterIPs[0] !== spec.clusterIP) {
    yield invalidValue('spec.clusterIPs', spec.clusterIPs, 'first value must match `clusterIP`');
  }
}

function* policyErrors(spec: core.ServiceSpec): Errors {
  const { sessionAffinity, internalTrafficPolicy: internal, externalTrafficPolicy: external } = spec;
  if (!sessionAffinity) yield required('spec.sessionAffinity');
  else if (!AFFINITIES.includes(sessionAffinity)) {
    yield notSupported('spec.sessionAffinity', sessionAffinity, AFFINITIES);
  }
  if (internal && !TRAFFIC_POLICIES.includes(internal)) {
    yield notSupported('spec.internalTrafficPolicy', internal, TRAFFIC_POLICIES);
  }
  if (!external) return;
  if (!hasNodePorts(spec)) {
    yield invalidValue('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services');
  } else if (!TRAFFIC_POLICIES.includes(external)) {
    yield notSupported('spec.externalTrafficPolicy', external, TRAFFIC_POLICIES);
  }
}

export function* serviceErrors(service: Service): Errors {
  const spec = service.spec ?? {};
  yield* portsErrors(spec);
  yield* addressErrors(spec);
  yield* labelErrors('spec.selector', spec.selector);
  yield* policyErrors(spec);
  if (spec.type !== 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== undefined) {
    yield forbidden('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'");
  }
  if (!spec.type) yield required('spec.type');
  else if (!TYPES.includes(spec.type)) yield notSupported('spec.type', spec.type, TYPES);
}

export function* serviceUpdateErrors({ spec }: Service, { spec: old }: Service): Errors {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return;
  const [now, before] = [clusterIps(spec), clusterIps(old)];
  if (now.length > 0 && before.length > 0 && now[0] !== before[0]) {
    yield invalidValue('spec.clusterIPs[0]', now, 'may not change once set');
  }
}

// Defaults of Service, Endpoints, EndpointSlice and NetworkPolicy.
import type { Endpoints, EndpointSlice, NetworkPolicy, Service } from '../types.ts';
import { fill } from './fill.ts';

/** Addresses and node ports are the allocator's: they depend on what is taken. */
export function serviceDefaults(service: Service): void {
  const { spec } = service;
  if (!spec) return;
  fill(spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP') {
    fill(spec, { sessionAffinityConfig: {} });
    fill(spec.sessionAffinityConfig ?? {}, { clientIP: {} });
    fill(spec.sessionAffinityConfig?.clientIP ?? {}, { timeoutSeconds: 10_800 });
  }
  for (const port of spec.ports ?? []) {
    fill(port, { protocol: 'TCP' });
    if (!port.targetPort) port.targetPort = port.port;
  }
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') fill(spec, { externalTrafficPolicy: 'Cluster' });
  if (spec.type === 'LoadBalancer') fill(spec, { allocateLoadBalancerNodePorts: true });
  if (spec.type !== 'ExternalName') {
    fill(spec, { internalTrafficPolicy: 'Cluster', ipFamilyPolicy: 'SingleStack' });
    if (!spec.ipFamilies?.length) spec.ipFamilies = ['IPv4'];
  }
  service.status ??= {};
  fill(service.status, { loadBalancer: {} });
}

export function endpointsDefaults({ subsets }: Endpoints): void {
  for (const subset of subsets ?? []) for (const port of subset.ports ?? []) fill(port, { protocol: 'TCP' });
}

export function endpointSliceDefaults({ ports }: EndpointSlice): void {
  // The name is never absent: clients compare it to a Service port's, whose absent name is "".
  for (const port of ports ?? []) fill(port, { name: '', protocol: 'TCP' });
}

export function networkPolicyDefaults({ spec }: NetworkPolicy): void {
  if (!spec) return;
  // An absent list of types means: ingress always, egress when rules for it are there.
  if (!spec.policyTypes?.length) {
    spec.policyTypes = spec.egress && spec.egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  }
  fill(spec, { podSelector: {} });
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const port of rule.ports ?? []) fill(port, { protocol: 'TCP' });
  }
}

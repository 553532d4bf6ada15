// A container's variables: service links, envFrom, env with valueFrom and $(VAR). Pure; what is missing is an answer with a why.
import { base64Bytes } from '../lib/bytes.ts';
import type { ConfigMap, core, Pod, Secret, Service } from '../api/types.ts';
import type { Container } from './containers.ts';
import { containerResource, podField } from './downward.ts';
import type { NodeFacts } from './downward.ts';

export interface EnvSources extends NodeFacts {
  readonly podIps: readonly string[];
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
  /** Services of the pod's namespace, and default/kubernetes. */
  readonly services: readonly Service[];
}

export type EnvResult = { readonly env: ReadonlyMap<string, string> } | { readonly why: string };

class Missing extends Error {}

export function containerEnv(pod: Pod, container: Container, from: EnvSources): EnvResult {
  try {
    return { env: collect(pod, container, from) };
  } catch (e) {
    if (e instanceof Missing) return { why: e.message };
    throw e;
  }
}

function collect(pod: Pod, container: Container, from: EnvSources): Map<string, string> {
  const services = serviceEnv(pod, from.services);
  const env = new Map<string, string>();
  for (const source of container.envFrom ?? []) {
    for (const [key, value] of dataOf(source, from)) env.set(`${source.prefix ?? ''}${key}`, value);
  }
  for (const entry of container.env ?? []) {
    const value = valueOf(pod, container, entry, from, (text) => expand(text, env, services));
    if (value !== undefined) env.set(entry.name, value);
  }
  // What the pod says itself wins over the links.
  for (const [key, value] of services) if (!env.has(key)) env.set(key, value);
  return env;
}

function dataOf(source: core.EnvFromSource, from: EnvSources): [string, string][] {
  if (source.configMapRef) {
    const { name = '', optional } = source.configMapRef;
    const found = from.configMap(name);
    if (!found && !optional) throw new Missing(`configmap "${name}" not found`);
    return Object.entries(found?.data ?? {});
  }
  const { name = '', optional } = source.secretRef ?? {};
  const found = from.secret(name);
  if (!found && !optional) throw new Missing(`secret "${name}" not found`);
  return Object.entries(found?.data ?? {}).map(([key, value]) => [key, fromBase64(value)]);
}

const fromBase64 = (text: string): string => new TextDecoder().decode(base64Bytes(text));

function valueOf(
  pod: Pod,
  container: Container,
  entry: core.EnvVar,
  from: EnvSources,
  expanded: (text: string) => string,
): string | undefined {
  const source = entry.valueFrom;
  if (!source) return expanded(entry.value ?? '');
  if (source.fieldRef) return podField(pod, source.fieldRef.fieldPath, from, from.podIps);
  if (source.resourceFieldRef) return containerResource(pod, container, source.resourceFieldRef, from);
  if (source.configMapKeyRef) {
    const { name = '', key, optional } = source.configMapKeyRef;
    const found = from.configMap(name);
    const value = found?.data?.[key];
    if (value === undefined && !optional)
      throw new Missing(missingKey('configmap', 'ConfigMap', found, name, key, pod));
    return value;
  }
  if (source.secretKeyRef) {
    const { name = '', key, optional } = source.secretKeyRef;
    const found = from.secret(name);
    const value = found?.data?.[key];
    if (value === undefined && !optional) throw new Missing(missingKey('secret', 'Secret', found, name, key, pod));
    return value === undefined ? undefined : fromBase64(value);
  }
  throw new Missing(`variable "${entry.name}" has a source that is not supported: ${Object.keys(source).join(', ')}`);
}

const missingKey = (what: string, kind: string, found: unknown, name: string, key: string, pod: Pod): string =>
  found ? `couldn't find key ${key} in ${kind} ${pod.metadata.namespace}/${name}` : `${what} "${name}" not found`;

/** $(NAME) of an earlier variable; $$ is one $; what is not known stays as it stands. */
export function expand(text: string, ...known: ReadonlyMap<string, string>[]): string {
  return text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (match, name: string | undefined) => {
    if (match === '$$') return '$';
    for (const map of known) {
      const value = map.get(name ?? '');
      if (value !== undefined) return value;
    }
    return match;
  });
}

/** Addresses of Services that were there when the container started, as Docker links named them. */
export function serviceEnv(pod: Pod, services: readonly Service[]): Map<string, string> {
  const env = new Map<string, string>();
  for (const service of services) {
    const { clusterIP, ports = [] } = service.spec;
    const isKubernetes = service.metadata.namespace === 'default' && service.metadata.name === 'kubernetes';
    if (
      !isKubernetes &&
      (pod.spec.enableServiceLinks === false || service.metadata.namespace !== pod.metadata.namespace)
    )
      continue;
    if (!clusterIP || clusterIP === 'None' || ports.length === 0) continue;
    const prefix = service.metadata.name.toUpperCase().replaceAll('-', '_');
    const first = ports[0];
    env.set(`${prefix}_SERVICE_HOST`, clusterIP);
    env.set(`${prefix}_SERVICE_PORT`, String(first?.port));
    for (const port of ports) {
      if (port.name)
        env.set(`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`, String(port.port));
    }
    linkVariables(env, prefix, clusterIP, ports);
  }
  return env;
}

function linkVariables(env: Map<string, string>, prefix: string, ip: string, ports: readonly core.ServicePort[]): void {
  const host = ip.includes(':') ? `[${ip}]` : ip;
  for (const [i, port] of ports.entries()) {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${host}:${port.port}`;
    const link = `${prefix}_PORT_${port.port}_${protocol}`;
    if (i === 0) env.set(`${prefix}_PORT`, url);
    env.set(link, url);
    env.set(`${link}_PROTO`, protocol.toLowerCase());
    env.set(`${link}_PORT`, String(port.port));
    env.set(`${link}_ADDR`, ip);
  }
}

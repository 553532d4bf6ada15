// The spec of a pod or of a template.
import { isIp } from '../../lib/ip.ts';
import type { core } from '../types.ts';
import { containerErrors, idErrors, initContainerErrors, seccompErrors } from './container.ts';
import {
  duplicate,
  type Errors,
  forbidden,
  formatErrors,
  invalidValue,
  nonNegative,
  notSupported,
  required,
} from './field.ts';
import { annotationErrors, finalizerErrors, labelErrors } from './metadata.ts';
import { isDns1123Label, isDns1123Subdomain, isQualifiedName } from './names.ts';
import { nodeAffinityErrors, tolerationErrors } from './selector.ts';
import { volumeErrors } from './volume.ts';

export const IP_FORMAT = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

const RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];
const DNS_POLICIES = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];

function* containersErrors(field: string, spec: core.PodSpec): Errors {
  const context = {
    volumes: spec.volumes ?? [],
    graceSeconds: spec.terminationGracePeriodSeconds ?? 30,
    hostNetwork: spec.hostNetwork === true,
    hostUsers: spec.hostUsers !== false,
  };
  const names = new Set<string>();
  const containers = spec.containers ?? [];
  if (containers.length === 0) yield required(`${field}.containers`);
  for (const [list, all] of [
    ['containers', containers],
    ['initContainers', spec.initContainers ?? []],
  ] as const) {
    for (const [index, container] of all.entries()) {
      const at = `${field}.${list}[${index}]`;
      yield* containerErrors(at, container, context);
      if (list === 'initContainers') yield* initContainerErrors(at, container);
      if (container.name && names.has(container.name)) yield duplicate(`${at}.name`, container.name);
      names.add(container.name);
    }
  }
}

const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;

function* dnsErrors(field: string, { dnsPolicy, dnsConfig }: core.PodSpec): Errors {
  if (!dnsPolicy) yield required(`${field}.dnsPolicy`);
  else if (!DNS_POLICIES.includes(dnsPolicy)) yield notSupported(`${field}.dnsPolicy`, dnsPolicy, DNS_POLICIES);
  const at = `${field}.dnsConfig`;
  if (dnsPolicy === 'None') {
    if (!dnsConfig) yield required(at, 'must provide `dnsConfig` when `dnsPolicy` is None');
    else if (!dnsConfig.nameservers?.length) {
      yield required(`${at}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None');
    }
  }
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (nameservers.length > MAX_NAMESERVERS) {
    yield invalidValue(`${at}.nameservers`, nameservers, `must not have more than ${MAX_NAMESERVERS} nameservers`);
  }
  for (const [index, ip] of nameservers.entries()) {
    if (!isIp(ip)) yield invalidValue(`${at}.nameservers[${index}]`, ip, IP_FORMAT);
  }
  if (searches.length > MAX_SEARCHES) {
    yield invalidValue(`${at}.searches`, searches, `must not have more than ${MAX_SEARCHES} search paths`);
  }
  for (const [index, search] of searches.entries()) {
    // '.' alone is the root; names may be fully qualified and may have underscores.
    const name = search.replace(/\.$/, '').replaceAll('_', '-');
    if (search !== '.') yield* formatErrors(`${at}.searches[${index}]`, search, isDns1123Subdomain(name));
  }
  for (const [index, { name }] of options.entries()) {
    if (!name) yield required(`${at}.options[${index}]`, 'must not be empty');
  }
}

const MAX_SECONDS = 2 ** 31 - 1;

function* placementErrors(field: string, spec: core.PodSpec): Errors {
  yield* labelErrors(`${field}.nodeSelector`, spec.nodeSelector);
  if (spec.affinity?.nodeAffinity) {
    yield* nodeAffinityErrors(`${field}.affinity.nodeAffinity`, spec.affinity.nodeAffinity);
  }
  if (spec.nodeName) yield* formatErrors(`${field}.nodeName`, spec.nodeName, isDns1123Subdomain(spec.nodeName));
  yield* tolerationErrors(`${field}.tolerations`, spec.tolerations);
  const gates = new Set<string>();
  for (const [index, { name = '' }] of (spec.schedulingGates ?? []).entries()) {
    const at = `${field}.schedulingGates[${index}]`;
    yield* formatErrors(at, name, isQualifiedName(name));
    if (gates.has(name)) yield duplicate(at, name);
    gates.add(name);
  }
  if (gates.size > 0 && spec.nodeName) {
    yield forbidden(`${field}.nodeName`, 'cannot be set until all schedulingGates have been cleared');
  }
}

function* identityErrors(field: string, spec: core.PodSpec): Errors {
  const { serviceAccountName, hostname, subdomain } = spec;
  if (serviceAccountName) {
    yield* formatErrors(`${field}.serviceAccountName`, serviceAccountName, isDns1123Subdomain(serviceAccountName));
  }
  if (hostname) yield* formatErrors(`${field}.hostname`, hostname, isDns1123Label(hostname));
  if (subdomain) yield* formatErrors(`${field}.subdomain`, subdomain, isDns1123Label(subdomain));
  for (const [index, { ip, hostnames }] of (spec.hostAliases ?? []).entries()) {
    const at = `${field}.hostAliases[${index}]`;
    if (!isIp(ip ?? '')) yield invalidValue(`${at}.ip`, ip ?? '', IP_FORMAT);
    for (const name of hostnames ?? []) yield* formatErrors(`${at}.hostnames`, name, isDns1123Subdomain(name));
  }
  for (const [index, { conditionType = '' }] of (spec.readinessGates ?? []).entries()) {
    yield* formatErrors(
      `${field}.readinessGates[${index}].conditionType`,
      conditionType,
      isQualifiedName(conditionType),
    );
  }
}

const PREEMPTION_POLICIES = ['Never', 'PreemptLowerPriority'];
const FS_GROUP_POLICIES = ['Always', 'OnRootMismatch'];

function* securityErrors(field: string, context: core.PodSecurityContext): Errors {
  yield* idErrors(field, context as Readonly<Record<string, unknown>>);
  yield* seccompErrors(field, context.seccompProfile);
  const policy = context.fsGroupChangePolicy;
  if (policy !== undefined && !FS_GROUP_POLICIES.includes(policy)) {
    yield notSupported(`${field}.fsGroupChangePolicy`, policy, FS_GROUP_POLICIES);
  }
  for (const [index, { name = '' }] of (context.sysctls ?? []).entries()) {
    const at = `${field}.sysctls[${index}].name`;
    if (name === '') yield required(at);
    else if (!SYSCTL.test(name)) {
      yield invalidValue(at, name, `must have at most 253 characters and match regex ${SYSCTL.source.slice(1, -1)}`);
    }
  }
}

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;

/** field is 'spec' for a pod, 'spec.template.spec' for a template. */
export function* podSpecErrors(field: string, spec: core.PodSpec): Errors {
  yield* volumeErrors(`${field}.volumes`, spec.volumes ?? []);
  yield* containersErrors(field, spec);
  if (!spec.restartPolicy) yield required(`${field}.restartPolicy`);
  else if (!RESTART_POLICIES.includes(spec.restartPolicy)) {
    yield notSupported(`${field}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES);
  }
  yield* dnsErrors(field, spec);
  if (spec.securityContext) {
    yield* securityErrors(`${field}.securityContext`, spec.securityContext);
  }
  const { preemptionPolicy } = spec;
  if (preemptionPolicy && !PREEMPTION_POLICIES.includes(preemptionPolicy)) {
    yield notSupported(`${field}.preemptionPolicy`, preemptionPolicy, PREEMPTION_POLICIES);
  }
  yield* nonNegative(`${field}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds);
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > MAX_SECONDS)) {
    yield invalidValue(`${field}.activeDeadlineSeconds`, deadline, `must be between 1 and ${MAX_SECONDS}, inclusive`);
  }
  yield* placementErrors(field, spec);
  yield* identityErrors(field, spec);
}

/** Upstream's paths of a template's labels and annotations leave `metadata` out. */
export function* templateErrors(field: string, template: core.PodTemplateSpec | undefined): Errors {
  yield* labelErrors(`${field}.labels`, template?.metadata?.labels);
  yield* annotationErrors(`${field}.annotations`, template?.metadata?.annotations);
  yield* finalizerErrors(`${field}.finalizers`, template?.metadata?.finalizers);
  yield* podSpecErrors(`${field}.spec`, template?.spec ?? { containers: [] });
}

// One container: image, ports, environment, resources, probes, mounts.
import { parseQuantity } from '../quantity.ts';
import type { core } from '../types.ts';
import { duplicate, type Errors, forbidden, formatErrors, invalidValue, notSupported, required } from './field.ts';
import { isConfigKey, isDns1123Label, isEnvVarName, isPortName, isPortNumber, isQualifiedName } from './names.ts';
import { lifecycleErrors, probeErrors } from './probe.ts';
import { ENV_FIELDS, fieldRefErrors, resourceFieldErrors } from './reference.ts';
import { mountErrors } from './volume.ts';

/** What the pod around a container says that its rules need. */
export interface ContainerContext {
  readonly volumes: readonly core.Volume[];
  readonly graceSeconds: number;
  readonly hostNetwork: boolean;
  readonly hostUsers: boolean;
}

export const PROTOCOLS: readonly string[] = ['SCTP', 'TCP', 'UDP'];

export function* protocolErrors(field: string, protocol: string | undefined): Errors {
  if (!protocol) yield required(field);
  else if (!PROTOCOLS.includes(protocol)) yield notSupported(field, protocol, PROTOCOLS);
}

function* containerPortErrors(field: string, ports: readonly core.ContainerPort[], hostNetwork: boolean): Errors {
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `${field}[${index}]`;
    if (port.name) {
      yield* formatErrors(`${at}.name`, port.name, isPortName(port.name));
      if (names.has(port.name)) yield duplicate(`${at}.name`, port.name);
      names.add(port.name);
    }
    if (!port.containerPort) yield required(`${at}.containerPort`);
    else yield* formatErrors(`${at}.containerPort`, port.containerPort, isPortNumber(port.containerPort));
    if (port.hostPort) {
      yield* formatErrors(`${at}.hostPort`, port.hostPort, isPortNumber(port.hostPort));
      if (hostNetwork && port.hostPort !== port.containerPort) {
        yield invalidValue(
          `${at}.containerPort`,
          port.containerPort,
          'must match `hostPort` when `hostNetwork` is true',
        );
      }
    }
    yield* protocolErrors(`${at}.protocol`, port.protocol);
  }
}

const SOURCES = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'] as const;

function* valueFromErrors(field: string, { value, valueFrom }: core.EnvVar): Errors {
  if (!valueFrom) return;
  const present = SOURCES.filter((name) => (valueFrom as Record<string, unknown>)[name] !== undefined);
  if (present.length === 0) {
    const list = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    yield invalidValue(field, '', `must specify one of: ${list}`);
  }
  if (value) yield invalidValue(field, '', 'may not be specified when `value` is not empty');
  if (present.length > 1) yield invalidValue(field, '', 'may not have more than one field specified at a time');
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef) yield* fieldRefErrors(`${field}.fieldRef`, fieldRef, ENV_FIELDS);
  if (resourceFieldRef) yield* resourceFieldErrors(`${field}.resourceFieldRef`, resourceFieldRef, false);
  for (const [name, ref] of [
    ['configMapKeyRef', configMapKeyRef],
    ['secretKeyRef', secretKeyRef],
  ] as const) {
    if (!ref) continue;
    if (!ref.key) yield required(`${field}.${name}.key`);
    else yield* formatErrors(`${field}.${name}.key`, ref.key, isConfigKey(ref.key));
  }
}

function* envErrors(field: string, { env, envFrom }: core.Container): Errors {
  for (const [index, variable] of (env ?? []).entries()) {
    const at = `${field}.env[${index}]`;
    if (!variable.name) yield required(`${at}.name`);
    else yield* formatErrors(`${at}.name`, variable.name, isEnvVarName(variable.name));
    yield* valueFromErrors(`${at}.valueFrom`, variable);
  }
  for (const [index, { prefix, configMapRef, secretRef }] of (envFrom ?? []).entries()) {
    const at = `${field}.envFrom[${index}]`;
    if (prefix) yield* formatErrors(`${at}.prefix`, prefix, isEnvVarName(prefix));
    if (configMapRef && secretRef) yield invalidValue(at, '', 'may not have more than one field specified at a time');
    if (!configMapRef && !secretRef) yield invalidValue(at, '', 'must specify one of: `configMapRef` or `secretRef`');
    if (configMapRef && !configMapRef.name) yield required(`${at}.configMapRef.name`);
    if (secretRef && !secretRef.name) yield required(`${at}.secretRef.name`);
  }
}

const STANDARD_RESOURCE = /^(cpu|memory|ephemeral-storage|hugepages-.+)$/;

function* amountErrors(field: string, amounts: Readonly<Record<string, string>> | undefined): Errors {
  for (const [name, amount] of Object.entries(amounts ?? {})) {
    const at = `${field}[${name}]`;
    const errors = isQualifiedName(name);
    yield* formatErrors(at, name, errors);
    if (errors.length === 0 && !name.includes('/') && !STANDARD_RESOURCE.test(name)) {
      yield invalidValue(at, name, 'must be a standard resource type or fully qualified');
      yield invalidValue(at, name, 'must be a standard resource for containers');
    }
    const value = parseQuantity(amount) ?? 0;
    if (value < 0) yield invalidValue(at, amount, 'must be greater than or equal to 0');
    if (name.includes('/') && !Number.isInteger(value)) yield invalidValue(at, amount, 'must be an integer');
  }
}

function* resourceErrors(field: string, { limits, requests }: core.ResourceRequirements): Errors {
  yield* amountErrors(`${field}.limits`, limits);
  yield* amountErrors(`${field}.requests`, requests);
  for (const [name, request] of Object.entries(requests ?? {})) {
    const limit = limits?.[name];
    if (limit !== undefined && (parseQuantity(request) ?? 0) > (parseQuantity(limit) ?? 0)) {
      yield invalidValue(`${field}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`);
    }
  }
}

const MAX_ID = 2 ** 31 - 1;

/** User and group ids of a pod's or a container's securityContext. */
export function* idErrors(field: string, ids: Readonly<Record<string, unknown>>): Errors {
  for (const name of ['runAsUser', 'runAsGroup', 'fsGroup']) {
    const id = ids[name];
    if (typeof id === 'number' && (id < 0 || id > MAX_ID)) {
      yield invalidValue(`${field}.${name}`, id, `must be between 0 and ${MAX_ID}, inclusive`);
    }
  }
}

/** Of a pod's or a container's securityContext. */
export function* seccompErrors(field: string, profile: core.SeccompProfile | undefined): Errors {
  if (profile && !profile.type) yield required(`${field}.seccompProfile.type`);
}

const PROC_MOUNTS = ['Default', 'Unmasked'];

function* securityErrors(field: string, context: core.SecurityContext, hostUsers: boolean): Errors {
  const { procMount } = context;
  if (procMount !== undefined) {
    const at = `${field}.procMount`;
    if (!PROC_MOUNTS.includes(procMount)) yield notSupported(at, procMount, PROC_MOUNTS);
    // Root of the machine could then write to the machine's own settings.
    if (procMount === 'Unmasked' && hostUsers) {
      yield invalidValue(at, procMount, '`hostUsers` must be false to use `Unmasked`');
    }
  }
  yield* seccompErrors(field, context.seccompProfile);
  yield* idErrors(field, context as Readonly<Record<string, unknown>>);
  if (context.allowPrivilegeEscalation === false) {
    const clash = (what: string) =>
      invalidValue(field, context, `cannot set \`allowPrivilegeEscalation\` to false and ${what}`);
    if (context.privileged) yield clash('`privileged` to true');
    if (context.capabilities?.add?.some((name) => name === 'CAP_SYS_ADMIN' || name === 'SYS_ADMIN')) {
      yield clash('`capabilities.Add` CAP_SYS_ADMIN');
    }
  }
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const MESSAGE_POLICIES = ['FallbackToLogsOnError', 'File'];

function* choiceErrors(field: string, value: string | undefined, choices: readonly string[]): Errors {
  if (!value) yield required(field);
  else if (!choices.includes(value)) yield notSupported(field, value, choices);
}

export function* containerErrors(field: string, container: core.Container, context: ContainerContext): Errors {
  const { name, image, imagePullPolicy, terminationMessagePolicy } = container;
  if (!name) yield required(`${field}.name`);
  else yield* formatErrors(`${field}.name`, name, isDns1123Label(name));
  if (!image) yield required(`${field}.image`);
  else if (image.trim() !== image) {
    yield invalidValue(`${field}.image`, image, 'must not have leading or trailing whitespace');
  }
  yield* choiceErrors(`${field}.terminationMessagePolicy`, terminationMessagePolicy, MESSAGE_POLICIES);
  yield* containerPortErrors(`${field}.ports`, container.ports ?? [], context.hostNetwork);
  yield* envErrors(field, container);
  yield* mountErrors(`${field}.volumeMounts`, container, context.volumes);
  yield* choiceErrors(`${field}.imagePullPolicy`, imagePullPolicy, PULL_POLICIES);
  yield* resourceErrors(`${field}.resources`, container.resources ?? {});
  if (container.securityContext)
    yield* securityErrors(`${field}.securityContext`, container.securityContext, context.hostUsers);
  const { graceSeconds } = context;
  yield* lifecycleErrors(`${field}.lifecycle`, container.lifecycle, graceSeconds);
  yield* probeErrors(`${field}.livenessProbe`, container.livenessProbe, 'liveness', graceSeconds);
  yield* probeErrors(`${field}.readinessProbe`, container.readinessProbe, 'readiness', graceSeconds);
  yield* probeErrors(`${field}.startupProbe`, container.startupProbe, 'startup', graceSeconds);
}

const NOT_FOR_INIT = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;

/** Init containers run to their end; only one that restarts always (a sidecar) has hooks and probes. */
export function* initContainerErrors(field: string, container: core.Container): Errors {
  if (container.restartPolicy === 'Always') return;
  for (const name of NOT_FOR_INIT) {
    if (container[name]) {
      yield forbidden(`${field}.${name}`, 'may not be set for init containers without restartPolicy=Always');
    }
  }
}

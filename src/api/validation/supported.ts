// What podlan does not act on yet, and therefore refuses: nothing is accepted and ignored. One row per field or value; the
// piece of work that makes a field act deletes its row here and adds its name in supported.test.ts, which holds every
// field of the schema to be either acted on or refused.
import type { Kind, KubeObject } from '../types.ts';
import { SYSTEM_PRIORITIES } from '../defaults/index.ts';
import type { Errors, FieldError } from './field.ts';

export interface UnsupportedRow {
  /** From the top of the scope; [*] is every element of a list. */
  readonly path: string;
  /** What is not supported: 'podlan does not support <what> yet'. */
  readonly what: string;
  /** Values that are refused; without it, any value but a zero one. `owner` is the object that holds the field. */
  readonly refuses?: (value: unknown, owner: Readonly<Record<string, unknown>>) => boolean;
}

/** Absent, or a value that Go would not send. */
const isSet = (value: unknown): boolean =>
  !(value === undefined || value === null || value === false || value === '' || value === 0) &&
  !(Array.isArray(value) && value.length === 0);
const is =
  (...refused: unknown[]) =>
  (value: unknown): boolean =>
    refused.includes(value);
const isNot =
  (...accepted: unknown[]) =>
  (value: unknown): boolean =>
    isSet(value) && !accepted.includes(value);
/** For sources of a volume: `nfs: {}` names one too. */
const present = (value: unknown): boolean => value !== undefined;

const SECCOMP = isNot('RuntimeDefault', 'Unconfined');

const SECURITY: readonly UnsupportedRow[] = [
  { path: 'seLinuxOptions', what: 'SELinux', refuses: present },
  { path: 'windowsOptions', what: 'Windows containers', refuses: present },
  { path: 'appArmorProfile.type', what: 'AppArmor profiles', refuses: isNot('Unconfined') },
  { path: 'appArmorProfile.localhostProfile', what: 'AppArmor profiles' },
  { path: 'seccompProfile.type', what: 'seccomp profiles other than RuntimeDefault and Unconfined', refuses: SECCOMP },
  { path: 'seccompProfile.localhostProfile', what: 'seccomp profiles of files' },
];

const PROBE: readonly UnsupportedRow[] = [{ path: 'grpc', what: 'gRPC probes', refuses: present }];

const below = (path: string, rows: readonly UnsupportedRow[]): UnsupportedRow[] =>
  rows.map((row) => ({ ...row, path: `${path}.${row.path}` }));

const CONTAINER: readonly UnsupportedRow[] = [
  {
    path: 'ports[*].hostPort',
    what: 'hostPort',
    // A pod in the node's network has its ports on the node anyhow: there the field says nothing new.
    refuses: (value, port) => isSet(value) && value !== port['containerPort'],
  },
  { path: 'ports[*].hostIP', what: 'hostIP' },
  { path: 'ports[*].protocol', what: 'SCTP', refuses: is('SCTP') },
  { path: 'env[*].valueFrom.fileKeyRef', what: 'environment variables from files', refuses: present },
  { path: 'resources.limits.ephemeral-storage', what: 'limits of ephemeral storage' },
  { path: 'resources.claims', what: 'dynamic resource allocation' },
  { path: 'resizePolicy', what: 'resizing containers in place' },
  { path: 'restartPolicyRules', what: 'restart rules of containers' },
  { path: 'volumeDevices', what: 'block devices as volumes' },
  { path: 'volumeMounts[*].recursiveReadOnly', what: 'recursive read-only mounts', refuses: isNot('Disabled') },
  ...['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((probe) => below(probe, PROBE)),
  { path: 'lifecycle.stopSignal', what: 'stop signals of containers' },
  { path: 'lifecycle.postStart.tcpSocket', what: 'tcpSocket hooks', refuses: present },
  { path: 'lifecycle.preStop.tcpSocket', what: 'tcpSocket hooks', refuses: present },
  ...below('securityContext', SECURITY),
];

const VOLUMES: readonly string[] =
  'awsElasticBlockStore azureDisk azureFile cephfs cinder csi ephemeral fc flexVolume flocker gcePersistentDisk gitRepo glusterfs image iscsi nfs persistentVolumeClaim photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume'.split(
    ' ',
  );
const PROJECTIONS: readonly string[] = ['serviceAccountToken', 'clusterTrustBundle', 'podCertificate'];

/** Of a pod's spec, and of a template's. */
export const POD_SPEC: readonly UnsupportedRow[] = [
  { path: 'affinity.podAffinity', what: 'pod affinity', refuses: present },
  { path: 'affinity.podAntiAffinity', what: 'pod anti-affinity', refuses: present },
  { path: 'automountServiceAccountToken', what: 'service account tokens' },
  { path: 'ephemeralContainers', what: 'ephemeral containers' },
  { path: 'hostUsers', what: 'user namespaces', refuses: is(false) },
  { path: 'hostnameOverride', what: 'hostnameOverride' },
  { path: 'imagePullSecrets', what: 'image registries that want a password' },
  { path: 'os.name', what: 'operating systems other than linux', refuses: isNot('linux') },
  { path: 'overhead', what: 'pod overhead', refuses: present },
  {
    path: 'priorityClassName',
    what: 'priority classes other than the system ones',
    refuses: isNot(...Object.keys(SYSTEM_PRIORITIES)),
  },
  {
    path: 'priority',
    what: 'priorities that no priority class gives',
    refuses: (value, spec) => isSet(value) && value !== SYSTEM_PRIORITIES[String(spec['priorityClassName'])],
  },
  { path: 'resourceClaims', what: 'dynamic resource allocation' },
  { path: 'resources', what: 'resources of a whole pod', refuses: present },
  { path: 'runtimeClassName', what: 'runtime classes' },
  { path: 'securityContext.seLinuxChangePolicy', what: 'SELinux' },
  ...below('securityContext', SECURITY),
  { path: 'shareProcessNamespace', what: 'one PID namespace for a whole pod' },
  { path: 'topologySpreadConstraints', what: 'topology spread constraints' },
  ...VOLUMES.map((source) => ({ path: `volumes[*].${source}`, what: `volumes of type ${source}`, refuses: present })),
  ...PROJECTIONS.map((source) => ({
    path: `volumes[*].projected.sources[*].${source}`,
    what: `projected volumes of type ${source}`,
    refuses: present,
  })),
  { path: 'volumes[*].emptyDir.medium', what: 'huge pages', refuses: isNot('Memory') },
  {
    path: 'volumes[*].emptyDir.sizeLimit',
    what: 'size limits of volumes on disk',
    refuses: (value, emptyDir) => isSet(value) && emptyDir['medium'] !== 'Memory',
  },
  { path: 'containers[*].restartPolicy', what: 'restart policies of single containers' },
  {
    path: 'initContainers[*].restartPolicy',
    what: 'restart policies of init containers but Always',
    refuses: isNot('Always'),
  },
  ...below('containers[*]', CONTAINER),
  ...below('initContainers[*]', CONTAINER),
];

/** Of whole objects. */
export const OBJECTS: { readonly [K in Kind]?: readonly UnsupportedRow[] } = {
  Service: [
    { path: 'spec.type', what: 'Services of type LoadBalancer', refuses: is('LoadBalancer') },
    { path: 'spec.externalIPs', what: 'externalIPs' },
    { path: 'spec.sessionAffinity', what: 'session affinity', refuses: is('ClientIP') },
    { path: 'spec.externalTrafficPolicy', what: 'externalTrafficPolicy Local', refuses: is('Local') },
    { path: 'spec.ipFamilies[*]', what: 'IPv6', refuses: is('IPv6') },
    { path: 'spec.ipFamilyPolicy', what: 'dual-stack Services', refuses: is('RequireDualStack') },
    { path: 'spec.loadBalancerIP', what: 'Services of type LoadBalancer' },
    { path: 'spec.loadBalancerClass', what: 'Services of type LoadBalancer' },
    { path: 'spec.loadBalancerSourceRanges', what: 'Services of type LoadBalancer' },
    { path: 'spec.healthCheckNodePort', what: 'health checks of node ports' },
    { path: 'spec.trafficDistribution', what: 'traffic distribution' },
    { path: 'spec.ports[*].protocol', what: 'SCTP', refuses: is('SCTP') },
  ],
  Endpoints: [{ path: 'subsets[*].ports[*].protocol', what: 'SCTP', refuses: is('SCTP') }],
  EndpointSlice: [
    { path: 'addressType', what: 'EndpointSlices of IPv6 addresses and host names', refuses: is('IPv6', 'FQDN') },
    { path: 'ports[*].protocol', what: 'SCTP', refuses: is('SCTP') },
  ],
  NetworkPolicy: [
    { path: 'spec.ingress[*].ports[*].protocol', what: 'SCTP', refuses: is('SCTP') },
    { path: 'spec.egress[*].ports[*].protocol', what: 'SCTP', refuses: is('SCTP') },
  ],
  StatefulSet: [
    { path: 'spec.volumeClaimTemplates', what: 'volume claims' },
    {
      path: 'spec.persistentVolumeClaimRetentionPolicy.whenDeleted',
      what: 'volume claims',
      refuses: isNot('Retain'),
    },
    { path: 'spec.persistentVolumeClaimRetentionPolicy.whenScaled', what: 'volume claims', refuses: isNot('Retain') },
  ],
  Secret: [
    {
      path: 'type',
      what: 'tokens of service accounts in Secrets',
      refuses: is('kubernetes.io/service-account-token'),
    },
  ],
  ServiceAccount: [
    { path: 'imagePullSecrets', what: 'image registries that want a password' },
    { path: 'automountServiceAccountToken', what: 'service account tokens' },
  ],
  Lease: [
    { path: 'spec.strategy', what: 'coordinated leader election' },
    { path: 'spec.preferredHolder', what: 'coordinated leader election' },
  ],
};

/** Where a pod's spec lies in the kinds that have one. */
const POD_SPECS: { readonly [K in Kind]?: string } = {
  Pod: 'spec',
  Deployment: 'spec.template.spec',
  ReplicaSet: 'spec.template.spec',
  StatefulSet: 'spec.template.spec',
};

/** Rows by the parts of their paths: an object is walked once, and only where it has something. */
interface RowTree {
  readonly rows: UnsupportedRow[];
  readonly below: Map<string, RowTree>;
}

function treeOf(rows: readonly UnsupportedRow[]): RowTree {
  const root: RowTree = { rows: [], below: new Map() };
  for (const row of rows) {
    let at = root;
    for (const part of row.path.split('.')) {
      const next = at.below.get(part) ?? { rows: [], below: new Map<string, RowTree>() };
      at.below.set(part, next);
      at = next;
    }
    at.rows.push(row);
  }
  return root;
}

const TREES = new Map<Kind, RowTree>();

function treeFor(kind: Kind): RowTree {
  const known = TREES.get(kind);
  if (known) return known;
  const podSpec = POD_SPECS[kind];
  const podRows = podSpec === undefined ? [] : below(podSpec, POD_SPEC);
  const tree = treeOf([...(OBJECTS[kind] ?? []), ...podRows]);
  TREES.set(kind, tree);
  return tree;
}

function refusal(field: string, value: unknown, what: string): FieldError {
  const detail = `podlan does not support ${what} yet`;
  return typeof value === 'string'
    ? { type: 'FieldValueNotSupported', field, badValue: value, detail }
    : { type: 'FieldValueForbidden', field, detail };
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

function* walk(owner: Fields, tree: RowTree, path: string): Errors {
  for (const [part, child] of tree.below) {
    const name = part.endsWith('[*]') ? part.slice(0, -3) : part;
    const value = owner[name];
    if (value === undefined) continue;
    const field = path === '' ? name : `${path}.${name}`;
    const places: Iterable<readonly [string, unknown]> =
      name === part ? [[field, value]] : Array.isArray(value) ? value.map((v, i) => [`${field}[${i}]`, v]) : [];
    for (const [at, found] of places) {
      for (const { what, refuses = isSet } of child.rows) if (refuses(found, owner)) yield refusal(at, found, what);
      if (isFields(found)) yield* walk(found, child, at);
    }
  }
}

export const unsupportedErrors = (kind: Kind, object: KubeObject): Errors =>
  walk(object as unknown as Fields, treeFor(kind), '');

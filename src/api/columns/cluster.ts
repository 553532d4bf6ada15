// Namespace, Node, ConfigMap, Secret, ServiceAccount, Event, Lease.
import { age } from '../time.ts';
import type { ConfigMap, Event, Lease, Namespace, Node, Secret, ServiceAccount } from '../types.ts';
import { AGE, type Column, column, NAME, NONE, wide } from './column.ts';

const size = (map: object | undefined): number => Object.keys(map ?? {}).length;

export const NAMESPACE: readonly Column<Namespace>[] = [
  NAME,
  column('Status', 'Active or Terminating.', ({ status }) => status?.phase ?? ''),
  AGE,
];

function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const word = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return spec?.unschedulable ? `${word},SchedulingDisabled` : word;
}

const ROLE = 'node-role.kubernetes.io/';

function nodeRoles({ metadata }: Node): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(ROLE) && key.length > ROLE.length) return key.slice(ROLE.length);
    return key === 'kubernetes.io/role' && value !== '' ? value : [];
  });
  return roles.length > 0 ? [...new Set(roles)].toSorted().join(',') : NONE;
}

const nodeAddress = ({ status }: Node, wanted: string): string =>
  status?.addresses?.find(({ type }) => type === wanted)?.address ?? NONE;
const UNKNOWN = '<unknown>';

export const NODE: readonly Column<Node>[] = [
  NAME,
  column('Status', 'Whether it takes and runs pods.', nodeStatus),
  column('Roles', 'From its labels.', nodeRoles),
  AGE,
  column('Version', 'Of its kubelet.', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
  wide('Internal-IP', 'Its address in the cluster.', (node) => nodeAddress(node, 'InternalIP')),
  wide('External-IP', 'Its address outside.', (node) => nodeAddress(node, 'ExternalIP')),
  wide('OS-Image', 'Its operating system.', ({ status }) => status?.nodeInfo?.osImage || UNKNOWN),
  wide('Kernel-Version', 'Its kernel.', ({ status }) => status?.nodeInfo?.kernelVersion || UNKNOWN),
  wide(
    'Container-Runtime',
    'What runs its containers.',
    ({ status }) => status?.nodeInfo?.containerRuntimeVersion || UNKNOWN,
  ),
];

export const CONFIG_MAP: readonly Column<ConfigMap>[] = [
  NAME,
  column('Data', 'Number of its keys.', ({ data, binaryData }) => size(data) + size(binaryData)),
  AGE,
];

export const SECRET: readonly Column<Secret>[] = [
  NAME,
  column('Type', 'What its keys mean.', ({ type }) => type ?? ''),
  column('Data', 'Number of its keys.', ({ data }) => size(data)),
  AGE,
];

export const SERVICE_ACCOUNT: readonly Column<ServiceAccount>[] = [
  NAME,
  column('Secrets', 'Number of its secrets.', ({ secrets }) => secrets?.length ?? 0),
  AGE,
];

/** An event of either API: the older one counts in count and lastTimestamp, the newer one in series. */
const firstSeen = (event: Event): string | undefined => event.firstTimestamp || event.eventTime;
const lastSeen = (event: Event): string | undefined =>
  event.series?.lastObservedTime || event.lastTimestamp || firstSeen(event);

function eventObject({ involvedObject }: Event): string {
  const { kind = '', name } = involvedObject ?? {};
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase();
}

function eventSource({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || '';
  const host = source?.component ? source.host : reportingInstance;
  return host ? `${component}, ${host}` : component;
}

export const EVENT: readonly Column<Event>[] = [
  column('Last Seen', 'Time since it last happened.', (event, nowMs) => age(lastSeen(event), nowMs)),
  column('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
  column('Reason', 'One word for the cause.', ({ reason }) => reason ?? ''),
  column('Object', 'What it is about.', eventObject),
  wide('Subobject', 'Part of that object.', ({ involvedObject }) => involvedObject?.fieldPath ?? ''),
  wide('Source', 'Who says so.', eventSource),
  column('Message', 'The whole story.', ({ message }) => (message ?? '').trim()),
  wide('First Seen', 'Time since it first happened.', (event, nowMs) => age(firstSeen(event), nowMs)),
  wide('Count', 'How often it happened.', ({ series, count: times }) => series?.count ?? (times || 1)),
  column('Name', 'Of the event itself.', ({ metadata }) => metadata.name, { format: 'name', priority: 1 }),
];

export const LEASE: readonly Column<Lease>[] = [
  NAME,
  column('Holder', 'Who holds it.', ({ spec }) => spec?.holderIdentity ?? ''),
  AGE,
];

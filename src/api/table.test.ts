import { describe, expect, it } from 'vitest';
import { KINDS } from './kinds.ts';
import { tableColumns, tableRow } from './table.ts';
import type { Kind, KubeObject } from './types.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

const object = (fields: object, metadata: object = {}): KubeObject =>
  ({ metadata: { name: 'x', creationTimestamp: ago(90), ...metadata }, ...fields }) as KubeObject;

/** Cells by the names of their columns. */
function cells(kind: Kind, fields: object, metadata: object = {}): Record<string, unknown> {
  const row = tableRow(kind, object(fields, metadata), NOW);
  return Object.fromEntries(tableColumns(kind).map(({ name }, index) => [name, row[index]]));
}

describe('columns', () => {
  it.each<[Kind, string]>([
    ['Pod', 'Name,Ready,Status,Restarts,Age,IP*,Node*,Nominated Node*,Readiness Gates*'],
    ['Service', 'Name,Type,Cluster-IP,External-IP,Port(s),Age,Selector*'],
    ['Deployment', 'Name,Ready,Up-to-date,Available,Age,Containers*,Images*,Selector*'],
    ['Event', 'Last Seen,Type,Reason,Object,Subobject*,Source*,Message,First Seen*,Count*,Name*'],
    ['Node', 'Name,Status,Roles,Age,Version,Internal-IP*,External-IP*,OS-Image*,Kernel-Version*,Container-Runtime*'],
  ])('%s', (kind, expected) => {
    const said = tableColumns(kind).map(({ name, priority }) => (priority > 0 ? `${name}*` : name));
    expect(said.join(',')).toBe(expected);
  });
  it('every kind prints an empty object without falling over', () => {
    for (const { kind } of KINDS) {
      const row = tableRow(kind, object({ spec: {} }), NOW);
      expect(row).toHaveLength(tableColumns(kind).length);
    }
  });
});

const running = { ready: true, started: true, restartCount: 0, state: { running: {} } };
const waiting = (reason: string, restartCount = 0): object => ({
  ready: false,
  restartCount,
  state: { waiting: { reason } },
});
const terminated = (exitCode: number, reason?: string, more: object = {}): object => ({
  ready: false,
  restartCount: 0,
  state: { terminated: { exitCode, ...(reason ? { reason } : {}), ...more } },
});
const lastEnded = (seconds: number): object => ({ lastState: { terminated: { finishedAt: ago(seconds) } } });

describe('Pod STATUS, READY and RESTARTS', () => {
  const two = { containers: [{ name: 'a' }, { name: 'b' }] };
  const withInit = { containers: [{ name: 'a' }], initContainers: [{ name: 'i' }, { name: 'j' }] };
  const sidecar = { containers: [{ name: 'a' }], initContainers: [{ name: 's', restartPolicy: 'Always' }] };
  it.each<[string, object, object, string]>([
    ['new', two, { phase: 'Pending' }, '0/2 Pending 0'],
    [
      'gated',
      two,
      { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
      '0/2 SchedulingGated 0',
    ],
    [
      'creating',
      two,
      { phase: 'Pending', containerStatuses: [waiting('ContainerCreating'), waiting('ContainerCreating')] },
      '0/2 ContainerCreating 0',
    ],
    ['running', two, { phase: 'Running', containerStatuses: [running, running] }, '2/2 Running 0'],
    [
      'crash loop, the last restart 5 s ago',
      two,
      { phase: 'Running', containerStatuses: [running, { ...waiting('CrashLoopBackOff', 2), ...lastEnded(5) }] },
      '1/2 CrashLoopBackOff 2 (5s ago)',
    ],
    [
      'completed',
      two,
      { phase: 'Succeeded', containerStatuses: [terminated(0, 'Completed'), terminated(0, 'Completed')] },
      '0/2 Completed 0',
    ],
    [
      'error without a reason',
      two,
      { phase: 'Failed', containerStatuses: [terminated(3), running] },
      '1/2 ExitCode:3 0',
    ],
    ['signal', two, { phase: 'Failed', containerStatuses: [terminated(137, '', { signal: 9 })] }, '0/2 Signal:9 0'],
    [
      'one completed, one runs and the pod is ready',
      two,
      {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [terminated(0, 'Completed'), running],
      },
      '1/2 Running 0',
    ],
    [
      'one completed, one runs and the pod is not ready',
      two,
      { phase: 'Running', containerStatuses: [terminated(0, 'Completed'), running] },
      '1/2 NotReady 0',
    ],
    ['evicted', two, { phase: 'Failed', reason: 'Evicted' }, '0/2 Evicted 0'],
    [
      'first init container runs',
      withInit,
      {
        phase: 'Pending',
        initContainerStatuses: [
          { ...running, name: 'i', ready: false },
          { ...waiting('PodInitializing'), name: 'j' },
        ],
      },
      '0/1 Init:0/2 0',
    ],
    [
      'second init container waits',
      withInit,
      {
        phase: 'Pending',
        initContainerStatuses: [
          { ...terminated(0, 'Completed'), name: 'i' },
          { ...waiting('PodInitializing'), name: 'j' },
        ],
      },
      '0/1 Init:1/2 0',
    ],
    [
      'init container fails',
      withInit,
      {
        phase: 'Pending',
        initContainerStatuses: [{ ...terminated(1, 'Error'), name: 'i', restartCount: 1, ...lastEnded(130) }],
      },
      '0/1 Init:Error 1 (2m10s ago)',
    ],
    [
      'init container in a crash loop',
      withInit,
      { phase: 'Pending', initContainerStatuses: [{ ...waiting('CrashLoopBackOff', 3), name: 'i' }] },
      '0/1 Init:CrashLoopBackOff 3',
    ],
    [
      'restarts of init containers are forgotten once they are through',
      withInit,
      {
        phase: 'Running',
        initContainerStatuses: [
          { ...terminated(0, 'Completed'), name: 'i', restartCount: 4 },
          { ...terminated(0, 'Completed'), name: 'j' },
        ],
        containerStatuses: [running],
      },
      '1/1 Running 0',
    ],
    [
      'a sidecar counts',
      sidecar,
      {
        phase: 'Running',
        initContainerStatuses: [{ ...running, name: 's', restartCount: 1 }],
        containerStatuses: [running],
      },
      '2/2 Running 1',
    ],
  ])('%s', (_name, spec, status, expected) => {
    const row = cells('Pod', { spec, status });
    expect(`${String(row['Ready'])} ${String(row['Status'])} ${String(row['Restarts'])}`).toBe(expected);
  });
  it('being deleted', () => {
    const gone = { deletionTimestamp: ago(1) };
    const spec = { containers: [{ name: 'a' }] };
    expect(cells('Pod', { spec, status: { phase: 'Running' } }, gone)['Status']).toBe('Terminating');
    expect(cells('Pod', { spec, status: { phase: 'Running', reason: 'NodeLost' } }, gone)['Status']).toBe('Unknown');
    expect(cells('Pod', { spec, status: { phase: 'Succeeded' } }, gone)['Status']).toBe('Succeeded');
  });
  it('wide', () => {
    const spec = {
      containers: [],
      nodeName: 'node-1',
      readinessGates: [{ conditionType: 'g' }, { conditionType: 'h' }],
    };
    const status = { podIPs: [{ ip: '10.0.0.1' }], conditions: [{ type: 'g', status: 'True' }] };
    expect(cells('Pod', { spec, status })).toMatchObject({
      Age: '90s',
      IP: '10.0.0.1',
      Node: 'node-1',
      'Nominated Node': '<none>',
      'Readiness Gates': '1/2',
    });
  });
});

describe('other kinds', () => {
  it.each<[Kind, object, object]>([
    [
      'Service',
      {
        spec: {
          type: 'ClusterIP',
          clusterIP: '10.96.0.9',
          ports: [{ port: 80, protocol: 'TCP' }],
          selector: { b: '2', a: '1' },
        },
      },
      {
        Type: 'ClusterIP',
        'Cluster-IP': '10.96.0.9',
        'External-IP': '<none>',
        'Port(s)': '80/TCP',
        Selector: 'a=1,b=2',
      },
    ],
    [
      'Service',
      {
        spec: {
          type: 'NodePort',
          clusterIPs: ['10.96.0.9'],
          ports: [
            { port: 80, nodePort: 30080, protocol: 'TCP' },
            { port: 53, protocol: 'UDP' },
          ],
        },
      },
      { 'Port(s)': '80:30080/TCP,53/UDP', Selector: '<none>' },
    ],
    [
      'Service',
      { spec: { type: 'ExternalName', externalName: 'a.b' } },
      { 'Cluster-IP': '<none>', 'External-IP': 'a.b', 'Port(s)': '<none>' },
    ],
    ['Service', { spec: { type: 'LoadBalancer' } }, { 'External-IP': '<pending>' }],
    [
      'Service',
      { spec: { type: 'LoadBalancer' }, status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } },
      { 'External-IP': '1.2.3.4' },
    ],
    ['Endpoints', {}, { Endpoints: '<none>' }],
    [
      'Endpoints',
      { subsets: [{ addresses: [{ ip: '1.1.1.1' }, { ip: '1.1.1.2' }], ports: [{ port: 1 }, { port: 2 }] }] },
      { Endpoints: '1.1.1.1:1,1.1.1.2:1,1.1.1.1:2 + 1 more...' },
    ],
    [
      'EndpointSlice',
      {
        addressType: 'IPv4',
        ports: [{ port: 80 }, {}],
        endpoints: [{ addresses: ['1.1.1.1'] }, { addresses: ['1.1.1.2'] }],
      },
      { AddressType: 'IPv4', Ports: '80,*', Endpoints: '1.1.1.1,1.1.1.2' },
    ],
    ['EndpointSlice', {}, { Ports: '<unset>', Endpoints: '<unset>' }],
    ['NetworkPolicy', { spec: { podSelector: {} } }, { 'Pod-Selector': '<none>' }],
    [
      'NetworkPolicy',
      {
        spec: {
          podSelector: {
            matchLabels: { b: '1' },
            matchExpressions: [
              { key: 'a', operator: 'In', values: ['y', 'x'] },
              { key: 'c', operator: 'DoesNotExist' },
            ],
          },
        },
      },
      { 'Pod-Selector': 'a in (x,y),b=1,!c' },
    ],
    [
      'Deployment',
      {
        spec: {
          replicas: 3,
          selector: { matchLabels: { a: 'b' } },
          template: {
            spec: {
              containers: [
                { name: 'c', image: 'i' },
                { name: 'd', image: 'j' },
              ],
            },
          },
        },
        status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
      },
      { Ready: '1/3', 'Up-to-date': 2, Available: 1, Containers: 'c,d', Images: 'i,j', Selector: 'a=b' },
    ],
    [
      'ReplicaSet',
      { spec: { replicas: 3 }, status: { replicas: 2, readyReplicas: 1 } },
      { Desired: 3, Current: 2, Ready: 1 },
    ],
    ['StatefulSet', { spec: { replicas: 3 }, status: { readyReplicas: 1 } }, { Ready: '1/3' }],
    ['ConfigMap', { data: { a: 'b' }, binaryData: { c: 'd' } }, { Data: 2 }],
    ['Secret', { type: 'Opaque' }, { Type: 'Opaque', Data: 0 }],
    ['Lease', { spec: { holderIdentity: 'node-1' } }, { Holder: 'node-1' }],
    ['Namespace', { status: { phase: 'Active' } }, { Status: 'Active', Age: '90s' }],
    [
      'Event',
      {
        type: 'Normal',
        reason: 'Started',
        message: ' up\n',
        involvedObject: { kind: 'Pod', name: 'p', fieldPath: 'spec.containers{c}' },
        source: { component: 'kubelet', host: 'node-1' },
        firstTimestamp: ago(60),
        lastTimestamp: ago(5),
        count: 3,
      },
      { 'Last Seen': '5s', Object: 'pod/p', Source: 'kubelet, node-1', Message: 'up', 'First Seen': '60s', Count: 3 },
    ],
    [
      'Event',
      {
        eventTime: ago(9),
        reportingComponent: 'scheduler',
        series: { count: 7, lastObservedTime: ago(2) },
        involvedObject: {},
      },
      { 'Last Seen': '2s', 'First Seen': '9s', Count: 7, Source: 'scheduler' },
    ],
    [
      'Node',
      {
        spec: { unschedulable: true },
        status: {
          conditions: [{ type: 'Ready', status: 'True' }],
          addresses: [{ type: 'InternalIP', address: '172.30.0.11' }],
        },
      },
      {
        Status: 'Ready,SchedulingDisabled',
        Roles: '<none>',
        'Internal-IP': '172.30.0.11',
        'External-IP': '<none>',
        'OS-Image': '<unknown>',
      },
    ],
    ['Node', { status: {} }, { Status: 'Unknown' }],
  ])('%s %j', (kind, fields, expected) => expect(cells(kind, fields)).toMatchObject(expected));
  it('roles and owners come from metadata', () => {
    expect(
      cells('Node', {}, { labels: { 'node-role.kubernetes.io/worker': '', 'kubernetes.io/role': 'edge' } })['Roles'],
    ).toBe('edge,worker');
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', controller: true }];
    expect(cells('ControllerRevision', { revision: 3 }, { ownerReferences })).toMatchObject({
      Controller: 'statefulset.apps/db',
      Revision: 3,
    });
  });
});

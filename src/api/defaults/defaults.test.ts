import { describe, expect, it } from 'vitest';
import type { Kind, KubeObject } from '../types.ts';
import { applyDefaults } from './index.ts';

const settings = { evictAfterSeconds: 7 };

/** Applies defaults, and asserts that the input stays as it was and that a second pass changes nothing. */
function defaulted(kind: Kind, fields: object): Record<string, unknown> {
  const object = { metadata: { name: 'x' }, ...fields } as KubeObject;
  const before = structuredClone(object);
  const once = applyDefaults(kind, object, settings);
  expect(object).toEqual(before);
  expect(applyDefaults(kind, once, settings)).toEqual(once);
  return once as unknown as Record<string, unknown>;
}

const SPEC = {
  restartPolicy: 'Always',
  dnsPolicy: 'ClusterFirst',
  schedulerName: 'default-scheduler',
  terminationGracePeriodSeconds: 30,
  securityContext: {},
};
const CONTAINER = {
  name: 'c',
  image: 'web:1',
  imagePullPolicy: 'IfNotPresent',
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  resources: {},
};
const evicted = (key: string): object => ({
  key: `node.kubernetes.io/${key}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 7,
});

describe('Pod', () => {
  it('gets everything', () => {
    const pod = defaulted('Pod', {
      spec: { containers: [{ name: 'c', image: 'web:1', ports: [{ containerPort: 80 }] }] },
    });
    expect(pod['spec']).toEqual({
      ...SPEC,
      enableServiceLinks: true,
      serviceAccountName: 'default',
      serviceAccount: 'default',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      tolerations: [evicted('not-ready'), evicted('unreachable')],
      containers: [{ ...CONTAINER, ports: [{ containerPort: 80, protocol: 'TCP' }] }],
    });
    expect(pod['status']).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
  });
  it('keeps what was written', () => {
    const spec = {
      restartPolicy: 'Never',
      dnsPolicy: 'Default',
      schedulerName: 'own',
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsUser: 1 },
      enableServiceLinks: false,
      serviceAccountName: 'own',
      serviceAccount: 'own',
      priority: 5,
      preemptionPolicy: 'Never',
      tolerations: [{ operator: 'Exists' }],
      containers: [{ ...CONTAINER, imagePullPolicy: 'Never' }],
    };
    expect(defaulted('Pod', { spec })['spec']).toEqual(spec);
  });
  it.each([
    ['web', 'Always'],
    ['web:latest', 'Always'],
    ['localhost:5000/web', 'Always'],
    ['localhost:5000/web:2', 'IfNotPresent'],
    ['web@sha256:0123', 'IfNotPresent'],
    ['web:latest@sha256:0123', 'Always'],
  ])('image %s is pulled %s', (image, policy) => {
    const pod = defaulted('Pod', { spec: { containers: [{ name: 'c', image }] } });
    expect(pod['spec']).toMatchObject({ containers: [{ imagePullPolicy: policy }] });
  });
  it('probes, hooks, env and volumes', () => {
    const pod = defaulted('Pod', {
      spec: {
        containers: [
          {
            name: 'c',
            readinessProbe: { httpGet: { port: 80 }, periodSeconds: 0 },
            livenessProbe: { exec: { command: ['x'] }, periodSeconds: 2 },
            lifecycle: { preStop: { httpGet: { port: 1 } } },
            env: [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
          },
        ],
        volumes: [
          { name: 'a' },
          { name: 'b', configMap: { name: 'm' } },
          { name: 'c', secret: { secretName: 's', defaultMode: 256 } },
          { name: 'd', hostPath: { path: '/' } },
          {
            name: 'e',
            projected: { sources: [{ downwardAPI: { items: [{ path: 'p', fieldRef: { fieldPath: 'f' } }] } }] },
          },
        ],
      },
    });
    const times = { timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 };
    expect(pod['spec']).toMatchObject({
      containers: [
        {
          readinessProbe: { ...times, periodSeconds: 10, httpGet: { port: 80, path: '/', scheme: 'HTTP' } },
          livenessProbe: { ...times, periodSeconds: 2 },
          lifecycle: { preStop: { httpGet: { port: 1, path: '/', scheme: 'HTTP' } } },
          env: [{ valueFrom: { fieldRef: { apiVersion: 'v1' } } }],
        },
      ],
      volumes: [
        { name: 'a', emptyDir: {} },
        { name: 'b', configMap: { name: 'm', defaultMode: 420 } },
        { name: 'c', secret: { secretName: 's', defaultMode: 256 } },
        { name: 'd', hostPath: { path: '/', type: '' } },
        {
          name: 'e',
          projected: {
            defaultMode: 420,
            sources: [{ downwardAPI: { items: [{ path: 'p', fieldRef: { apiVersion: 'v1', fieldPath: 'f' } }] } }],
          },
        },
      ],
    });
  });
  it.each([
    [{ limits: { cpu: '1', memory: '1Gi' } }, { cpu: '1', memory: '1Gi' }, 'Guaranteed'],
    [{ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }, { cpu: '500m', memory: '1Gi' }, 'Burstable'],
    [{ requests: { cpu: '1' } }, { cpu: '1' }, 'Burstable'],
    [{}, undefined, 'BestEffort'],
  ])('resources %j', (resources, requests, qos) => {
    const pod = defaulted('Pod', { spec: { containers: [{ name: 'c', resources }] } });
    const spec = pod['spec'] as { containers: { resources: { requests?: object } }[] };
    expect(spec.containers[0]?.resources.requests).toEqual(requests);
    expect(pod['status']).toMatchObject({ qosClass: qos });
  });
  it('a host-network pod holds its ports on the node', () => {
    const spec = { hostNetwork: true, containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] };
    expect(defaulted('Pod', { spec })['spec']).toMatchObject({ containers: [{ ports: [{ hostPort: 80 }] }] });
  });
  it('a system class is a priority', () => {
    const spec = { priorityClassName: 'system-node-critical', containers: [] };
    expect(defaulted('Pod', { spec })['spec']).toMatchObject({ priority: 2000001000 });
  });
});

describe('workloads', () => {
  const template = { spec: { containers: [{ name: 'c', image: 'web:1' }] } };
  const full = { spec: { ...SPEC, containers: [CONTAINER] } };
  it('Deployment', () => {
    expect(defaulted('Deployment', { spec: { template } })['spec']).toEqual({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: full,
    });
  });
  it('Deployment of type Recreate has no rollingUpdate; 0 replicas stay 0', () => {
    const spec = { replicas: 0, strategy: { type: 'Recreate' } };
    expect(defaulted('Deployment', { spec })['spec']).toMatchObject({ replicas: 0, strategy: { type: 'Recreate' } });
  });
  it('ReplicaSet', () => {
    expect(defaulted('ReplicaSet', { spec: { template } })['spec']).toEqual({ replicas: 1, template: full });
  });
  it('StatefulSet', () => {
    expect(defaulted('StatefulSet', { spec: { serviceName: 'db', template } })['spec']).toEqual({
      replicas: 1,
      serviceName: 'db',
      revisionHistoryLimit: 10,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable: 1 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      template: full,
    });
  });
});

describe('network', () => {
  it.each<[object, object]>([
    [
      { ports: [{ port: 80 }] },
      {
        type: 'ClusterIP',
        sessionAffinity: 'None',
        internalTrafficPolicy: 'Cluster',
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      },
    ],
    [
      { type: 'ExternalName', externalName: 'a.b' },
      { type: 'ExternalName', externalName: 'a.b', sessionAffinity: 'None' },
    ],
    [
      { type: 'NodePort', ports: [{ port: 80, targetPort: 'http', protocol: 'UDP' }] },
      {
        type: 'NodePort',
        sessionAffinity: 'None',
        externalTrafficPolicy: 'Cluster',
        internalTrafficPolicy: 'Cluster',
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        ports: [{ port: 80, protocol: 'UDP', targetPort: 'http' }],
      },
    ],
  ])('Service %j', (spec, expected) => {
    const service = defaulted('Service', { spec });
    expect(service['spec']).toEqual(expected);
    expect(service['status']).toEqual({ loadBalancer: {} });
  });
  it('EndpointSlice and Endpoints', () => {
    expect(defaulted('EndpointSlice', { ports: [{ port: 1 }] })['ports']).toEqual([
      { name: '', protocol: 'TCP', port: 1 },
    ]);
    expect(defaulted('Endpoints', { subsets: [{ ports: [{ port: 1 }] }] })['subsets']).toEqual([
      { ports: [{ port: 1, protocol: 'TCP' }] },
    ]);
  });
  it.each<[object, string[]]>([
    [{ podSelector: {} }, ['Ingress']],
    [{ podSelector: {}, egress: [] }, ['Ingress']],
    [{ podSelector: {}, egress: [{ ports: [{ port: 1 }] }] }, ['Ingress', 'Egress']],
    [{ podSelector: {}, policyTypes: ['Egress'] }, ['Egress']],
  ])('NetworkPolicy %j is of types %j', (spec, policyTypes) => {
    expect(defaulted('NetworkPolicy', { spec })['spec']).toMatchObject({ policyTypes });
  });
});

describe('the rest', () => {
  it('Namespace', () => {
    expect(defaulted('Namespace', {})).toEqual({
      metadata: { name: 'x', labels: { 'kubernetes.io/metadata.name': 'x' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  });
  it('a terminating Namespace does not get its finalizer back', () => {
    const metadata = { name: 'x', deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(defaulted('Namespace', { metadata, spec: {} })['spec']).toEqual({});
  });
  it('Secret folds stringData into data', () => {
    expect(defaulted('Secret', { data: { a: 'eA==', b: 'eA==' }, stringData: { b: 'ü' } })).toMatchObject({
      type: 'Opaque',
      data: { a: 'eA==', b: 'w7w=' },
    });
  });
  it('Node', () => {
    expect(defaulted('Node', { status: { capacity: { pods: '9' } } })['status']).toMatchObject({
      allocatable: { pods: '9' },
    });
  });
});

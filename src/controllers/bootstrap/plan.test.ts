import { describe, expect, it } from 'vitest';
import type { ClusterSettings } from '../../api/cluster.ts';
import { fakeCluster } from '../../client/fake.ts';
import { plan as namespacePlan } from '../namespace/plan.ts';
import { plan as ipam, subnets } from '../node-ipam/plan.ts';
import { plan as account } from '../serviceaccount/plan.ts';
import { plan } from './plan.ts';

const settings = {
  hostIp: '172.30.0.1',
  apiPort: 6443,
  apiServiceIp: '10.96.0.1',
  dnsIp: '10.96.0.10',
} as ClusterSettings;

describe('the objects that every cluster has', () => {
  it('are made when they are missing, and follow the API server to another port', () => {
    const c = fakeCluster();
    expect(c.settle({ plan: (view) => plan(view, settings) }, 'cluster')).toHaveLength(8);
    expect(c.view.get('Service', 'kube-system', 'kube-dns')?.metadata.labels).toMatchObject({
      'service.kubernetes.io/service-proxy-name': 'podlan-dns',
    });
    expect(c.view.get('Service', 'default', 'kubernetes')?.spec).toMatchObject({
      clusterIP: '10.96.0.1',
      ports: [{ name: 'https', port: 443, targetPort: 6443 }],
    });
    expect(c.settle({ plan: (view) => plan(view, { ...settings, apiPort: 7443 }) }, 'cluster')).toEqual([
      'update Service kubernetes',
      'update Endpoints kubernetes',
      'update EndpointSlice kubernetes',
    ]);
  });
});

describe('a namespace', () => {
  const terminating = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a', deletionTimestamp: 'x' },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Terminating' },
  };
  const inside = (kind: string, name: string) => ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: 'a' },
    spec: {},
  });
  it('that goes is emptied, pods first, and then let go', () => {
    const c = fakeCluster(terminating, inside('ConfigMap', 'c'), inside('Pod', 'p'), {
      ...inside('Pod', 'q'),
      metadata: { name: 'q', namespace: 'b' },
    });
    expect(c.settle({ plan: namespacePlan }, 'a')).toEqual([
      'delete Pod p',
      'delete ConfigMap c',
      'update Namespace/finalize a',
    ]);
    expect(c.view.get('Namespace', undefined, 'a')?.spec?.finalizers).toEqual([]);
  });
  it('has an account named default', () => {
    const c = fakeCluster({ ...terminating, metadata: { name: 'a' } });
    expect(c.settle({ plan: account }, 'a')).toEqual(['create ServiceAccount default']);
    expect(account(fakeCluster(terminating).view, 'a').changes).toEqual([]);
  });
});

describe('ranges of pod addresses', () => {
  it('are the lowest that are free', () => {
    const node = (name: string, podCIDR?: string): object => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      spec: { podCIDR },
    });
    const c = fakeCluster(node('n1', '10.244.0.0/24'), node('n3', '10.244.2.0/24'), node('n2'));
    c.settle({ plan: (view, key) => ipam(view, key, '10.244.0.0/16', 24) }, 'n2');
    expect(c.view.get('Node', undefined, 'n2')?.spec).toMatchObject({
      podCIDR: '10.244.1.0/24',
      podCIDRs: ['10.244.1.0/24'],
    });
    c.put(node('n4'));
    expect(ipam(c.view, 'n4', '10.244.0.0/23', 24).changes).toMatchObject([
      { op: 'event', reason: 'CIDRNotAvailable' },
    ]);
    expect([...subnets('192.168.254.0/23', 25)]).toEqual([
      '192.168.254.0/25',
      '192.168.254.128/25',
      '192.168.255.0/25',
      '192.168.255.128/25',
    ]);
  });
});

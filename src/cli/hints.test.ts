import { describe, expect, it } from 'vitest';
import type { Node, Pod, Service } from '../api/types.ts';
import { hints, reachable } from './hints.ts';

const meta = (name: string, namespace = 'my-app'): Service['metadata'] => ({
  name,
  namespace,
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});
const service = (name: string, spec: object, namespace?: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(name, namespace),
  spec,
});
const node = (ip: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: meta(ip),
  spec: {},
  status: { addresses: [{ type: 'InternalIP', address: ip }] },
});
const nodes = [node('172.30.0.11'), node('172.30.0.12')];

describe('what now answers', () => {
  const reach = reachable(
    [
      service('web', {
        clusterIP: '10.96.0.7',
        ports: [
          { port: 80, nodePort: 30080 },
          { port: 53, protocol: 'UDP' },
        ],
      }),
      service('db', { clusterIP: 'None', ports: [{ port: 5432 }] }),
      service('external', { type: 'ExternalName', externalName: 'example.com' }),
      service('kubernetes', { clusterIP: '10.96.0.1', ports: [{ port: 443 }] }, 'default'),
      service('kube-dns', { clusterIP: '10.96.0.10', ports: [{ port: 53 }] }, 'kube-system'),
    ],
    nodes,
    'cluster.local',
  );

  it("names, addresses and ports of the user's Services, per place to ask from", () => {
    expect(reach.map((r) => [r.service, r.fromPods, r.fromHost])).toEqual([
      [
        'my-app/web',
        ['web.my-app.svc.cluster.local:80', 'web.my-app.svc.cluster.local:53/UDP'],
        ['10.96.0.7:80', '10.96.0.7:53/UDP', '172.30.0.11:30080', '172.30.0.12:30080'],
      ],
      ['my-app/db', ['db.my-app.svc.cluster.local:5432'], []],
      ['my-app/external', ['external.my-app.svc.cluster.local'], []],
    ]);
  });

  it('ends with commands to try', () => {
    const client = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...meta('client'), labels: { app: 'client' } },
      spec: { containers: [] },
    } as Pod;
    const lines = hints({ kubeconfig: '/k', reach, pods: [client], command: './podlan', cluster: 'other' });
    expect(lines).toContain('export KUBECONFIG=/k');
    expect(lines).toContain('  curl http://10.96.0.7:80');
    expect(lines).toContain('  kubectl exec -n my-app client -- busybox wget -qO- http://web');
    expect(lines.at(-1)).toBe('  ./podlan down --name other');
  });
});

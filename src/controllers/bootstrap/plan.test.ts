import { describe, expect, it } from 'vitest';
import { clusterSettings as settings } from '../../api/testdata/cluster.ts';
import { fakeCluster } from '../../client/fake.ts';
import { plan } from './plan.ts';

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

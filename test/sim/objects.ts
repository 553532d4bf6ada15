// What people apply in a simulated run.
import type { Deployment, Draft, Service, StatefulSet } from '../../src/api/types.ts';

const template = (app: string, image: string) => ({
  metadata: { labels: { app } },
  spec: {
    containers: [{ name: 'main', image, ports: [{ name: 'http', containerPort: 80 }] }],
    terminationGracePeriodSeconds: 5,
  },
});

export const deployment = (name: string, replicas: number, image = 'app:1'): Draft<Deployment> => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'my-app' },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name, image) },
});

export const statefulSet = (
  name: string,
  replicas: number,
  image = 'db:1',
  podManagementPolicy = 'OrderedReady',
): Draft<StatefulSet> => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name, namespace: 'my-app' },
  spec: {
    replicas,
    serviceName: name,
    podManagementPolicy,
    selector: { matchLabels: { app: name } },
    template: template(name, image),
  },
});

export const service = (name: string, headless = false): Draft<Service> => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'my-app' },
  spec: {
    ...(headless ? { clusterIP: 'None' } : {}),
    selector: { app: name },
    ports: [{ port: 80, targetPort: 'http' }],
  },
});

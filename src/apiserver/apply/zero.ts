// Objects as Go's zero values are written: a create is compared with one of these. What stands here was always there, so
// who creates an object does not own it as such: f:spec has no '.', but f:env, which is absent here, has one.
import type { Kind } from '../../api/types.ts';
import type { JsonObject } from './shape.ts';

const template = { metadata: {}, spec: { containers: null } };

const ZERO: { readonly [K in Kind]?: JsonObject } = {
  Namespace: { spec: {}, status: {} },
  Node: {
    spec: {},
    status: {
      daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
      nodeInfo: {
        machineID: '',
        systemUUID: '',
        bootID: '',
        kernelVersion: '',
        osImage: '',
        containerRuntimeVersion: '',
        kubeletVersion: '',
        kubeProxyVersion: '',
        operatingSystem: '',
        architecture: '',
      },
    },
  },
  Pod: { spec: { containers: null }, status: {} },
  Service: { spec: {}, status: { loadBalancer: {} } },
  Event: {
    involvedObject: {},
    source: {},
    firstTimestamp: null,
    lastTimestamp: null,
    eventTime: null,
    reportingComponent: '',
    reportingInstance: '',
  },
  EndpointSlice: { addressType: '', endpoints: null, ports: null },
  Lease: { spec: {} },
  Deployment: { spec: { selector: null, template, strategy: {} }, status: {} },
  ReplicaSet: { spec: { selector: null, template }, status: { replicas: 0 } },
  StatefulSet: {
    spec: { selector: null, serviceName: '', template, updateStrategy: {} },
    status: { replicas: 0, availableReplicas: 0 },
  },
  ControllerRevision: { data: null, revision: 0 },
  NetworkPolicy: { spec: { podSelector: {} } },
};

export const zeroObject = (kind: Kind): JsonObject => ({ ...ZERO[kind], metadata: {} });

// Defaults of v1.35 for every kind served, including the ones that upstream's built-in admission sets.
import type { Kind, KindMap, KubeObject } from '../types.ts';
import { namespaceDefaults, nodeDefaults, secretDefaults } from './cluster.ts';
import { endpointsDefaults, endpointSliceDefaults, networkPolicyDefaults, serviceDefaults } from './network.ts';
import { podDefaults } from './pod.ts';
import { deploymentDefaults, replicaSetDefaults, statefulSetDefaults } from './workload.ts';

export { qosClass, SYSTEM_PRIORITIES } from './pod.ts';

export interface DefaultsSettings {
  readonly evictAfterSeconds: number;
}

type Defaults<K extends Kind> = (object: KindMap[K], settings: DefaultsSettings) => void;

/** Kinds that are missing here have no defaults upstream either. */
const DEFAULTS: { readonly [K in Kind]?: Defaults<K> } = {
  Namespace: namespaceDefaults,
  Node: nodeDefaults,
  Pod: (pod, settings) => podDefaults(pod, settings.evictAfterSeconds),
  Service: serviceDefaults,
  Endpoints: endpointsDefaults,
  Secret: secretDefaults,
  EndpointSlice: endpointSliceDefaults,
  Deployment: deploymentDefaults,
  ReplicaSet: replicaSetDefaults,
  StatefulSet: statefulSetDefaults,
  NetworkPolicy: networkPolicyDefaults,
};

/** A new object with every default filled in; again on its own result it changes nothing. */
export function applyDefaults(kind: Kind, object: KubeObject, settings: DefaultsSettings): KubeObject {
  const defaults = DEFAULTS[kind] as Defaults<Kind> | undefined;
  if (!defaults) return object;
  const copy = structuredClone(object);
  copy.metadata ??= {} as KubeObject['metadata'];
  defaults(copy, settings);
  return copy;
}

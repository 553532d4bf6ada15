// Upstream's rules for every kind served, then podlan's own list of what it does not act on yet (supported.ts).
import type { Kind, KindMap, KubeObject } from '../types.ts';
import {
  controllerRevisionErrors,
  controllerRevisionUpdateErrors,
  eventErrors,
  leaseErrors,
  namespaceErrors,
  nodeErrors,
  nodeUpdateErrors,
} from './cluster.ts';
import { configMapErrors, configMapUpdateErrors, secretErrors, secretUpdateErrors } from './data.ts';
import { endpointSliceErrors, endpointSliceUpdateErrors, endpointsErrors } from './endpoints.ts';
import type { Errors, FieldError } from './field.ts';
import { metadataErrors, metadataUpdateErrors } from './metadata.ts';
import { networkPolicyErrors } from './networkpolicy.ts';
import { podErrors, podUpdateErrors } from './pod.ts';
import { serviceErrors, serviceUpdateErrors } from './service.ts';
import { unsupportedErrors } from './supported.ts';
import {
  deploymentErrors,
  replicaSetErrors,
  selectorUpdateErrors,
  statefulSetErrors,
  statefulSetUpdateErrors,
} from './workload.ts';

export { errorBody, type FieldError, invalid } from './field.ts';

interface Rules<T> {
  readonly object?: (object: T) => Errors;
  readonly update?: (object: T, old: T) => Errors;
}

const RULES: { readonly [K in Kind]: Rules<KindMap[K]> } = {
  Namespace: { object: namespaceErrors },
  Node: { object: nodeErrors, update: nodeUpdateErrors },
  Pod: { object: podErrors, update: podUpdateErrors },
  Service: { object: serviceErrors, update: serviceUpdateErrors },
  Endpoints: { object: endpointsErrors },
  ConfigMap: { object: configMapErrors, update: configMapUpdateErrors },
  Secret: { object: secretErrors, update: secretUpdateErrors },
  ServiceAccount: {},
  Event: { object: eventErrors },
  EndpointSlice: { object: endpointSliceErrors, update: endpointSliceUpdateErrors },
  Lease: { object: leaseErrors },
  Deployment: { object: deploymentErrors, update: selectorUpdateErrors },
  ReplicaSet: { object: replicaSetErrors, update: selectorUpdateErrors },
  StatefulSet: { object: statefulSetErrors, update: statefulSetUpdateErrors },
  ControllerRevision: { object: controllerRevisionErrors, update: controllerRevisionUpdateErrors },
  NetworkPolicy: { object: networkPolicyErrors },
};

const rulesOf = (kind: Kind): Rules<KubeObject> => RULES[kind] as Rules<KubeObject>;

/** An object that has its name and its defaults. Nothing wrong: an empty list. */
export function validateCreate(kind: Kind, object: KubeObject): FieldError[] {
  return [
    ...metadataErrors(kind, object),
    ...(rulesOf(kind).object?.(object) ?? []),
    ...unsupportedErrors(kind, object),
  ];
}

export function validateUpdate(kind: Kind, object: KubeObject, old: KubeObject): FieldError[] {
  return [
    ...metadataUpdateErrors(object, old),
    ...validateCreate(kind, object),
    ...(rulesOf(kind).update?.(object, old) ?? []),
  ];
}

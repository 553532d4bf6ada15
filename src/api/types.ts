// The vocabulary: plain JSON objects as they travel, with the metadata that a stored object always has.
// Shapes come from the types-only package kubernetes-types; fields newer than it are added here, each with its version.
import type * as apps from 'kubernetes-types/apps/v1';
import type * as coordination from 'kubernetes-types/coordination/v1';
import type * as core from 'kubernetes-types/core/v1';
import type * as discovery from 'kubernetes-types/discovery/v1';
import type * as networking from 'kubernetes-types/networking/v1';

export type { apps, coordination, core, discovery, networking };

/** Seconds-precision RFC 3339 text as in metadata.creationTimestamp, e.g. 2026-11-23T10:00:00Z. */
export type Timestamp = string;

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** metadata of a stored object: what the server guarantees is required. */
export interface Meta {
  name: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: Timestamp;
  namespace?: string;
  generateName?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  deletionTimestamp?: Timestamp;
  deletionGracePeriodSeconds?: number;
  managedFields?: unknown[];
}

/** Any object of the API, as stored and served. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: Meta;
}

type Writable<T> = { -readonly [P in keyof T]: T[P] };
/** A kind of kubernetes-types as it is stored: with full metadata, and `spec` present where R names it. */
type Stored<T, R extends keyof T = never> = Writable<Omit<T, 'apiVersion' | 'kind' | 'metadata' | R>> &
  Required<Writable<Pick<T, R>>> &
  KubeObject;

/** An object on its way to `create`: the server fills in the rest. */
export type Draft<T extends KubeObject> = Omit<T, 'metadata'> & { metadata: Partial<Meta> };

export type Namespace = Stored<core.Namespace>;
export type Node = Stored<core.Node, 'spec'>;
export type Pod = Stored<core.Pod, 'spec'>;
export type Service = Stored<core.Service, 'spec'>;
export type Endpoints = Stored<core.Endpoints>;
export type ConfigMap = Stored<core.ConfigMap>;
export type Secret = Stored<core.Secret>;
export type ServiceAccount = Stored<core.ServiceAccount>;
export type Event = Stored<core.Event>;
export type EndpointSlice = Stored<discovery.EndpointSlice>;
export type Lease = Stored<coordination.Lease, 'spec'>;
export type Deployment = Stored<apps.Deployment, 'spec'>;
export type ReplicaSet = Stored<apps.ReplicaSet, 'spec'>;
export type StatefulSet = Stored<apps.StatefulSet, 'spec'>;
export type ControllerRevision = Stored<apps.ControllerRevision>;
export type NetworkPolicy = Stored<networking.NetworkPolicy, 'spec'>;

/** Kind name -> its type, for every kind served. A kind's row in kinds.ts and its entry here stand and fall together. */
export interface KindMap {
  Namespace: Namespace;
  Node: Node;
  Pod: Pod;
  Service: Service;
  Endpoints: Endpoints;
  ConfigMap: ConfigMap;
  Secret: Secret;
  ServiceAccount: ServiceAccount;
  Event: Event;
  EndpointSlice: EndpointSlice;
  Lease: Lease;
  Deployment: Deployment;
  ReplicaSet: ReplicaSet;
  StatefulSet: StatefulSet;
  ControllerRevision: ControllerRevision;
  NetworkPolicy: NetworkPolicy;
}
export type Kind = keyof KindMap;

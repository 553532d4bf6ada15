// Printed tables: the columns that upstream's server prints for each kind.
import { CONFIG_MAP, EVENT, LEASE, NAMESPACE, NODE, SECRET, SERVICE_ACCOUNT } from './columns/cluster.ts';
import type { Column, ColumnDefinition } from './columns/column.ts';
import { ENDPOINT_SLICE, ENDPOINTS, NETWORK_POLICY, SERVICE } from './columns/network.ts';
import { POD } from './columns/pod.ts';
import { CONTROLLER_REVISION, DEPLOYMENT, REPLICA_SET, STATEFUL_SET } from './columns/workload.ts';
import type { Kind, KindMap, KubeObject } from './types.ts';

export type { ColumnDefinition } from './columns/column.ts';
export { podStatusWord } from './columns/pod.ts';

const COLUMNS: { readonly [K in Kind]: readonly Column<KindMap[K]>[] } = {
  Namespace: NAMESPACE,
  Node: NODE,
  Pod: POD,
  Service: SERVICE,
  Endpoints: ENDPOINTS,
  ConfigMap: CONFIG_MAP,
  Secret: SECRET,
  ServiceAccount: SERVICE_ACCOUNT,
  Event: EVENT,
  EndpointSlice: ENDPOINT_SLICE,
  Lease: LEASE,
  Deployment: DEPLOYMENT,
  ReplicaSet: REPLICA_SET,
  StatefulSet: STATEFUL_SET,
  ControllerRevision: CONTROLLER_REVISION,
  NetworkPolicy: NETWORK_POLICY,
};

const columnsOf = (kind: Kind): readonly Column<KubeObject>[] => COLUMNS[kind];

export function tableColumns(kind: Kind): ColumnDefinition[] {
  return columnsOf(kind).map(({ name, type, format, description, priority }) => ({
    name,
    type,
    format,
    description,
    priority,
  }));
}

/** Cells in the order of the columns. */
export function tableRow(kind: Kind, object: KubeObject, nowMs: number): unknown[] {
  return columnsOf(kind).map((column) => column.cell(object, nowMs));
}

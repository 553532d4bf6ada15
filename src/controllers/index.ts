// All controllers of the control plane, and what their cache must hold.
import type { ClusterSettings } from '../api/cluster.ts';
import { KINDS } from '../api/kinds.ts';
import type { CachedKind } from '../client/cache.ts';
import type { Controller } from '../client/types.ts';
import { bootstrap } from './bootstrap/inputs.ts';
import { deployment } from './deployment/inputs.ts';
import { endpoints } from './endpoints/inputs.ts';
import { endpointslice } from './endpointslice/inputs.ts';
import { endpointsliceMirroring } from './endpointslice-mirroring/inputs.ts';
import { eventTtl } from './event-ttl/inputs.ts';
import { garbageCollector } from './garbage-collector/inputs.ts';
import { namespace } from './namespace/inputs.ts';
import { nodeIpam } from './node-ipam/inputs.ts';
import { nodeLifecycle } from './node-lifecycle/inputs.ts';
import { podGc } from './pod-gc/inputs.ts';
import { replicaset } from './replicaset/inputs.ts';
import { serviceaccount } from './serviceaccount/inputs.ts';
import { statefulset } from './statefulset/inputs.ts';
import { taintEviction } from './taint-eviction/inputs.ts';

export const controllers = (settings: ClusterSettings): Controller[] => [
  bootstrap(settings),
  namespace,
  serviceaccount,
  nodeIpam(settings),
  nodeLifecycle(settings),
  taintEviction,
  podGc(settings),
  garbageCollector,
  deployment,
  replicaset,
  statefulset,
  endpointslice,
  endpointsliceMirroring,
  endpoints,
  eventTtl,
];

/** One cache of every kind serves all controllers and the scheduler. */
export const cachedKinds: readonly CachedKind[] = KINDS.map(({ kind }) => ({ kind }));

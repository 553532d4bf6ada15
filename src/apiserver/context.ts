// What every handler is given: the server's parts, and the one request.
import type { ApiRequest } from '../api/http.ts';
import type { KindRow } from '../api/kinds.ts';
import type { Env } from '../client/types.ts';
import type { Store } from '../store/types.ts';
import type { Accepted } from './negotiate.ts';
import type { NodeProxy } from './nodes.ts';
import type { ServiceAllocator } from './services.ts';
import type { WatchCache } from './watchcache.ts';
import type { WatchStreams } from './streams.ts';

export interface ApiServerSettings {
  /** e.g. 10.96.0.0/16 */
  serviceNetwork: string;
  /** Addresses of serviceNetwork that are given only to a Service that asks for them. */
  reservedIps: string[];
  nodePorts: { from: number; to: number };
  clusterDomain: string;
  /** Default tolerationSeconds of the not-ready and unreachable taints. */
  evictAfterSeconds: number;
}

export interface Context {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly env: Env;
  readonly settings: ApiServerSettings;
  readonly services: ServiceAllocator;
  readonly streams: WatchStreams;
  readonly nodes: NodeProxy | undefined;
}

export interface Call {
  readonly request: ApiRequest;
  readonly row: KindRow;
  readonly namespace: string | undefined;
  /** '' for a collection. */
  readonly name: string;
  readonly subresource: string | undefined;
  readonly accept: Accepted;
  /** Texts for Warning headers. */
  readonly warnings: string[];
}

// ONE table of the kinds served. REST routes, discovery, the client and the controllers all read it.
import type { Kind } from './types.ts';

export interface KindRow {
  readonly kind: Kind;
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Subresources beside the object itself, in discovery's order. */
  readonly subresources: readonly string[];
  /** metadata.generation counts changes of everything but metadata and status (upstream's list of kinds that do so). */
  readonly generation: boolean;
  /** Whether all of a namespace (or of the cluster) can be deleted at once; upstream has that for every kind but one. */
  readonly deletesCollection: boolean;
}

const row = (
  kind: Kind,
  group: string,
  plural: string,
  shortNames: string[],
  more: Partial<KindRow> = {},
): KindRow => ({
  kind,
  group,
  version: 'v1',
  plural,
  singular: kind.toLowerCase(),
  shortNames,
  categories: [],
  namespaced: true,
  subresources: [],
  generation: false,
  deletesCollection: true,
  ...more,
});

export const KINDS: readonly KindRow[] = [
  row('Namespace', '', 'namespaces', ['ns'], {
    namespaced: false,
    subresources: ['finalize', 'status'],
    deletesCollection: false,
  }),
  row('Node', '', 'nodes', ['no'], { namespaced: false, subresources: ['status'] }),
  row('Pod', '', 'pods', ['po'], {
    categories: ['all'],
    subresources: ['attach', 'binding', 'eviction', 'exec', 'log', 'portforward', 'status'],
    generation: true,
  }),
  row('Service', '', 'services', ['svc'], { categories: ['all'], subresources: ['status'] }),
  row('Endpoints', '', 'endpoints', ['ep'], { singular: 'endpoints' }),
  row('ConfigMap', '', 'configmaps', ['cm']),
  row('Secret', '', 'secrets', []),
  row('ServiceAccount', '', 'serviceaccounts', ['sa']),
  row('Event', '', 'events', ['ev']),
  row('EndpointSlice', 'discovery.k8s.io', 'endpointslices', [], { generation: true }),
  row('Lease', 'coordination.k8s.io', 'leases', []),
  row('Deployment', 'apps', 'deployments', ['deploy'], {
    categories: ['all'],
    subresources: ['scale', 'status'],
    generation: true,
  }),
  row('ReplicaSet', 'apps', 'replicasets', ['rs'], {
    categories: ['all'],
    subresources: ['scale', 'status'],
    generation: true,
  }),
  row('StatefulSet', 'apps', 'statefulsets', ['sts'], {
    categories: ['all'],
    subresources: ['scale', 'status'],
    generation: true,
  }),
  row('ControllerRevision', 'apps', 'controllerrevisions', []),
  row('NetworkPolicy', 'networking.k8s.io', 'networkpolicies', ['netpol'], { generation: true }),
];

const byKind = new Map(KINDS.map((r) => [r.kind, r]));

/** The row of a kind served. */
export function kindRow(kind: Kind): KindRow {
  const found = byKind.get(kind);
  if (!found) throw new Error(`no such kind in the table: ${kind}`);
  return found;
}

/** 'v1' or 'apps/v1', as it stands in apiVersion. */
export const apiVersionOf = (r: KindRow): string => (r.group === '' ? r.version : `${r.group}/${r.version}`);

/** '/api/v1' or '/apis/apps/v1': where a group version's resources live. */
export const groupVersionPath = (r: KindRow): string =>
  r.group === '' ? `/api/${r.version}` : `/apis/${r.group}/${r.version}`;

/** URL path of a collection (no name) or of one object, with an optional subresource. */
export function resourcePath(kind: Kind, namespace?: string, name?: string, subresource?: string): string {
  const r = kindRow(kind);
  const scope = r.namespaced && namespace !== undefined ? `/namespaces/${namespace}` : '';
  const tail = name === undefined ? '' : `/${name}${subresource ? `/${subresource}` : ''}`;
  return `${groupVersionPath(r)}${scope}/${r.plural}${tail}`;
}

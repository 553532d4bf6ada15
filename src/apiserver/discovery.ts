// Discovery: which groups, versions and resources there are, both as single documents per group version and aggregated
// in one. Everything follows from the table of kinds.
import { groupVersionPath, type KindRow, KINDS } from '../api/kinds.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const verbsOf = (row: KindRow): readonly string[] =>
  row.deletesCollection ? verbs : verbs.filter((verb) => verb !== 'deletecollection');

interface Sub {
  readonly kind: string;
  readonly verbs: readonly string[];
  /** Where the kind is of another group than the resource. */
  readonly group?: string;
  readonly version?: string;
}

const change = ['get', 'patch', 'update'];
const connect = ['create', 'get'];

/** What a subresource takes and gives. */
export function subresource(row: KindRow, name: string): Sub {
  switch (name) {
    case 'scale':
      return { kind: 'Scale', verbs: change, group: 'autoscaling', version: 'v1' };
    case 'binding':
      return { kind: 'Binding', verbs: ['create'] };
    case 'eviction':
      return { kind: 'Eviction', verbs: ['create'], group: 'policy', version: 'v1' };
    case 'log':
      return { kind: row.kind, verbs: ['get'] };
    case 'exec':
      return { kind: 'PodExecOptions', verbs: connect };
    case 'attach':
      return { kind: 'PodAttachOptions', verbs: connect };
    case 'portforward':
      return { kind: 'PodPortForwardOptions', verbs: connect };
    case 'finalize':
      return { kind: row.kind, verbs: ['update'] };
    default:
      return { kind: row.kind, verbs: change };
  }
}

/** '' (core) first, the others in the order of the table. */
const groups: readonly string[] = [...new Set(['', ...KINDS.map((r) => r.group)])];
const rowsOf = (group: string): KindRow[] => KINDS.filter((r) => r.group === group);
const versionsOf = (group: string): string[] => [...new Set(rowsOf(group).map((r) => r.version))];
const groupVersion = (group: string, version: string): string => (group === '' ? version : `${group}/${version}`);

export const groupVersions = (): { group: string; version: string; path: string }[] =>
  groups.flatMap((group) =>
    versionsOf(group).map((version) => ({
      group,
      version,
      path: groupVersionPath({ group, version } as KindRow).slice(1),
    })),
  );

export const apiVersions = (address: string): unknown => ({
  kind: 'APIVersions',
  versions: versionsOf(''),
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
});

function apiGroup(group: string): { name: string; versions: unknown[]; preferredVersion: unknown } {
  const versions = versionsOf(group).map((version) => ({ groupVersion: groupVersion(group, version), version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

export const apiGroupList = (): unknown => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groups.filter((g) => g !== '').map(apiGroup),
});

/** undefined: no such group. */
export const oneGroup = (group: string): unknown =>
  group !== '' && groups.includes(group) ? { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(group) } : undefined;

/** undefined: no such group version. */
export function resourceList(group: string, version: string): unknown {
  const rows = rowsOf(group).filter((r) => r.version === version);
  if (rows.length === 0) return undefined;
  const resources = rows.flatMap((row) => [
    {
      name: row.plural,
      singularName: row.singular,
      namespaced: row.namespaced,
      kind: row.kind,
      verbs: verbsOf(row),
      ...(row.shortNames.length > 0 ? { shortNames: row.shortNames } : {}),
      ...(row.categories.length > 0 ? { categories: row.categories } : {}),
    },
    ...row.subresources.map((name) => {
      const { kind, verbs: can, ...gv } = subresource(row, name);
      return { name: `${row.plural}/${name}`, singularName: '', namespaced: row.namespaced, ...gv, kind, verbs: can };
    }),
  ]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupVersion(group, version), resources };
}

function aggregatedResource(row: KindRow): unknown {
  const responseKind = (kind: string, group: string, version: string): unknown => ({ group, version, kind });
  return {
    resource: row.plural,
    responseKind: responseKind(row.kind, row.group, row.version),
    scope: row.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: row.singular,
    verbs: verbsOf(row),
    ...(row.shortNames.length > 0 ? { shortNames: row.shortNames } : {}),
    ...(row.categories.length > 0 ? { categories: row.categories } : {}),
    subresources: row.subresources.map((name) => {
      const s = subresource(row, name);
      return {
        subresource: name,
        responseKind: responseKind(s.kind, s.group ?? row.group, s.version ?? row.version),
        verbs: s.verbs,
      };
    }),
  };
}

/** Of /api (the core group) or /apis (all others); `version` is that of apidiscovery.k8s.io: v2 or v2beta1. */
export const aggregated = (core: boolean, version: string): unknown => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: `apidiscovery.k8s.io/${version}`,
  metadata: {},
  items: groups
    .filter((group) => (group === '') === core)
    .map((group) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versionsOf(group).map((v) => ({
        version: v,
        resources: rowsOf(group)
          .filter((r) => r.version === v)
          .map(aggregatedResource),
        freshness: 'Current',
      })),
    })),
});

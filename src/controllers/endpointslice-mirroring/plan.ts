// Endpoints that people wrote by hand, for a Service without selector, as EndpointSlices: the proxies read only those.
import type { core, discovery, Draft, Endpoints, EndpointSlice, KubeObject } from '../../api/types.ts';
import { canonicalJson, nameSuffix, sameJson } from '../../client/hash.ts';
import { controllerReference, isTerminating, splitKey } from '../../client/pods.ts';
import type { Change, Plan, View } from '../../client/types.ts';

export const serviceLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managedBy = 'endpointslicemirroring-controller.k8s.io';
const notMirrored = ['endpointslice.kubernetes.io/skip-mirror', 'endpoints.kubernetes.io/managed-by'];
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';

export function plan(view: View, key: string): Plan {
  const { namespace, name } = splitKey(key);
  const endpoints = view.get('Endpoints', namespace, name);
  const held = endpoints
    ? view
        .owned('EndpointSlice', endpoints.metadata.uid)
        .filter((s) => s.metadata.labels?.[managedByLabel] === managedBy)
    : [];
  const service = view.get('Service', namespace, name);
  const mirrored = endpoints && service && !service.spec.selector && isMirrored(endpoints);
  const wanted = mirrored ? slicesOf(endpoints) : [];
  const changes: Change[] = [];
  const kept = new Set<EndpointSlice>();
  for (const draft of wanted) {
    const id = canonicalJson([draft.addressType, draft.ports]);
    const seen = held.find((s) => !kept.has(s) && canonicalJson([s.addressType, s.ports ?? []]) === id);
    if (!seen)
      changes.push({
        op: 'create',
        kind: 'EndpointSlice',
        object: draft,
        why: `Endpoints ${key} were written by hand`,
      });
    else {
      kept.add(seen);
      if (sameJson(seen.endpoints, draft.endpoints) && sameJson(seen.metadata.labels, draft.metadata.labels)) continue;
      const metadata = { ...seen.metadata, labels: draft.metadata.labels };
      const object = { ...seen, metadata, endpoints: draft.endpoints } as KubeObject;
      changes.push({ op: 'update', kind: 'EndpointSlice', object, why: `Endpoints ${key} changed` });
    }
  }
  for (const s of held) {
    if (kept.has(s) || isTerminating(s)) continue;
    const { name: slice, uid } = s.metadata;
    changes.push({
      op: 'delete',
      kind: 'EndpointSlice',
      namespace,
      name: slice,
      uid,
      why: `Endpoints ${key} no longer say this`,
    });
  }
  return { changes };
}

const isMirrored = (e: Endpoints): boolean =>
  !isTerminating(e) &&
  !notMirrored.some((label) => e.metadata.labels?.[label] !== undefined) &&
  e.metadata.annotations?.[leaderAnnotation] === undefined;

function slicesOf(e: Endpoints): Draft<EndpointSlice>[] {
  const { name, namespace, uid } = e.metadata;
  const prefix = `${name.slice(0, 57)}-`;
  return (e.subsets ?? []).flatMap((subset) =>
    (['IPv4', 'IPv6'] as const).flatMap((addressType): Draft<EndpointSlice>[] => {
      const ports = (subset.ports ?? []).map((p) => ({ name: '', protocol: 'TCP', ...p }));
      const list = [
        ...(subset.addresses ?? []).map((a) => endpointOf(a, true)),
        ...(subset.notReadyAddresses ?? []).map((a) => endpointOf(a, false)),
      ].filter(({ addresses }) => addresses[0]?.includes(':') === (addressType === 'IPv6'));
      if (list.length === 0) return [];
      const metadata = {
        name: prefix + nameSuffix(`${uid}/${addressType}/${canonicalJson(ports)}/${e.metadata.resourceVersion}`),
        namespace,
        labels: { ...e.metadata.labels, [serviceLabel]: name, [managedByLabel]: managedBy },
        ownerReferences: [controllerReference(e)],
      };
      return [
        { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType, ports, endpoints: list },
      ];
    }),
  );
}

const endpointOf = (a: core.EndpointAddress, ready: boolean): discovery.Endpoint => ({
  addresses: [a.ip],
  conditions: { ready },
  ...(a.hostname ? { hostname: a.hostname } : {}),
  ...(a.nodeName ? { nodeName: a.nodeName } : {}),
  ...(a.targetRef ? { targetRef: a.targetRef } : {}),
});

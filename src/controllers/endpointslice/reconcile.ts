// Fits wanted endpoints into the slices that are there with few writes: an endpoint stays where it is, new ones fill
// the fullest slice that has room, a slice that gets empty goes.
import type { discovery, EndpointSlice } from '../../api/types.ts';
import { canonicalJson, sameJson } from '../../client/hash.ts';

export interface Group {
  readonly ports: readonly discovery.EndpointPort[];
  readonly endpoints: readonly discovery.Endpoint[];
}

export type SliceChange =
  | {
      readonly op: 'create';
      readonly ports: readonly discovery.EndpointPort[];
      readonly endpoints: readonly discovery.Endpoint[];
    }
  | {
      readonly op: 'update';
      readonly slice: EndpointSlice;
      readonly ports: readonly discovery.EndpointPort[];
      readonly endpoints: readonly discovery.Endpoint[];
    }
  | { readonly op: 'delete'; readonly slice: EndpointSlice };

/** Which endpoint it is, whatever its state: the same pod with the same address. */
const identity = (e: discovery.Endpoint): string =>
  `${e.targetRef?.uid ?? ''}/${e.addresses.join(',')}/${e.hostname ?? ''}`;

interface Place {
  readonly slice: EndpointSlice | undefined;
  readonly endpoints: discovery.Endpoint[];
}

export function reconcile(
  groups: readonly Group[],
  existing: readonly EndpointSlice[],
  perSlice: number,
  labelled: (slice: EndpointSlice) => boolean,
): readonly SliceChange[] {
  const byPorts = new Map<string, EndpointSlice[]>();
  for (const slice of existing) {
    const id = canonicalJson(slice.ports ?? []);
    byPorts.set(id, [...(byPorts.get(id) ?? []), slice]);
  }
  const changes: SliceChange[] = [];
  for (const group of groups) {
    const id = canonicalJson(group.ports);
    changes.push(...reconcileGroup(group, byPorts.get(id) ?? [], perSlice, labelled));
    byPorts.delete(id);
  }
  for (const slices of byPorts.values()) changes.push(...slices.map((slice): SliceChange => ({ op: 'delete', slice })));
  // Add before delete: an endpoint that moves to another slice is never in none.
  const order = { create: 0, update: 1, delete: 2 };
  return changes.sort((a, b) => order[a.op] - order[b.op]);
}

function reconcileGroup(
  group: Group,
  slices: readonly EndpointSlice[],
  perSlice: number,
  labelled: (slice: EndpointSlice) => boolean,
): SliceChange[] {
  const wanted = new Map(group.endpoints.map((e) => [identity(e), e]));
  const places: Place[] = slices.map((slice) => {
    const endpoints: discovery.Endpoint[] = [];
    for (const held of slice.endpoints ?? []) {
      const e = wanted.get(identity(held));
      if (!e || endpoints.length >= perSlice) continue;
      wanted.delete(identity(held));
      endpoints.push(e);
    }
    return { slice, endpoints };
  });
  let rest = [...wanted.values()];
  const fullestFirst = [...places].sort((a, b) => b.endpoints.length - a.endpoints.length);
  for (const place of fullestFirst) {
    const room = perSlice - place.endpoints.length;
    place.endpoints.push(...rest.slice(0, room));
    rest = rest.slice(room);
  }
  for (let at = 0; at < rest.length; at += perSlice) {
    places.push({ slice: undefined, endpoints: rest.slice(at, at + perSlice) });
  }
  const filled = places.filter((p) => p.endpoints.length > 0);
  // A Service without endpoints says so in one empty slice.
  const kept = filled.length > 0 ? filled : [places[0] ?? { slice: undefined, endpoints: [] }];
  return [
    ...kept.flatMap(({ slice, endpoints }): SliceChange[] => {
      if (!slice) return [{ op: 'create', ports: group.ports, endpoints }];
      const same = labelled(slice) && sameJson(slice.endpoints ?? [], endpoints);
      return same ? [] : [{ op: 'update', slice, ports: group.ports, endpoints }];
    }),
    ...places.flatMap((p): SliceChange[] => (p.slice && !kept.includes(p) ? [{ op: 'delete', slice: p.slice }] : [])),
  ];
}

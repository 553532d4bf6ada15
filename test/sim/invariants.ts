// What must be true once nothing moves any more, and what must be true at every moment.
import { KINDS } from '../../src/api/kinds.ts';
import { intOrPercent } from '../../src/api/quantity.ts';
import type { Pod } from '../../src/api/types.ts';
import { isActive, isReady, isTerminating } from '../../src/client/pods.ts';
import type { View } from '../../src/client/types.ts';
import type { World } from './world.ts';

/** Violations of the state at rest, in words; none is good. */
export function violations(w: World): string[] {
  const { seen } = w;
  return [
    ...deployments(seen),
    ...statefulSets(seen),
    ...slices(seen),
    ...orphans(seen),
    ...nodes(w),
    ...addresses(seen),
    ...single(w),
  ];
}

const podsOfDeployment = (view: View, uid: string): Pod[] =>
  view.owned('ReplicaSet', uid).flatMap((rs) => view.owned('Pod', rs.metadata.uid));

function deployments(view: View): string[] {
  return view.list('Deployment').flatMap((d) => {
    const pods = podsOfDeployment(view, d.metadata.uid);
    const ready = pods.filter((p) => isActive(p) && isReady(p)).length;
    const wanted = d.spec.replicas ?? 1;
    const found: string[] = [];
    if (pods.length !== wanted || ready !== wanted)
      found.push(`${d.metadata.name}: wants ${wanted}, has ${pods.length} pods, ${ready} ready`);
    const progressing = d.status?.conditions?.find((c) => c.type === 'Progressing')?.reason;
    if (progressing !== 'NewReplicaSetAvailable') found.push(`${d.metadata.name}: Progressing says ${progressing}`);
    if ((d.status?.updatedReplicas ?? 0) !== wanted || (d.status?.availableReplicas ?? 0) !== wanted) {
      found.push(`${d.metadata.name}: status ${JSON.stringify(d.status)}`);
    }
    const image = d.spec.template.spec?.containers[0]?.image;
    for (const p of pods)
      if (p.spec.containers[0]?.image !== image) found.push(`${p.metadata.name} is of an old template`);
    return found;
  });
}

function statefulSets(view: View): string[] {
  return view.list('StatefulSet').flatMap((s) => {
    const pods = view.owned('Pod', s.metadata.uid);
    const names = pods.map((p) => p.metadata.name).sort();
    const wanted = Array.from({ length: s.spec.replicas ?? 1 }, (_, i) => `${s.metadata.name}-${i}`).sort();
    const found: string[] = [];
    if (names.join() !== wanted.join()) found.push(`${s.metadata.name}: has ${names.join()}, wants ${wanted.join()}`);
    for (const p of pods) {
      if (!isReady(p)) found.push(`${p.metadata.name} is not ready`);
      if (p.metadata.labels?.['controller-revision-hash'] !== s.status?.updateRevision)
        found.push(`${p.metadata.name} is of an old revision`);
    }
    return found;
  });
}

/** EndpointSlices of a Service say exactly its pods. */
function slices(view: View): string[] {
  return view.list('Service').flatMap((service) => {
    const selector = Object.entries(service.spec.selector ?? {});
    if (selector.length === 0) return [];
    const pods = view
      .list('Pod', service.metadata.namespace)
      .filter((p) => selector.every(([k, v]) => p.metadata.labels?.[k] === v));
    const wanted = pods.map((p) => `${p.status?.podIP} ${isReady(p) && !isTerminating(p)}`).sort();
    const told = view
      .owned('EndpointSlice', service.metadata.uid)
      .flatMap((s) => s.endpoints.map((e) => `${e.addresses[0]} ${e.conditions?.ready}`))
      .sort();
    const older = (view.get('Endpoints', service.metadata.namespace, service.metadata.name)?.subsets ?? [])
      .flatMap((s) => [
        ...(s.addresses ?? []).map((a) => `${a.ip} true`),
        ...(s.notReadyAddresses ?? []).map((a) => `${a.ip} false`),
      ])
      .sort();
    const found: string[] = [];
    if (wanted.join() !== told.join())
      found.push(`${service.metadata.name}: slices say ${told.join()}, pods are ${wanted.join()}`);
    if (wanted.join() !== older.join())
      found.push(`${service.metadata.name}: Endpoints say ${older.join()}, pods are ${wanted.join()}`);
    return found;
  });
}

function orphans(view: View): string[] {
  const uids = new Set(KINDS.flatMap(({ kind }) => view.list(kind).map((o) => o.metadata.uid)));
  return KINDS.flatMap(({ kind }) =>
    view.list(kind).flatMap((o) => {
      const found: string[] = [];
      const { namespace, name, ownerReferences = [], deletionTimestamp } = o.metadata;
      if (ownerReferences.some((r) => !uids.has(r.uid))) found.push(`${kind} ${name} has an owner that is gone`);
      if (namespace !== undefined && !view.get('Namespace', undefined, namespace))
        found.push(`${kind} ${namespace}/${name} has no namespace`);
      if (deletionTimestamp !== undefined) found.push(`${kind} ${name} is still terminating`);
      return found;
    }),
  );
}

function nodes(w: World): string[] {
  return w.kubelets.flatMap((k) => {
    const node = w.seen.get('Node', undefined, k.name);
    const ready = node?.status?.conditions?.find((c) => c.type === 'Ready')?.status;
    const pods = w.seen.podsOn(k.name);
    const found: string[] = [];
    if (!node?.spec.podCIDR) found.push(`${k.name} has no podCIDR`);
    if (k.alive && (ready !== 'True' || node?.spec.taints?.length))
      found.push(`${k.name} lives, but ${ready} ${JSON.stringify(node?.spec.taints)}`);
    if (!k.alive && (ready === 'True' || pods.length > 0))
      found.push(`${k.name} is dead, but ${ready} with ${pods.length} pods`);
    return found;
  });
}

function addresses(view: View): string[] {
  const ips = view.list('Pod').flatMap((p) => p.status?.podIP ?? []);
  const cidrs = view.list('Node').flatMap((n) => n.spec.podCIDR ?? []);
  const found: string[] = [];
  if (new Set(ips).size !== ips.length) found.push(`two pods have one address: ${ips.sort().join()}`);
  if (new Set(cidrs).size !== cidrs.length) found.push(`two nodes have one range: ${cidrs.join()}`);
  return found;
}

/** No name runs twice: what a StatefulSet promises to its pods. True at every moment. */
export function single(w: World): string[] {
  const names = w.kubelets.flatMap((k) => [...k.running.values()]);
  return names.filter((name, i) => names.indexOf(name) !== i).map((name) => `${name} runs twice`);
}

/** What a Deployment keeps to at every moment while it updates: never too few ready pods, never too many in all. */
export function outOfBounds(w: World, namespace: string, name: string): string[] {
  const d = w.seen.get('Deployment', namespace, name);
  if (!d) return [];
  const wanted = d.spec.replicas ?? 1;
  const rolling = d.spec.strategy?.rollingUpdate;
  const least = wanted - intOrPercent(rolling?.maxUnavailable ?? '25%', wanted, false);
  const most = wanted + intOrPercent(rolling?.maxSurge ?? '25%', wanted, true);
  const active = podsOfDeployment(w.seen, d.metadata.uid).filter(isActive);
  const ready = active.filter(isReady).length;
  const found: string[] = [];
  if (ready < least) found.push(`${name} has ${ready} ready pods at ${w.clock.nowMs()}, needs ${least}`);
  if (active.length > most) found.push(`${name} has ${active.length} pods at ${w.clock.nowMs()}, may have ${most}`);
  return found;
}

/** No address stands twice in the slices of one Service. */
export const toldTwice = (w: World): string[] =>
  w.seen.list('Service').flatMap((service) => {
    const all = w.seen
      .owned('EndpointSlice', service.metadata.uid)
      .flatMap((s) => s.endpoints.flatMap((e) => e.addresses));
    return new Set(all).size === all.length
      ? []
      : [`${service.metadata.name} has an address twice at ${w.clock.nowMs()}: ${all.join()}`];
  });

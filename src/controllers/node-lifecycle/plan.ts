// A node that does not renew its Lease is lost: its Ready turns Unknown, taints keep new pods away and evict the old ones,
// and its pods count as not ready, so that no Service sends anything there.
import { rfc3339 } from '../../api/time.ts';
import type { core, KubeObject, Node, Pod } from '../../api/types.ts';
import { eventsFrom } from '../../client/events.ts';
import { sameJson } from '../../client/hash.ts';
import { conditionOf, isFinished, isReady, withCondition } from '../../client/pods.ts';
import type { Change, Plan, View } from '../../client/types.ts';

export const leaseNamespace = 'kube-node-lease';
const event = eventsFrom('node-controller');
const told = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** `lostAtMs`: when the node counts as lost if its Lease has not moved until then. */
export function plan(view: View, key: string, nowMs: number, lostAtMs: number): Plan {
  const node = view.get('Node', undefined, key);
  if (!node) return { changes: [] };
  const lost = nowMs >= lostAtMs;
  const requeueAt = lost ? undefined : lostAtMs;
  const status = lost ? silence(node, nowMs) : [];
  // One write of the node per look: a second one would carry an old resourceVersion.
  if (status.length > 0) return { changes: [...status, ...unreadyPods(view, node, nowMs)], requeueAt };
  const changes = taint(node, nowMs);
  const unknown = conditionOf(node, 'Ready')?.status === 'Unknown';
  return { changes: [...changes, ...(lost && unknown ? unreadyPods(view, node, nowMs) : [])], requeueAt };
}

/** Conditions of a node that says nothing any more. */
function silence(node: Node, nowMs: number): Change[] {
  let conditions = node.status?.conditions ?? [];
  for (const type of told) {
    const known = conditionOf(node, type);
    if (known?.status === 'Unknown') continue;
    const reason = known ? 'NodeStatusUnknown' : 'NodeStatusNeverUpdated';
    const message = known ? 'Kubelet stopped posting node status.' : 'Kubelet never posted node status.';
    const { lastHeartbeatTime } = known ?? {};
    conditions = withCondition(conditions, { type, status: 'Unknown', reason, message, lastHeartbeatTime }, nowMs);
  }
  if (conditions === node.status?.conditions) return [];
  const { name } = node.metadata;
  const object = { ...node, status: { ...node.status, conditions } } as KubeObject;
  return [
    { op: 'update', kind: 'Node', object, subresource: 'status', why: `${name} does not renew its Lease` },
    event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`),
  ];
}

function unreadyPods(view: View, node: Node, nowMs: number): Change[] {
  return view.podsOn(node.metadata.name).flatMap((pod: Pod): Change[] => {
    if (!isReady(pod) || isFinished(pod)) return [];
    const condition = { ...conditionOf(pod, 'Ready'), type: 'Ready', status: 'False' };
    const conditions = withCondition(pod.status?.conditions, condition, nowMs);
    const object = { ...pod, status: { ...pod.status, conditions } } as KubeObject;
    return [
      { op: 'update', kind: 'Pod', object, subresource: 'status', why: `${node.metadata.name} is lost` },
      event(pod, 'Warning', 'NodeNotReady', 'Node is not ready'),
    ];
  });
}

/** Taints that follow from what the node's conditions say. */
function wantedTaints(node: Node): core.Taint[] {
  const wanted: core.Taint[] = [];
  const want = (key: string, ...effects: string[]): void => {
    for (const effect of effects) wanted.push({ key: `node.kubernetes.io/${key}`, effect });
  };
  const status = (type: string): string | undefined => conditionOf(node, type)?.status;
  if (status('Ready') === 'Unknown') want('unreachable', 'NoSchedule', 'NoExecute');
  else if (status('Ready') !== 'True') want('not-ready', 'NoSchedule', 'NoExecute');
  if (status('MemoryPressure') === 'True') want('memory-pressure', 'NoSchedule');
  if (status('DiskPressure') === 'True') want('disk-pressure', 'NoSchedule');
  if (status('PIDPressure') === 'True') want('pid-pressure', 'NoSchedule');
  if (status('NetworkUnavailable') === 'True') want('network-unavailable', 'NoSchedule');
  if (node.spec.unschedulable) want('unschedulable', 'NoSchedule');
  return wanted;
}

const ours = new Set(
  [
    'unreachable',
    'not-ready',
    'memory-pressure',
    'disk-pressure',
    'pid-pressure',
    'network-unavailable',
    'unschedulable',
  ].map((name) => `node.kubernetes.io/${name}`),
);

function taint(node: Node, nowMs: number): Change[] {
  const seen = node.spec.taints ?? [];
  const next = seen.filter((t) => !ours.has(t.key));
  for (const wanted of wantedTaints(node)) {
    const known = seen.find((t) => t.key === wanted.key && t.effect === wanted.effect);
    next.push(known ?? { ...wanted, timeAdded: rfc3339(nowMs) });
  }
  if (sameJson(sorted(next), sorted(seen))) return [];
  const { name, uid, resourceVersion } = node.metadata;
  // null: an empty list of taints is no list, as upstream stores it.
  const patch = { metadata: { uid, resourceVersion }, spec: { taints: next.length > 0 ? next : null } };
  return [
    {
      op: 'patch',
      kind: 'Node',
      name,
      patch,
      why: `${name} is tainted ${next.map((t) => t.key).join(', ') || 'no more'}`,
    },
  ];
}

const sorted = (taints: readonly core.Taint[]): core.Taint[] =>
  [...taints].sort((a, b) => (`${a.key}:${a.effect}` < `${b.key}:${b.effect}` ? -1 : 1));

// What a pod asks for and what a node has left, as numbers.
import { parseQuantity } from '../api/quantity.ts';
import type { core, Node, Pod } from '../api/types.ts';
import { isFinished } from '../client/pods.ts';

/** Resource name -> amount: cpu in cores, memory in bytes, others as they count. */
export type Amounts = ReadonlyMap<string, number>;

const amountsOf = (list: Record<string, string> | undefined): Map<string, number> =>
  new Map(Object.entries(list ?? {}).map(([name, quantity]) => [name, parseQuantity(quantity) ?? 0]));

function add(into: Map<string, number>, more: Amounts): void {
  for (const [name, amount] of more) into.set(name, (into.get(name) ?? 0) + amount);
}

function raise(into: Map<string, number>, to: Amounts): void {
  for (const [name, amount] of to) into.set(name, Math.max(into.get(name) ?? 0, amount));
}

const requests = new WeakMap<core.PodSpec, Amounts>();

/**
 * What the node must set aside: the sum of the containers, or the most that is needed at one time while the init
 * containers run one after another (restartable ones stay and add up), plus overhead.
 */
export function requestsOf(pod: Pod): Amounts {
  const known = requests.get(pod.spec);
  if (known) return known;
  const total = new Map<string, number>();
  for (const c of pod.spec.containers) add(total, amountsOf(c.resources?.requests));
  const sidecars = new Map<string, number>();
  const most = new Map<string, number>();
  for (const c of pod.spec.initContainers ?? []) {
    const own = new Map(amountsOf(c.resources?.requests));
    if (c.restartPolicy === 'Always') {
      add(sidecars, own);
      add(total, own);
      raise(most, sidecars);
    } else {
      add(own, sidecars);
      raise(most, own);
    }
  }
  raise(total, most);
  add(total, amountsOf(pod.spec.overhead));
  requests.set(pod.spec, total);
  return total;
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export function hostPortsOf(pod: Pod): readonly HostPort[] {
  const found: HostPort[] = [];
  for (const c of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const p of c.ports ?? []) {
      if (p.hostPort) found.push({ ip: p.hostIP || '0.0.0.0', protocol: p.protocol ?? 'TCP', port: p.hostPort });
    }
  }
  return found;
}

export const portsConflict = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0');

/** What the pods bound to a node use of it. */
export interface Use {
  readonly requested: Amounts;
  readonly pods: number;
  readonly hostPorts: readonly HostPort[];
}

const uses = new WeakMap<readonly Pod[], Use>();

/** Remembered per array: View.podsOn gives the same array until a pod of the node changes. */
export function useOf(pods: readonly Pod[]): Use {
  const known = uses.get(pods);
  if (known) return known;
  const requested = new Map<string, number>();
  const hostPorts: HostPort[] = [];
  let count = 0;
  for (const pod of pods) {
    // Finished pods hold nothing; terminating ones hold what they have until they are gone.
    if (isFinished(pod)) continue;
    count++;
    add(requested, requestsOf(pod));
    hostPorts.push(...hostPortsOf(pod));
  }
  const use = { requested, pods: count, hostPorts };
  uses.set(pods, use);
  return use;
}

const allocatables = new WeakMap<object, Amounts>();

export function allocatableOf(node: Node): Amounts {
  const list = node.status?.allocatable ?? node.status?.capacity;
  if (!list) return new Map();
  let amounts = allocatables.get(list);
  if (!amounts) allocatables.set(list, (amounts = amountsOf(list)));
  return amounts;
}

/** Names of the resources that the node has too little of, in upstream's words. */
export function lacking(pod: Pod, node: Node, use: Use): string[] {
  const allocatable = allocatableOf(node);
  const found: string[] = [];
  const maxPods = allocatable.get('pods');
  if (use.pods + 1 > (maxPods ?? 0)) found.push('Too many pods');
  for (const [name, amount] of requestsOf(pod)) {
    if (amount === 0) continue;
    const free = (allocatable.get(name) ?? 0) - (use.requested.get(name) ?? 0);
    // Sums of decimal fractions (0.1 + 0.2 cores) may miss by a hair; a millionth of a core is no shortage.
    if (amount > free + 1e-6) found.push(`Insufficient ${name}`);
  }
  return found;
}

// The downward API: fields of the pod and its containers' resources as text.
import { parseQuantity } from '../api/quantity.ts';
import type { core, Pod } from '../api/types.ts';
import { containersOf } from './containers.ts';
import type { Container } from './containers.ts';

export interface NodeFacts {
  readonly nodeName: string;
  readonly nodeIp: string;
  /** What a container without a limit may use. */
  readonly allocatable: { readonly cpu: number; readonly memoryBytes: number };
}

/** fieldRef.fieldPath as text; a label that is not there is ''. */
export function podField(pod: Pod, path: string, node: NodeFacts, podIps: readonly string[]): string {
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (keyed) return pod.metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid;
    case 'metadata.labels':
      return keyValues(pod.metadata.labels);
    case 'metadata.annotations':
      return keyValues(pod.metadata.annotations);
    case 'spec.nodeName':
      return node.nodeName;
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? '';
    case 'status.hostIP':
    case 'status.hostIPs':
      return node.nodeIp;
    case 'status.podIP':
      return podIps[0] ?? '';
    case 'status.podIPs':
      return podIps.join(',');
    default:
      throw new Error(`unsupported fieldPath: ${path}`);
  }
}

/** key="value" lines in the order of the keys. */
const keyValues = (map: Readonly<Record<string, string>> = {}): string =>
  Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');

export function containerResource(
  pod: Pod,
  own: Container | undefined,
  ref: core.ResourceFieldSelector,
  node: NodeFacts,
): string {
  const container = ref.containerName ? containersOf(pod).find((c) => c.name === ref.containerName) : own;
  const [side = '', resource = ''] = ref.resource.split('.');
  const { limits, requests } = container?.resources ?? {};
  const given = side === 'limits' ? limits?.[resource] : requests?.[resource];
  const fallback = side === 'limits' ? unlimited(resource, node) : 0;
  const amount = given === undefined ? fallback : (parseQuantity(given) ?? 0);
  const divisor = parseQuantity(ref.divisor ?? '1') || 1;
  // Rounded up, so that half a core with divisor 1 is one.
  return String(Math.ceil(amount / divisor - 1e-9));
}

const unlimited = (resource: string, node: NodeFacts): number =>
  resource === 'cpu' ? node.allocatable.cpu : resource === 'memory' ? node.allocatable.memoryBytes : 0;

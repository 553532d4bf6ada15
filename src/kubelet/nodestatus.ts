// The Node object: what it is made with, and its status as it follows from the machine and the network. Pure.
import type { NodeSettings } from '../api/cluster.ts';
import { rfc3339 } from '../api/time.ts';
import type { core, Draft, Node } from '../api/types.ts';

export const KUBELET_PORT = 10_250;
const KUBELET_VERSION = 'v1.35.0+podlan';
const MAX_PODS = 110;

export interface MachineFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly runcVersion: string;
}

export function newNode(node: NodeSettings, machine: MachineFacts, nowMs: number): Draft<Node> {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node.name, labels: nodeLabels(node, machine) },
    spec: {},
    status: nodeStatus(undefined, node, machine, notReady('the network of the node is not set up yet'), nowMs),
  };
}

export const nodeLabels = (node: NodeSettings, machine: MachineFacts): Record<string, string> => ({
  'beta.kubernetes.io/arch': machine.architecture,
  'beta.kubernetes.io/os': 'linux',
  'kubernetes.io/arch': machine.architecture,
  'kubernetes.io/hostname': node.name,
  'kubernetes.io/os': 'linux',
});

export interface Readiness {
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
}
export const ready: Readiness = { ready: true, reason: 'KubeletReady', message: 'kubelet is posting ready status' };
export const notReady = (message: string): Readiness => ({ ready: false, reason: 'KubeletNotReady', message });

const quantities = (machine: MachineFacts): Record<string, string> => ({
  cpu: String(machine.cpus),
  'ephemeral-storage': `${Math.floor(machine.diskBytes / 1024)}Ki`,
  memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
  pods: String(MAX_PODS),
});

/** Resources that others have announced (devices) and conditions of others stay. */
export function nodeStatus(
  old: core.NodeStatus | undefined,
  node: NodeSettings,
  machine: MachineFacts,
  state: Readiness,
  nowMs: number,
): core.NodeStatus {
  const own = quantities(machine);
  return {
    capacity: { ...old?.capacity, ...own },
    allocatable: { ...old?.allocatable, ...own },
    conditions: nodeConditions(old?.conditions ?? [], state, nowMs),
    addresses: [
      { type: 'InternalIP', address: node.ip },
      { type: 'Hostname', address: node.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: KUBELET_PORT } },
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.machineId,
      bootID: machine.bootId,
      kernelVersion: machine.kernelVersion,
      osImage: machine.osImage,
      containerRuntimeVersion: `runc://${machine.runcVersion}`,
      kubeletVersion: KUBELET_VERSION,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: machine.architecture,
    },
  };
}

const PRESSURES: readonly [string, string, string][] = [
  ['MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
];

function nodeConditions(old: readonly core.NodeCondition[], state: Readiness, nowMs: number): core.NodeCondition[] {
  const wanted: core.NodeCondition[] = [
    ...PRESSURES.map(([type, reason, message]) => ({ type, status: 'False', reason, message })),
    { type: 'Ready', status: state.ready ? 'True' : 'False', reason: state.reason, message: state.message },
  ];
  const now = rfc3339(nowMs);
  const mine = wanted.map((c) => {
    const before = old.find((o) => o.type === c.type);
    const since = before?.status === c.status ? before.lastTransitionTime : undefined;
    return { ...c, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
  });
  return [...mine, ...old.filter((o) => !wanted.some((c) => c.type === o.type))];
}

/** Equal but for the time of the last look. */
export function sameNodeStatus(a: core.NodeStatus | undefined, b: core.NodeStatus): boolean {
  if (!a) return false;
  const plain = (status: core.NodeStatus): string => {
    const conditions = (status.conditions ?? [])
      .map(({ type, status: value, reason, message }) => [type, value, reason, message].join('|'))
      .sort();
    const { capacity, allocatable, addresses, daemonEndpoints, nodeInfo } = status;
    return sorted({ capacity, allocatable, addresses, daemonEndpoints, nodeInfo, conditions });
  };
  return plain(a) === plain(b);
}

/** JSON with keys in order: a server may send them in any. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_key, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );

// What `podlan status` tells, as data (stable, for -o json) and as text.
import type { ClusterSettings } from '../api/cluster.ts';
import { tableRow } from '../api/table.ts';
import { humanDuration, parseTime } from '../api/time.ts';
import type { KubeObject, Node, Pod, Service } from '../api/types.ts';
import { isReady } from '../client/pods.ts';
import { table } from './table.ts';

export interface StatusInput {
  readonly settings: ClusterSettings;
  readonly kubeconfig: string;
  readonly processes: readonly { name: string; pid?: number; stopped: boolean }[];
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
  readonly nowMs: number;
}

export interface StatusReport {
  name: string;
  server: string;
  kubeconfig: string;
  nodes: {
    name: string;
    ip: string;
    process: 'running' | 'stopped' | 'dead';
    ready: boolean;
    pods: number;
    age: string;
  }[];
  pods: {
    namespace: string;
    name: string;
    ready: string;
    status: string;
    restarts: string;
    ip: string;
    node: string;
    age: string;
  }[];
  services: { namespace: string; name: string; type: string; clusterIP: string; ports: string; age: string }[];
}

export function statusReport(input: StatusInput): StatusReport {
  const { settings, nowMs } = input;
  const age = (object: KubeObject): string => humanDuration(nowMs - parseTime(object.metadata.creationTimestamp));
  return {
    name: settings.name,
    server: `https://127.0.0.1:${settings.apiPort}`,
    kubeconfig: input.kubeconfig,
    nodes: settings.nodes.map(({ name, ip }) => {
      const node = input.nodes.find((n) => n.metadata.name === name);
      const process = input.processes.find((p) => p.name === name);
      return {
        name,
        ip,
        process: process?.pid !== undefined ? 'running' : process?.stopped ? 'stopped' : 'dead',
        ready: node !== undefined && isReady(node),
        pods: input.pods.filter((pod) => pod.spec.nodeName === name).length,
        age: node ? age(node) : '',
      };
    }),
    pods: input.pods.map((pod) => {
      // kubectl's own columns: name, ready, status, restarts, age, ip, node.
      const [name, ready, status, restarts, podAge, ip, node] = tableRow('Pod', pod, nowMs).map(String);
      return {
        namespace: pod.metadata.namespace ?? '',
        name: name ?? '',
        ready: ready ?? '',
        status: status ?? '',
        restarts: restarts ?? '',
        ip: ip ?? '',
        node: node ?? '',
        age: podAge ?? '',
      };
    }),
    services: input.services.map((service) => ({
      namespace: service.metadata.namespace ?? '',
      name: service.metadata.name,
      type: service.spec.type ?? 'ClusterIP',
      clusterIP: service.spec.clusterIP ?? '',
      ports: (service.spec.ports ?? [])
        .map((p) => `${p.port}${p.nodePort ? `:${p.nodePort}` : ''}/${p.protocol ?? 'TCP'}`)
        .join(','),
      age: age(service),
    })),
  };
}

export function statusText(report: StatusReport): string {
  const nodes = report.nodes.map((n) => [
    n.name,
    n.ready ? 'Ready' : 'NotReady',
    n.process,
    n.ip,
    String(n.pods),
    n.age,
  ]);
  const pods = report.pods.map((p) => [p.namespace, p.name, p.ready, p.status, p.restarts, p.ip, p.node, p.age]);
  const services = report.services.map((s) => [s.namespace, s.name, s.type, s.clusterIP, s.ports, s.age]);
  return [
    `cluster ${report.name}   ${report.server}   KUBECONFIG=${report.kubeconfig}`,
    '',
    table(['NODE', 'STATUS', 'PROCESS', 'IP', 'PODS', 'AGE'], nodes),
    '',
    table(['NAMESPACE', 'POD', 'READY', 'STATUS', 'RESTARTS', 'IP', 'NODE', 'AGE'], pods),
    '',
    table(['NAMESPACE', 'SERVICE', 'TYPE', 'CLUSTER-IP', 'PORTS', 'AGE'], services),
  ].join('\n');
}

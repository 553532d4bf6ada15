// What to try next: the names, addresses and ports that now answer.
import type { Node, Pod, Service } from '../api/types.ts';

const isSystem = (service: Service): boolean =>
  service.metadata.namespace === 'kube-system' ||
  (service.metadata.namespace === 'default' && service.metadata.name === 'kubernetes');

const nodeIp = (node: Node): string | undefined =>
  node.status?.addresses?.find((address) => address.type === 'InternalIP')?.address;

const port = (number: number, protocol = 'TCP'): string => `${number}${protocol === 'TCP' ? '' : `/${protocol}`}`;

export interface Reach {
  readonly service: string;
  readonly name: string;
  /** ip:port or name:port, from where each opens. */
  readonly fromPods: readonly string[];
  readonly fromHost: readonly string[];
}

/** One entry per Service of the user's, for `-o json` and for the lines below. */
export function reachable(services: readonly Service[], nodes: readonly Node[], clusterDomain: string): Reach[] {
  const ips = nodes.map(nodeIp).filter((ip) => ip !== undefined);
  return services
    .filter((service) => !isSystem(service))
    .map((service) => {
      const { name, namespace = 'default' } = service.metadata;
      const full = `${name}.${namespace}.svc.${clusterDomain}`;
      const ports = service.spec.ports ?? [];
      const ip = service.spec.clusterIP;
      const virtual = ip !== undefined && ip !== '' && ip !== 'None';
      return {
        service: `${namespace}/${name}`,
        name: full,
        fromPods: ports.length > 0 ? ports.map((p) => `${full}:${port(p.port, p.protocol)}`) : [full],
        fromHost: [
          ...(virtual ? ports.map((p) => `${ip}:${port(p.port, p.protocol)}`) : []),
          ...ports.flatMap((p) =>
            p.nodePort ? ips.map((node) => `${node}:${port(p.nodePort ?? 0, p.protocol)}`) : [],
          ),
        ],
      };
    });
}

export interface HintsInput {
  readonly kubeconfig: string;
  readonly reach: readonly Reach[];
  readonly pods: readonly Pod[];
  /** How the user calls podlan, e.g. './podlan'. */
  readonly command: string;
  readonly cluster: string;
}

/** Lines to print after `up`. */
export function hints(input: HintsInput): string[] {
  const lines = ['', `export KUBECONFIG=${input.kubeconfig}`, ''];
  for (const entry of input.reach) {
    lines.push(`service ${entry.service}`);
    lines.push(`  from pods       ${entry.fromPods.join('  ')}`);
    if (entry.fromHost.length > 0) lines.push(`  from this host  ${entry.fromHost.join('  ')}`);
  }
  const named = input.cluster === 'podlan' ? '' : ` --name ${input.cluster}`;
  const client = input.pods.find((pod) => pod.metadata.labels?.app === 'client');
  const target = input.reach.find((entry) => entry.fromHost.length > 0);
  if (target) lines.push('', 'try', `  curl http://${target.fromHost[0]}`);
  if (client && target) {
    const where = `-n ${client.metadata.namespace ?? 'default'}`;
    const short = target.service.split('/')[1] ?? target.name;
    lines.push(`  kubectl exec ${where} ${client.metadata.name} -- busybox wget -qO- http://${short}`);
  }
  lines.push(`  ${input.command} status${named}`, `  ${input.command} down${named}`);
  return lines;
}

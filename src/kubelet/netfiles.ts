// The three files that tell a container of names: /etc/hosts, /etc/hostname, /etc/resolv.conf.
import type { core, Pod } from '../api/types.ts';

export interface DnsSettings {
  readonly dnsIp: string;
  readonly clusterDomain: string;
}

/** What the pod calls itself: its name, or spec.hostname, cut to what the kernel takes. */
export function hostnameOf(pod: Pod): string {
  const name = pod.spec.hostname ?? pod.metadata.name;
  return name.slice(0, 63).replace(/[-.]+$/, '');
}

/** web-0.web.my-app.svc.cluster.local, where the pod has a subdomain. */
export function fqdnOf(pod: Pod, clusterDomain: string): string | undefined {
  if (!pod.spec.subdomain) return undefined;
  return `${hostnameOf(pod)}.${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`;
}

export function hostsFile(pod: Pod, ips: readonly string[], clusterDomain: string): string {
  const own = [fqdnOf(pod, clusterDomain), hostnameOf(pod)].filter(Boolean).join('\t');
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...ips.map((ip) => `${ip}\t${own}`),
  ];
  return `${lines.join('\n')}\n${aliasLines(pod)}`;
}

/** The node's own file with the pod's aliases, as a pod in the node's network gets it. */
export const hostNetworkHosts = (pod: Pod, nodeHosts: string): string =>
  `# Kubernetes-managed hosts file (host network).\n${nodeHosts}${nodeHosts.endsWith('\n') ? '' : '\n'}${aliasLines(pod)}`;

function aliasLines(pod: Pod): string {
  const aliases = pod.spec.hostAliases ?? [];
  if (aliases.length === 0) return '';
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`);
  return `\n# Entries added by HostAliases.\n${lines.join('\n')}\n`;
}

interface Resolver {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** resolv.conf(5), of which the last `search` counts. */
export function parseResolvConf(text: string): Resolver {
  const found = { nameservers: [] as string[], searches: [] as string[], options: [] as string[] };
  for (const line of text.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/);
    if (word === 'nameserver' && values[0]) found.nameservers.push(values[0]);
    else if (word === 'search') found.searches = values;
    else if (word === 'options') found.options.push(...values);
  }
  return found;
}

const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;

export function resolvConf(pod: Pod, dns: DnsSettings, nodeResolvConf: string): string {
  const node = parseResolvConf(nodeResolvConf);
  const base = baseOf(pod, dns, node);
  const custom: core.PodDNSConfig = pod.spec.dnsConfig ?? {};
  const unique = (list: readonly string[], most: number): string[] => [...new Set(list)].slice(0, most);
  const nameservers = unique([...base.nameservers, ...(custom.nameservers ?? [])], MAX_NAMESERVERS);
  const searches = unique([...base.searches, ...(custom.searches ?? [])], MAX_SEARCHES);
  const options = mergeOptions(base.options, custom.options ?? []);
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...nameservers.map((ip) => `nameserver ${ip}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

function baseOf(pod: Pod, dns: DnsSettings, node: Resolver): Resolver {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { nameservers: [], searches: [], options: [] };
  // In the node's network ClusterFirst means the node's resolver, unless the pod insists.
  if (policy === 'Default' || (policy === 'ClusterFirst' && pod.spec.hostNetwork)) return node;
  const { namespace } = pod.metadata;
  const cluster = [`${namespace}.svc.${dns.clusterDomain}`, `svc.${dns.clusterDomain}`, dns.clusterDomain];
  return { nameservers: [dns.dnsIp], searches: [...cluster, ...node.searches], options: ['ndots:5'] };
}

/** An option of the pod replaces the one of the same name. */
function mergeOptions(base: readonly string[], custom: readonly core.PodDNSConfigOption[]): string[] {
  const merged = new Map(base.map((option) => [option.split(':')[0] ?? option, option]));
  for (const { name = '', value } of custom) merged.set(name, value === undefined ? name : `${name}:${value}`);
  return [...merged.values()];
}

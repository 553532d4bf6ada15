// kubeconfig documents: one for a cluster, and one merged into or taken out of a user's.
import { parseDocument } from 'yaml';
import { manifestYaml, yamlText } from '../api/yaml.ts';

export interface Access {
  /** Name of cluster, user and context. */
  readonly name: string;
  readonly server: string;
  /** PEM texts. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface Named {
  name: string;
  [more: string]: unknown;
}
interface Config {
  apiVersion: 'v1';
  kind: 'Config';
  clusters: Named[];
  users: Named[];
  contexts: Named[];
  'current-context': string;
  [more: string]: unknown;
}

const base64 = (pem: string): string => btoa(pem);

function entries(access: Access): Pick<Config, 'clusters' | 'users' | 'contexts'> {
  const { name } = access;
  return {
    clusters: [{ name, cluster: { server: access.server, 'certificate-authority-data': base64(access.ca) } }],
    users: [{ name, user: { 'client-certificate-data': base64(access.cert), 'client-key-data': base64(access.key) } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  };
}

/** A whole kubeconfig for this cluster alone; `before` is the file as it was, with what its user has set in it. */
export function kubeconfig(access: Access, before = ''): string {
  try {
    return mergeKubeconfig(before, access);
  } catch {
    // It is our own file: what cannot be read is written anew.
    return mergeKubeconfig('', access);
  }
}

const list = (value: unknown): Named[] => (Array.isArray(value) ? (value as Named[]) : []);
const lists = ['clusters', 'users', 'contexts'] as const;

function read(text: string): Partial<Config> {
  const document = parseDocument(text, manifestYaml);
  const [error] = document.errors;
  if (error) throw new Error(`not a kubeconfig: ${error.message.split('\n')[0]}`);
  return (document.toJS() ?? {}) as Partial<Config>;
}

/** What was added to this cluster's own context (a namespace, as `kubectl config set-context` does) stays in it. */
function ownContext(config: Partial<Config>, access: Access): Record<string, unknown> {
  const known = (part: (typeof lists)[number], field: string): Record<string, unknown> =>
    (list(config[part]).find((e) => e.name === access.name)?.[field] ?? {}) as Record<string, unknown>;
  const same = known('clusters', 'cluster')['certificate-authority-data'] === base64(access.ca);
  return same ? known('contexts', 'context') : {};
}

/** A kubeconfig with this cluster in it and its context current; everything else stays. '' is an empty file. */
export function mergeKubeconfig(text: string, access: Access): string {
  const config = read(text);
  const { clusters, users, contexts } = entries(access);
  const kept = ownContext(config, access);
  const mine = {
    clusters,
    users,
    contexts: contexts.map((e) => ({ ...e, context: { ...kept, ...(e['context'] as object) } })),
  };
  const merged: Record<string, unknown> = { apiVersion: 'v1', kind: 'Config', ...config };
  for (const part of lists) merged[part] = [...list(config[part]).filter((e) => e.name !== access.name), ...mine[part]];
  merged['current-context'] = access.name;
  return yamlText(merged);
}

/**
 * The user's kubeconfig without this cluster, or undefined if it is not in it. A context of the same name that leads to
 * another certificate authority is another cluster's and stays.
 */
export function withoutCluster(text: string, name: string, ca: string): string | undefined {
  const config = read(text);
  const cluster = list(config.clusters).find((e) => e.name === name)?.cluster as Record<string, unknown> | undefined;
  if (cluster?.['certificate-authority-data'] !== base64(ca)) return undefined;
  const left: Record<string, unknown> = { ...config };
  for (const part of lists) left[part] = list(config[part]).filter((e) => e.name !== name);
  if (config['current-context'] === name) left['current-context'] = list(left.contexts)[0]?.name ?? '';
  return yamlText(left);
}

// Requests that a node's kubelet answers: pods/log, and the upgrades exec, attach and portforward. Here is decided who is
// asked and for what; nodeproxy.io.ts carries the bytes.
import type { ApiResponse } from '../api/http.ts';
import { kindRow } from '../api/kinds.ts';
import type { Node, Pod } from '../api/types.ts';
import type { Call, Context } from './context.ts';
import { badRequest, internal, notFound } from './errors.ts';
import { storeKey } from './objects.ts';

export interface NodeTarget {
  host: string;
  port: number;
  /** The kubelet's path with its query. */
  path: string;
}

export interface NodeProxy {
  request(
    target: NodeTarget,
    o: { method: string; headers: Record<string, string>; body?: Uint8Array; signal?: AbortSignal },
  ): Promise<ApiResponse>;
}

/** Header of an answer with code 101: the connection is to be tunnelled to this node (JSON of a NodeTarget). */
export const tunnelHeader = 'x-podlan-tunnel';

const logOptions = ['follow', 'previous', 'sinceSeconds', 'sinceTime', 'tailLines', 'timestamps', 'limitBytes'];
const execOptions = ['stdin', 'stdout', 'stderr', 'tty'];

export async function podLog(ctx: Context, call: Call): Promise<ApiResponse> {
  const pod = findPod(ctx, call);
  const query = call.request.query;
  // The stream of the container's output; one stream alone is a feature gate of upstream's (PodLogsQuerySplitStreams).
  const stream = query.get('stream');
  if (stream !== null && stream !== 'All') {
    throw badRequest(`stream "${stream}" is not supported: the log holds stdout and stderr together ("All")`);
  }
  const container = pickContainer(pod, query.get('container'));
  if (!pod.spec.nodeName) return { code: 200, headers: { 'content-type': 'text/plain' }, body: new Uint8Array() };
  if (!ctx.nodes) throw internal('this server has no way into the nodes');
  const path = `/containerLogs/${pod.metadata.namespace}/${pod.metadata.name}/${container}`;
  const target = nodeTarget(ctx, pod, path, pick(query, logOptions));
  try {
    return await ctx.nodes.request(target, { method: 'GET', headers: {}, signal: call.request.signal });
  } catch (e) {
    const why = e instanceof Error ? e.message : String(e);
    throw internal(`Get "https://${target.host}:${target.port}${target.path}": ${why}`);
  }
}

/** exec, attach and portforward: says where the connection must lead; the transport switches it. */
export async function podTunnel(ctx: Context, call: Call): Promise<ApiResponse> {
  const pod = findPod(ctx, call);
  const query = call.request.query;
  if (call.request.headers.upgrade === undefined) throw badRequest('Upgrade request required');
  if (!pod.spec.nodeName) throw badRequest(`pod ${call.name} does not have a host assigned`);
  const ns = pod.metadata.namespace;
  let path: string;
  let options: URLSearchParams;
  if (call.subresource === 'portforward') {
    path = `/portForward/${ns}/${call.name}`;
    options = pick(query, ['ports']);
  } else {
    const container = pickContainer(pod, query.get('container'));
    path = `/${call.subresource}/${ns}/${call.name}/${container}`;
    options = pick(query, [...(call.subresource === 'exec' ? ['command'] : []), ...execOptions]);
    if (call.subresource === 'exec' && !options.has('command')) throw badRequest('you must specify at least 1 command');
  }
  const target = nodeTarget(ctx, pod, path, options);
  return { code: 101, headers: { [tunnelHeader]: JSON.stringify(target) }, body: new Uint8Array() };
}

function findPod(ctx: Context, call: Call): Pod {
  const found = ctx.cache.resource(call.row).get(storeKey(call.row, call.namespace, call.name));
  if (!found) throw notFound(call.row, call.name);
  return found.object as Pod;
}

function pick(query: URLSearchParams, names: readonly string[]): URLSearchParams {
  const picked = new URLSearchParams();
  for (const name of names) for (const value of query.getAll(name)) picked.append(name, value);
  return picked;
}

function pickContainer(pod: Pod, asked: string | null): string {
  const names = (list: readonly { name: string }[] | undefined): string[] => (list ?? []).map((c) => c.name);
  const containers = names(pod.spec.containers);
  const init = names(pod.spec.initContainers);
  const ephemeral = names(pod.spec.ephemeralContainers);
  if (asked !== null && asked !== '') {
    if ([...containers, ...init, ...ephemeral].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${pod.metadata.name}`);
  }
  const [only] = containers;
  if (only !== undefined && containers.length === 1 && init.length === 0 && ephemeral.length === 0) return only;
  const also = [
    ...(init.length > 0 ? [` or one of the init containers: [${init.join(' ')}]`] : []),
    ...(ephemeral.length > 0 ? [` or one of the ephemeral containers: [${ephemeral.join(' ')}]`] : []),
  ].join('');
  throw badRequest(
    `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${containers.join(' ')}]${also}`,
  );
}

function nodeTarget(ctx: Context, pod: Pod, path: string, query: URLSearchParams): NodeTarget {
  const row = kindRow('Node');
  const name = pod.spec.nodeName ?? '';
  const node = ctx.cache.resource(row).get(storeKey(row, undefined, name))?.object as Node | undefined;
  if (!node) throw notFound(row, name);
  const host = node.status?.addresses?.find((a) => a.type === 'InternalIP')?.address;
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port;
  if (!host || !port) throw internal(`node ${name} has not said where its kubelet listens`);
  const text = query.toString();
  return { host, port, path: text === '' ? path : `${path}?${text}` };
}

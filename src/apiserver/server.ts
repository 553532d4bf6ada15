// The API server as a function: (request, store) -> response. In-process callers use it as it is, http.io.ts puts it on
// the network. Who may call: everyone who proved who they are, for everything. (Roles are a kind that is not served.)
import type { ApiRequest, ApiResponse, Transport } from '../api/http.ts';
import { ApiError, failure } from '../api/status.ts';
import type { Env } from '../client/types.ts';
import { type Store, StoreError } from '../store/types.ts';
import type { ApiServerSettings, Call, Context } from './context.ts';
import { deleteCollection, deleteOne } from './delete.ts';
import { createDocuments, type Documents } from './documents.ts';
import { internal, methodNotAllowed, noSuchResource, qualified, unauthorized } from './errors.ts';
import { compactRegularly } from './compaction.ts';
import { list } from './list.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { type Accepted, negotiate, plain } from './negotiate.ts';
import { type NodeProxy, podLog, podTunnel } from './nodes.ts';
import { patch } from './patch/patch.ts';
import { bind, evict } from './pods.ts';
import { hasMessage } from './protobuf.ts';
import { valueAnswer, objectAnswer } from './render.ts';
import { type ResourceRoute, resourceRoute } from './route.ts';
import { getScale, patchScale, updateScale } from './scale.ts';
import { flag } from './select.ts';
import { createServiceAllocator } from './services.ts';
import { createWatchStreams } from './streams.ts';
import { watch } from './watch.ts';
import { createWatchCache } from './watchcache.ts';
import { create, find, update } from './write.ts';

export type { ApiServerSettings } from './context.ts';

export interface ApiServer {
  readonly handle: Transport;
  close(): Promise<void>;
}

type Handler = (ctx: Context, call: Call) => Promise<ApiResponse> | ApiResponse;
type Methods = Readonly<Record<string, { verb: string; run: Handler }>>;

const get: Handler = (ctx, call) => objectAnswer(ctx, call, find(ctx, call), 200);
const listOrWatch: Handler = (ctx, call) => (flag(call, 'watch') ? watch(ctx, call) : list(ctx, call));

const collection: Methods = {
  GET: { verb: 'list', run: listOrWatch },
  POST: { verb: 'create', run: create },
  DELETE: { verb: 'deletecollection', run: deleteCollection },
};
const object: Methods = {
  // An old form of a watch of one object is a GET with ?watch.
  GET: { verb: 'get', run: (ctx, call) => (flag(call, 'watch') ? watch(ctx, call) : get(ctx, call)) },
  PUT: { verb: 'update', run: update },
  PATCH: { verb: 'patch', run: patch },
  DELETE: { verb: 'delete', run: deleteOne },
};
const tunnel: Methods = { GET: { verb: 'connect', run: podTunnel }, POST: { verb: 'connect', run: podTunnel } };
const subresources: Readonly<Record<string, Methods>> = {
  status: {
    GET: { verb: 'get', run: get },
    PUT: { verb: 'update', run: update },
    PATCH: { verb: 'patch', run: patch },
  },
  scale: {
    GET: { verb: 'get', run: getScale },
    PUT: { verb: 'update', run: updateScale },
    PATCH: { verb: 'patch', run: patchScale },
  },
  finalize: { PUT: { verb: 'update', run: update } },
  binding: { POST: { verb: 'create', run: bind } },
  eviction: { POST: { verb: 'create', run: evict } },
  log: { GET: { verb: 'get', run: podLog } },
  exec: tunnel,
  attach: tunnel,
  portforward: tunnel,
};

function methodsOf(route: ResourceRoute): Methods {
  if (route.subresource !== undefined) return subresources[route.subresource] ?? {};
  if (route.name !== undefined) return object;
  // All namespaces at once can be read; a write says where to.
  const { row, namespace } = route;
  if (row.namespaced && namespace === undefined) return { GET: { verb: 'list', run: listOrWatch } };
  if (row.deletesCollection) return collection;
  const { DELETE: _refused, ...others } = collection;
  return others;
}

export async function createApiServer(o: {
  store: Store;
  env: Env;
  settings: ApiServerSettings;
  nodes?: NodeProxy;
}): Promise<ApiServer> {
  const { store, env, settings, nodes } = o;
  const cache = await createWatchCache(store);
  const services = createServiceAllocator(cache, settings, () => env.random());
  const streams = createWatchStreams(env);
  const ctx: Context = { store, cache, env, settings, services, streams, nodes };
  const stopCompaction = compactRegularly(ctx);
  const metrics = createMetrics();
  const documents = createDocuments(ctx, metrics);
  return {
    handle: (request) => handle(ctx, metrics, documents, request),
    async close() {
      stopCompaction();
      streams.closeAll();
      services.close();
      cache.close();
    },
  };
}

async function handle(ctx: Context, metrics: Metrics, documents: Documents, request: ApiRequest): Promise<ApiResponse> {
  let verb = request.method.toLowerCase();
  let resource = '';
  let answer: ApiResponse;
  try {
    if (!request.user) throw unauthorized();
    const route = resourceRoute(request.path);
    if (!route) answer = documentAnswer(documents, request);
    else {
      resource = qualified(route.row);
      const method = methodsOf(route)[request.method];
      if (!method) throw methodNotAllowed();
      verb = method.verb === 'list' && request.query.has('watch') ? 'watch' : method.verb;
      answer = await method.run(ctx, callOf(request, route));
    }
  } catch (e) {
    answer = errorAnswer(ctx, request, e);
  }
  metrics.count(verb, resource, answer.code);
  return answer;
}

function documentAnswer(documents: Documents, request: ApiRequest): ApiResponse {
  const answer = documents(request);
  if (!answer) throw noSuchResource();
  if (request.method !== 'GET') throw methodNotAllowed();
  return answer;
}

const callOf = (request: ApiRequest, route: ResourceRoute): Call => ({
  request,
  row: route.row,
  namespace: route.namespace,
  name: route.name ?? '',
  subresource: route.subresource,
  // A log is text whatever the client accepts.
  accept: negotiate(route.subresource === 'log' ? undefined : request.headers.accept, hasMessage(route.row)),
  warnings: [],
});

/** The one place where an error becomes a Status. A bug is logged with its stack and told without it. */
function errorAnswer(ctx: Context, request: ApiRequest, e: unknown): ApiResponse {
  if (e instanceof ApiError) return statusAnswer(request, e);
  if (e instanceof StoreError) {
    ctx.env.log('error', 'the store refused', { code: e.code, error: e.message, path: request.path });
    if (e.code === 'Closed')
      return statusAnswer(request, failure(503, 'ServiceUnavailable', 'the server is shutting down'));
    return statusAnswer(request, internal(e.message));
  }
  const error = e instanceof Error ? (e.stack ?? e.message) : String(e);
  ctx.env.log('error', 'a request failed by a fault of the server', {
    method: request.method,
    path: request.path,
    error,
  });
  return statusAnswer(request, internal(e instanceof Error ? e.message : String(e)));
}

/** A client that reads protobuf alone reads its errors so, too; where nothing fits, JSON does for all others. */
function errorForm(request: ApiRequest): Accepted {
  try {
    const { format } = negotiate(request.headers.accept, true);
    return { ...plain, format };
  } catch {
    return plain;
  }
}

function statusAnswer(request: ApiRequest, e: ApiError): ApiResponse {
  const answer = valueAnswer(e.status, e.status.code, { request, accept: errorForm(request), warnings: [] });
  const retry = e.status.details?.retryAfterSeconds;
  return retry === undefined ? answer : { ...answer, headers: { ...answer.headers, 'retry-after': String(retry) } };
}

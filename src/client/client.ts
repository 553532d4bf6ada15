// The typed client: calls become requests of a Transport, answers become objects or ApiErrors.
import type { ApiRequest, ApiResponse, Transport, UserInfo } from '../api/http.ts';
import { apiVersionOf, kindRow, resourcePath } from '../api/kinds.ts';
import { ApiError, failure, isNotFound, type Status } from '../api/status.ts';
import type { Kind, KindMap, KubeObject } from '../api/types.ts';
import type { Client, ListOptions, PatchType, WatchEvent } from './types.ts';

const contentTypes: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

interface Call {
  method: string;
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
}

/**
 * A client that speaks as `user` where the transport does not prove who speaks (in-process). `agent` stands in managedFields
 * as the owner of what it writes.
 */
export function createClient(transport: Transport, user?: UserInfo, agent = 'podlan'): Client {
  const send = (call: Call): Promise<ApiResponse> => transport(requestOf(call, user, agent));

  async function json<T>(call: Call): Promise<T> {
    const response = await send(call);
    const text = new TextDecoder().decode(await whole(response.body));
    if (response.code >= 400) throw errorOf(response.code, text);
    return JSON.parse(text) as T;
  }

  return {
    async get(kind, key) {
      try {
        return await json({ method: 'GET', path: resourcePath(kind, key.namespace, key.name) });
      } catch (e) {
        if (isNotFound(e)) return undefined;
        throw e;
      }
    },
    async list<K extends Kind>(kind: K, options: ListOptions = {}) {
      const list = await json<{ metadata: { resourceVersion: string }; items: KindMap[K][] | null }>({
        method: 'GET',
        path: resourcePath(kind, options.namespace),
        query: { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector },
      });
      // Upstream leaves apiVersion and kind out of a list's items.
      const items = (list.items ?? []).map((o) =>
        o.kind ? o : { ...o, apiVersion: apiVersionOf(kindRow(kind)), kind },
      );
      return { items, resourceVersion: list.metadata.resourceVersion };
    },
    async *watch<K extends Kind>(
      kind: K,
      options: ListOptions & { resourceVersion: string; signal: AbortSignal },
    ): AsyncGenerator<WatchEvent<KindMap[K]>> {
      const response = await send({
        method: 'GET',
        path: resourcePath(kind, options.namespace),
        query: {
          watch: 'true',
          allowWatchBookmarks: 'true',
          resourceVersion: options.resourceVersion,
          labelSelector: options.labelSelector,
          fieldSelector: options.fieldSelector,
        },
        signal: options.signal,
      });
      if (response.code >= 400) {
        throw errorOf(response.code, new TextDecoder().decode(await whole(response.body)));
      }
      for await (const line of lines(response.body)) yield eventOf<KindMap[K]>(line);
    },
    create: (kind, object) =>
      json({
        method: 'POST',
        path: resourcePath(kind, object.metadata.namespace),
        body: { ...object, apiVersion: apiVersionOf(kindRow(kind)), kind },
      }),
    update: (kind, object, subresource) =>
      json({
        method: 'PUT',
        path: resourcePath(kind, object.metadata.namespace, object.metadata.name, subresource),
        body: object,
      }),
    patch: (kind, key, type, body, subresource) =>
      json({
        method: 'PATCH',
        path: resourcePath(kind, key.namespace, key.name, subresource),
        query: type === 'apply' ? { fieldManager: agent, force: 'true' } : {},
        body,
        contentType: contentTypes[type],
      }),
    async delete<K extends Kind>(kind: K, key: { namespace?: string; name: string }, options = {}) {
      const { uid, resourceVersion, ...rest } = options as Record<string, unknown>;
      const answer = await json<KubeObject | Status>({
        method: 'DELETE',
        path: resourcePath(kind, key.namespace, key.name),
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          ...rest,
          ...(uid === undefined && resourceVersion === undefined ? {} : { preconditions: { uid, resourceVersion } }),
        },
      });
      return answer.kind === 'Status' ? undefined : (answer as KindMap[K]);
    },
    async bind(key, uid, node) {
      await json({
        method: 'POST',
        path: resourcePath('Pod', key.namespace, key.name, 'binding'),
        body: {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name: key.name, namespace: key.namespace, uid },
          target: { apiVersion: 'v1', kind: 'Node', name: node },
        },
      });
    },
  };
}

function requestOf(call: Call, user: UserInfo | undefined, agent: string): ApiRequest {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) query.set(name, value);
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': agent };
  if (call.body === undefined)
    return { method: call.method, path: call.path, query, headers, user, signal: call.signal };
  headers['content-type'] = call.contentType ?? 'application/json';
  const body = new TextEncoder().encode(JSON.stringify(call.body));
  return { method: call.method, path: call.path, query, headers, body, user, signal: call.signal };
}

async function whole(body: ApiResponse['body']): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Lines of a stream; a character or a line may be cut anywhere by the chunks. */
async function* lines(body: ApiResponse['body']): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    rest += decoder.decode(chunk, { stream: true });
    if (!rest.includes('\n')) continue;
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part !== '') yield part;
  }
  if (rest.trim() !== '') yield rest;
}

function eventOf<T extends KubeObject>(line: string): WatchEvent<T> {
  const event = JSON.parse(line) as { type: string; object: T };
  if (event.type === 'ERROR') throw new ApiError(event.object as unknown as Status);
  if (event.type === 'BOOKMARK') {
    return { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion };
  }
  return event as WatchEvent<T>;
}

function errorOf(code: number, text: string): ApiError {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === 'Status') return new ApiError({ ...status, code: status.code ?? code });
  } catch {
    // A proxy's or a router's plain text.
  }
  return failure(code, code === 404 ? 'NotFound' : 'Unknown', text.slice(0, 500) || `HTTP ${code}`);
}

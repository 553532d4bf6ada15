// Everything under a path that is not a resource: discovery, OpenAPI, version, health, metrics.
import type { ApiRequest, ApiResponse } from '../api/http.ts';
import type { Context } from './context.ts';
import { aggregated, apiGroupList, apiVersions, groupVersions, oneGroup, resourceList } from './discovery.ts';
import type { Metrics } from './metrics.ts';
import { parseMediaTypes } from './negotiate.ts';
import { createOpenApi, type OpenApi } from './openapi/documents.ts';
import { protobufType } from './openapi/gnostic.ts';
import { baseHeaders } from './render.ts';

const encoder = new TextEncoder();

const version = {
  major: '1',
  minor: '35',
  emulationMajor: '1',
  emulationMinor: '35',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '34',
  gitVersion: 'v1.35.0+podlan',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2026-11-23T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'linux/amd64',
};

function json(value: unknown, headers: Record<string, string> = {}): ApiResponse {
  return {
    code: 200,
    headers: { ...baseHeaders, 'content-type': 'application/json', ...headers },
    body: encoder.encode(`${JSON.stringify(value)}\n`),
  };
}

const text = (value: string, code = 200): ApiResponse => ({
  code,
  headers: { ...baseHeaders, 'content-type': 'text/plain; charset=utf-8' },
  body: encoder.encode(value),
});

const v3Prefix = '/openapi/v3/';

/** undefined: no such document. */
function openApiAnswer(openApi: OpenApi, request: ApiRequest, path: string): ApiResponse | undefined {
  if (path === '/openapi/v3') return json(openApi.index());
  if (path === '/openapi/v2') {
    // Clients have called this type by two names.
    const protobuf = /com\.github\.proto-openapi\.spec\.v2[.@]v1\.0\+protobuf/.test(request.headers.accept ?? '');
    const type = protobuf ? protobufType : 'application/json';
    const body = openApi.v2(protobuf ? 'protobuf' : 'json');
    return { code: 200, headers: { ...baseHeaders, 'content-type': type, vary: 'Accept' }, body };
  }
  const document = path.startsWith(v3Prefix) ? openApi.get(path.slice(v3Prefix.length)) : undefined;
  if (!document) return undefined;
  // An address with the right hash never changes its content: clients keep it on their disks.
  const forever = request.query.get('hash') === document.hash;
  const cache = { 'cache-control': forever ? 'public, max-age=31536000, immutable' : 'no-cache, private' };
  const headers = { 'content-type': 'application/json', etag: `"${document.hash}"`, ...cache };
  return { code: 200, headers, body: document.bytes };
}

/** kubectl asks for v2, older ones for v2beta1; undefined: the plain documents. */
function aggregatedVersion(accept: string | undefined): string | undefined {
  for (const { type, parameters } of parseMediaTypes(accept ?? '')) {
    if (type !== 'application/json') continue;
    if (parameters.as === 'APIGroupDiscoveryList' && (parameters.v === 'v2' || parameters.v === 'v2beta1')) {
      return parameters.v;
    }
    if (parameters.as === undefined) return undefined;
  }
  return undefined;
}

/**
 * There are none, and the group is not in discovery; but kubectl reads this list before it says of a kind that it is
 * unknown, and with a 404 here it says something else.
 */
const customResources = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const noCustomResources = {
  kind: 'CustomResourceDefinitionList',
  apiVersion: 'apiextensions.k8s.io/v1',
  metadata: { resourceVersion: '1' },
  items: [],
};

const healthChecks = ['ping', 'etcd', 'watch-cache'];

function health(name: string, verbose: boolean): ApiResponse {
  if (!verbose) return text('ok');
  return text(`${healthChecks.map((c) => `[+]${c} ok\n`).join('')}${name} check passed\n`);
}

/** undefined: not one of these paths. */
export type Documents = (request: ApiRequest) => ApiResponse | undefined;

export function createDocuments(ctx: Context, metrics: Metrics): Documents {
  const openApi = createOpenApi();
  const discovery = (path: string, host: string): unknown => {
    const parts = path.split('/').slice(1);
    if (path === '/api') return apiVersions(host);
    if (path === '/apis') return apiGroupList();
    if (parts[0] === 'api' && parts.length === 2) return resourceList('', parts[1] ?? '');
    if (parts[0] === 'apis' && parts.length === 2) return oneGroup(parts[1] ?? '');
    if (parts[0] === 'apis' && parts.length === 3) return resourceList(parts[1] ?? '', parts[2] ?? '');
    return undefined;
  };
  return (request) => {
    const path = request.path.length > 1 ? request.path.replace(/\/+$/, '') : request.path;
    const accept = request.headers.accept;
    if (path === '/version') return json(version);
    const check = /^\/(livez|readyz|healthz)(\/[a-z-]+)?$/.exec(path);
    if (check && (check[2] === undefined || healthChecks.includes(check[2].slice(1)))) {
      return health(check[1] ?? '', request.query.has('verbose'));
    }
    if (path === '/metrics') return text(metrics.text(ctx));
    if (path === customResources) return json(noCustomResources);
    if (path.startsWith('/openapi/')) return openApiAnswer(openApi, request, path);
    if (path === '/') {
      const paths = [
        '/api',
        '/apis',
        '/healthz',
        '/livez',
        '/metrics',
        '/openapi/v2',
        '/openapi/v3',
        '/readyz',
        '/version',
        ...groupVersions().map((v) => `/${v.path}`),
      ];
      return json({ paths: paths.sort() });
    }
    const wanted = path === '/api' || path === '/apis' ? aggregatedVersion(accept) : undefined;
    if (wanted !== undefined) {
      const type = `application/json;g=apidiscovery.k8s.io;v=${wanted};as=APIGroupDiscoveryList`;
      return json(aggregated(path === '/api', wanted), { 'content-type': type, vary: 'Accept' });
    }
    const document = discovery(path, request.headers.host ?? request.headers[':authority'] ?? '');
    return document === undefined ? undefined : json(document);
  };
}

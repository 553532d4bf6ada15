// Everything under a path that is not a resource: discovery, OpenAPI, version, health, metrics.
import type { ApiRequest, ApiResponse } from '../api/http.ts';
import { openapiV3 } from '../api/openapi.ts';
import type { Context } from './context.ts';
import { aggregated, apiGroupList, apiVersions, groupVersions, oneGroup, resourceList } from './discovery.ts';
import type { Metrics } from './metrics.ts';
import { parseMediaTypes } from './negotiate.ts';
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

/** FNV-1a over the text, twice with different starts: tells documents apart, and guards nothing. */
function hash(content: string): string {
  const run = (seed: number): string => {
    let h = seed;
    for (let i = 0; i < content.length; i += 1) h = Math.imul(h ^ content.charCodeAt(i), 0x01000193);
    return (h >>> 0).toString(16).padStart(8, '0');
  };
  return `${run(0x811c9dc5)}${run(0x1b873593)}`.toUpperCase();
}

interface OpenApiDocument {
  readonly bytes: Uint8Array;
  readonly hash: string;
}

/** Documents by 'apis/apps/v1'; each is made when it is first asked for, and lasts as long as the program. */
function openApiDocuments(): { get(path: string): OpenApiDocument | undefined; index(): unknown } {
  const made = new Map<string, OpenApiDocument>();
  const all = groupVersions();
  const get = (path: string): OpenApiDocument | undefined => {
    const known = made.get(path);
    if (known) return known;
    const gv = all.find((v) => v.path === path);
    if (!gv) return undefined;
    const content = JSON.stringify(openapiV3(gv.group, gv.version));
    const document = { bytes: encoder.encode(content), hash: hash(content) };
    made.set(path, document);
    return document;
  };
  const index = (): unknown => ({
    paths: Object.fromEntries(
      all.map(({ path }) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${get(path)?.hash}` }]),
    ),
  });
  return { get, index };
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

const healthChecks = ['ping', 'etcd', 'watch-cache'];

function health(name: string, verbose: boolean): ApiResponse {
  if (!verbose) return text('ok');
  return text(`${healthChecks.map((c) => `[+]${c} ok\n`).join('')}${name} check passed\n`);
}

/** undefined: not one of these paths. */
export type Documents = (request: ApiRequest) => ApiResponse | undefined;

export function createDocuments(ctx: Context, metrics: Metrics): Documents {
  const openApi = openApiDocuments();
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
    if (path === '/openapi/v3') return json(openApi.index());
    if (path.startsWith('/openapi/v3/')) {
      const document = openApi.get(path.slice('/openapi/v3/'.length));
      if (!document) return undefined;
      // An address with the right hash never changes its content: clients keep it on their disks.
      const forever = request.query.get('hash') === document.hash;
      const cache = { 'cache-control': forever ? 'public, max-age=31536000, immutable' : 'no-cache, private' };
      return {
        code: 200,
        headers: { 'content-type': 'application/json', etag: `"${document.hash}"`, ...cache },
        body: document.bytes,
      };
    }
    if (path === '/') {
      const paths = [
        '/api',
        '/apis',
        '/healthz',
        '/livez',
        '/metrics',
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

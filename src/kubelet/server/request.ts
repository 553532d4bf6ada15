// What a request to the kubelet asks for, as a value: path and query are read here and nowhere else.

export interface LogOptions {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  readonly sinceSeconds?: number;
  /** ms since the epoch */
  readonly sinceTimeMs?: number;
}

export interface StreamOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

interface PodPath {
  readonly namespace: string;
  readonly pod: string;
}

export type KubeletRequest =
  | { readonly kind: 'healthz' }
  | (PodPath & { readonly kind: 'logs'; readonly container: string; readonly options: LogOptions })
  | (PodPath & { readonly kind: 'attach'; readonly container: string; readonly streams: StreamOptions })
  | (PodPath & {
      readonly kind: 'exec';
      readonly container: string;
      readonly streams: StreamOptions;
      readonly command: readonly string[];
    })
  | (PodPath & { readonly kind: 'portForward'; readonly ports: readonly number[] })
  | { readonly kind: 'refused'; readonly code: number; readonly message: string };

const refused = (code: number, message: string): KubeletRequest => ({ kind: 'refused', code, message });

/** target: path with query, as in the request line. */
export function parseKubeletRequest(target: string): KubeletRequest {
  const url = new URL(target, 'https://kubelet');
  const query = url.searchParams;
  let parts: string[];
  try {
    parts = url.pathname.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return refused(400, `malformed path ${url.pathname}`);
  }
  const [verb, namespace, pod, container] = parts;
  if (verb === 'healthz' && parts.length === 1) return { kind: 'healthz' };
  if (!namespace || !pod) return refused(404, 'page not found');
  if (verb === 'portForward' && parts.length === 3) return portForward({ namespace, pod }, query);
  if (!container || parts.length !== 4) return refused(404, 'page not found');
  if (verb === 'containerLogs') return logs({ namespace, pod }, container, query);
  if (verb === 'exec' || verb === 'attach') return streaming(verb, { namespace, pod }, container, query);
  return refused(404, 'page not found');
}

/** As strconv.ParseBool, and present without a value: true. */
function flag(query: URLSearchParams, ...names: string[]): boolean {
  return names.some((name) => ['', '1', 't', 'T', 'true', 'True', 'TRUE'].includes(query.get(name) ?? '0'));
}

function streaming(kind: 'exec' | 'attach', path: PodPath, container: string, query: URLSearchParams): KubeletRequest {
  const tty = flag(query, 'tty');
  const streams: StreamOptions = {
    // input, output, error: what an upstream API server calls them towards a kubelet
    stdin: flag(query, 'stdin', 'input'),
    stdout: flag(query, 'stdout', 'output'),
    stderr: flag(query, 'stderr', 'error') && !tty, // a terminal has one stream out
    tty,
  };
  if (!streams.stdin && !streams.stdout && !streams.stderr) {
    return refused(400, 'you must specify at least 1 of stdin, stdout, stderr');
  }
  if (kind === 'attach') return { ...path, kind, container, streams };
  const command = query.getAll('command');
  if (command.length === 0) return refused(400, 'you must specify at least one command for the container');
  return { ...path, kind, container, streams, command };
}

function portForward(path: PodPath, query: URLSearchParams): KubeletRequest {
  const ports = [...query.getAll('ports'), ...query.getAll('port')].flatMap((text) => text.split(',')).map(Number);
  const bad = ports.find((port) => !isPort(port));
  if (bad !== undefined) return refused(400, 'port must be a number between 1 and 65535');
  return { ...path, kind: 'portForward', ports };
}

export const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;

function logs(path: PodPath, container: string, query: URLSearchParams): KubeletRequest {
  const numbers: { tailLines?: number; limitBytes?: number; sinceSeconds?: number } = {};
  for (const [name, least] of [
    ['tailLines', 0],
    ['limitBytes', 1],
    ['sinceSeconds', 1],
  ] as const) {
    const text = query.get(name);
    if (text === null || text === '') continue;
    if (!/^-?\d+$/.test(text)) return refused(400, `${name}: Invalid value: "${text}": must be an integer`);
    if (Number(text) < least) {
      return refused(422, `${name}: Invalid value: ${text}: must be greater than or equal to ${least}`);
    }
    numbers[name] = Number(text);
  }
  const sinceTime = query.get('sinceTime') || undefined;
  const sinceTimeMs = sinceTime === undefined ? undefined : Date.parse(sinceTime);
  if (Number.isNaN(sinceTimeMs)) return refused(400, `sinceTime: Invalid value: "${sinceTime}": must be RFC 3339`);
  if (numbers.sinceSeconds !== undefined && sinceTimeMs !== undefined) {
    return refused(422, 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  }
  const stream = query.get('stream') ?? 'All';
  if (stream !== 'All') return refused(422, `stream: Unsupported value: "${stream}": supported values: "All"`);
  const options: LogOptions = {
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    ...numbers,
    ...(sinceTimeMs === undefined ? {} : { sinceTimeMs }),
  };
  return { ...path, kind: 'logs', container, options };
}

// The server's hand into the nodes: logs as a streamed GET, exec, attach and port-forward as a tunnel of bytes.
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { ApiResponse } from '../api/http.ts';
import { failure } from '../api/status.ts';

export interface NodeTarget {
  readonly host: string;
  readonly port: number;
  /** kubelet path with query, e.g. /exec/ns/pod/container?command=sh&tty=1 */
  readonly path: string;
}

export interface NodeTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface NodeRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

export interface NodeProxyIo {
  /** The kubelet's answer as it is, its refusals (a Status) too. Throws ApiError when the kubelet cannot be reached. */
  request(target: NodeTarget, o: NodeRequest): Promise<ApiResponse>;
  /** Hands an upgrade on and tunnels both ways, WebSocket or SPDY alike. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array, target: NodeTarget): void;
}

const DIAL_TIMEOUT_MS = 10_000;
const LINGER_MS = 5_000;

export function createNodeProxy(tls: NodeTls): NodeProxyIo {
  const agent = new Agent({ ...tls, keepAlive: true, maxFreeSockets: 16, timeout: 60_000 });
  return {
    request: (target, o) => request(agent, target, o),
    upgrade: (incoming, socket, head, target) => {
      upgrade(tls, incoming, socket, head, target);
    },
  };
}

/** As Go's net package says it, because users search for that text. */
function dialError(target: NodeTarget, e: NodeJS.ErrnoException): string {
  const causes: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    ETIMEDOUT: 'i/o timeout',
    ECONNRESET: 'read: connection reset by peer',
  };
  return `dial tcp ${target.host}:${target.port}: ${causes[e.code ?? ''] ?? e.message}`;
}

function request(agent: Agent, target: NodeTarget, o: NodeRequest): Promise<ApiResponse> {
  const { host, port, path } = target;
  const { method, headers, signal } = o;
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest({ agent, host, port, path, method, headers, ...(signal ? { signal } : {}) });
    // Only the dial has a deadline: a followed log may be silent for hours.
    const timer = setTimeout(() => {
      outgoing.destroy(Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' }));
    }, DIAL_TIMEOUT_MS);
    outgoing.on('error', (e: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(signal?.aborted ? e : failure(500, 'InternalError', dialError(target, e)));
    });
    outgoing.on('response', (answer) => {
      clearTimeout(timer);
      const type = answer.headers['content-type'];
      resolve({
        code: answer.statusCode ?? 502,
        headers: type === undefined ? {} : { 'content-type': type },
        body: bodyOf(answer, signal),
      });
    });
    outgoing.end(o.body);
  });
}

/** Ends quietly when the client asked for the end; its reader must not see that as a fault of the node. */
async function* bodyOf(answer: IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of answer) yield chunk as Buffer;
  } catch (e) {
    if (!signal?.aborted) throw e;
  }
}

function upgrade(tls: NodeTls, incoming: IncomingMessage, socket: Duplex, head: Uint8Array, target: NodeTarget): void {
  const node = connect({ ...tls, host: target.host, port: target.port, timeout: DIAL_TIMEOUT_MS });
  const fail = (e: Error): void => {
    node.destroy();
    if (!socket.writable) return;
    const body = JSON.stringify(failure(500, 'InternalError', `error dialing backend: ${dialError(target, e)}`).status);
    socket.end(
      'HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\nconnection: close\r\n' +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  };
  node.once('error', fail).once('timeout', () => fail(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
  socket.on('error', () => node.destroy()).on('close', () => node.destroy());
  node.once('secureConnect', () => {
    node.off('error', fail).removeAllListeners('timeout').setTimeout(0);
    tunnel(node, incoming, socket, head, target);
  });
}

function tunnel(
  node: TLSSocket,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  target: NodeTarget,
): void {
  node.setNoDelay(true);
  node.on('error', () => socket.destroy()).on('close', () => hangUp(socket));
  node.write(requestHead(incoming, target));
  if (head.length > 0) node.write(head);
  node.pipe(socket);
  socket.pipe(node);
}

/** Reads on while the client takes in the rest: closing with unread input would reset the connection under it. */
function hangUp(socket: Duplex): void {
  socket.resume().end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.on('close', () => clearTimeout(timer));
}

/** Who the user is stays here: the kubelet knows the server by its certificate and takes no word for anybody else. */
const withheld = new Set(['authorization', 'host', 'cookie']);

function requestHead(incoming: IncomingMessage, target: NodeTarget): string {
  const lines = [`${incoming.method} ${target.path} HTTP/1.1`, `Host: ${target.host}:${target.port}`];
  // rawHeaders: X-Stream-Protocol-Version comes several times, in the client's order of preference
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    const name = incoming.rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (withheld.has(lower) || lower.startsWith('impersonate-')) continue;
    lines.push(`${name}: ${incoming.rawHeaders[i + 1]}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

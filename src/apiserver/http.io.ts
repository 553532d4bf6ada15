// The API server on the network: HTTP/2 and HTTP/1.1 on one TLS port, client certificates as the proof of who calls.
//
// Authorization: whoever has a certificate signed by the cluster's own CA may do everything; its subject's CN is the user,
// its Os are the groups. Roles (RBAC) are kinds that are not served. Without such a certificate every request is answered
// by 401.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import http2, { type Http2SecureServer } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { ApiRequest, ApiResponse, Transport, UserInfo } from '../api/http.ts';
import type { Log } from '../client/types.ts';
import { bodyTooLarge, internal } from './errors.ts';
import { type NodeTarget, tunnelHeader } from './nodes.ts';
import { valueAnswer } from './render.ts';

export interface NodeUpgrade {
  upgrade(req: IncomingMessage, socket: Duplex, head: Uint8Array, target: NodeTarget): void;
}

export interface ServeOptions {
  readonly handle: Transport;
  readonly nodes: NodeUpgrade;
  /** PEM. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  readonly log: Log;
}

/** Upstream's limit of a request's body. */
const maxBodyBytes = 3 << 20;
/** A reader that takes nothing for so long, while something waits for it, is cut. */
const stalledMs = 30_000;

// HTTP/2's requests and responses have the methods of HTTP/1.1's; the events give either.
interface Request extends IncomingMessage {
  readonly stream?: { readonly session?: object };
}
type Response = ServerResponse;

const protocol: http2.SecureServerOptions = {
  allowHTTP1: true,
  requestCert: true,
  // Who has no certificate is told so by a Status and not by a broken connection.
  rejectUnauthorized: false,
  settings: { maxConcurrentStreams: 4096, initialWindowSize: 1 << 20 },
  // In MB. The default of 10 refuses new streams while one big list is on its way out.
  maxSessionMemory: 1024,
  // A client that stops hundreds of watches at once is no attack here: every client has a certificate of ours.
  streamResetBurst: 10_000,
  streamResetRate: 1_000,
};

/** Rejects with one clear line when an address cannot be listened on. */
export async function serve(o: ServeOptions): Promise<{ close(): Promise<void> }> {
  const open: Listener[] = [];
  try {
    for (const address of o.listen) open.push(await listen(o, address));
  } catch (e) {
    await Promise.all(open.map((l) => l.close()));
    throw e;
  }
  return {
    async close() {
      await Promise.all(open.map((l) => l.close()));
    },
  };
}

interface Listener {
  close(): Promise<void>;
}

async function listen(o: ServeOptions, address: { host: string; port: number }): Promise<Listener> {
  const server = http2.createSecureServer({ ...protocol, ...o.tls });
  const sockets = new Set<TLSSocket>();
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A peer that vanished (a node whose link is cut) does not stay a watcher for hours.
    socket.setKeepAlive(true, 15_000);
  });
  const debug = (what: string) => (e: Error) => o.log('debug', what, { error: e.message });
  server.on('tlsClientError', debug('a TLS handshake failed'));
  server.on('sessionError', debug('an HTTP/2 session failed'));
  server.on('clientError', (e: Error, socket: Duplex) => {
    debug('a connection sent no HTTP')(e);
    socket.destroy();
  });
  server.on('request', (req: unknown, res: unknown) => void answer(o, req as Request, res as Response));
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => void upgrade(o, req, socket, head));
  await bound(server, address);
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const s of sockets) s.destroy();
      await closed;
    },
  };
}

function bound(server: Http2SecureServer, { host, port }: { host: string; port: number }): Promise<void> {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another process listens there',
    EADDRNOTAVAIL: 'this machine does not have that address',
    EACCES: 'permission denied',
  };
  return new Promise((resolve, reject) => {
    const failed = (e: NodeJS.ErrnoException): void =>
      reject(new Error(`cannot listen on ${host}:${port}: ${why[e.code ?? ''] ?? e.message}`, { cause: e }));
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

const users = new WeakMap<object, UserInfo>();

/** Asked of the TLS library once per connection. */
function userOf(req: Request): UserInfo | undefined {
  const connection = req.stream?.session ?? req.socket;
  const known = users.get(connection);
  if (known) return known;
  const socket = req.socket as TLSSocket;
  if (!socket.authorized) return undefined;
  // An array where the subject has several of them.
  const subject = socket.getPeerCertificate().subject as unknown as Record<string, string | string[]> | undefined;
  const name = [subject?.CN ?? []].flat()[0];
  if (!name) return undefined;
  const user = { name, groups: [...[subject?.O ?? []].flat(), 'system:authenticated'] };
  users.set(connection, user);
  return user;
}

function requestOf(req: Request, body: Uint8Array | undefined, signal: AbortSignal | undefined): ApiRequest {
  const url = req.url ?? '/';
  const mark = url.indexOf('?');
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(req.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return {
    method: req.method ?? 'GET',
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    headers,
    body,
    user: userOf(req),
    signal,
  };
}

async function answer(o: ServeOptions, req: Request, res: Response): Promise<void> {
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  try {
    const body = await readBody(req);
    if (body === 'too large') {
      await respond(valueAnswer(bodyTooLarge(maxBodyBytes).status, 413), res, gone.signal);
      return;
    }
    await respond(await o.handle(requestOf(req, body, gone.signal)), res, gone.signal);
  } catch (e) {
    const error = e instanceof Error ? e : new Error(String(e));
    o.log('warn', 'an answer was not sent', { method: req.method, path: req.url, error: error.message });
    if (res.headersSent) res.destroy(error);
    else await respond(valueAnswer(internal(error.message).status, 500), res, gone.signal).catch(() => res.destroy());
  }
}

async function readBody(req: Request): Promise<Uint8Array | undefined | 'too large'> {
  if (req.method === 'GET' || req.method === 'HEAD') return undefined;
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of req as AsyncIterable<Buffer>) {
    size += part.length;
    // Read to its end all the same, or the client would not read the answer.
    if (size <= maxBodyBytes) parts.push(part);
  }
  if (size > maxBodyBytes) return 'too large';
  const [only] = parts;
  return parts.length === 1 ? only : Buffer.concat(parts);
}

async function respond(response: ApiResponse, res: Response, gone: AbortSignal): Promise<void> {
  const { code, headers, body } = response;
  if (body instanceof Uint8Array) {
    res.writeHead(code, { ...headers, 'content-length': String(body.length) });
    res.end(body);
    return;
  }
  res.writeHead(code, headers);
  // The client of a quiet watch waits for the headers.
  res.flushHeaders();
  for await (const chunk of body) {
    if (gone.aborted) return;
    if (!res.write(chunk)) await drained(res, gone);
  }
  res.end();
}

function drained(res: Response, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (gone.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(() => res.destroy(new Error('the reader takes nothing')), stalledMs);
    const done = (): void => {
      clearTimeout(timer);
      res.off('drain', done);
      res.off('close', done);
      resolve();
    };
    res.once('drain', done);
    res.once('close', done);
  });
}

/** exec, attach and port-forward: the API server says which node, the node proxy joins the connections. */
async function upgrade(o: ServeOptions, req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  socket.on('error', () => socket.destroy());
  try {
    const response = await o.handle(requestOf(req, undefined, undefined));
    const target = response.headers[tunnelHeader];
    if (response.code === 101 && target !== undefined) {
      o.nodes.upgrade(req, socket, head, JSON.parse(target) as NodeTarget);
      return;
    }
    const body = response.body instanceof Uint8Array ? response.body : new Uint8Array();
    const headers = { ...response.headers, 'content-length': String(body.length), connection: 'close' };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const code = response.code === 101 ? 400 : response.code;
    socket.write(`HTTP/1.1 ${code} ${reason(code)}\r\n${lines.join('')}\r\n`);
    socket.end(body);
  } catch (e) {
    o.log('warn', 'an upgrade failed', { path: req.url, error: e instanceof Error ? e.message : String(e) });
    socket.destroy();
  }
}

const reason = (code: number): string =>
  ({ 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found' })[code] ?? 'Error';

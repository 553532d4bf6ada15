// The kubelet's HTTPS server: logs, exec, attach and port-forward for the API server, and for nobody else.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TLSSocket } from 'node:tls';
import type { Log } from '../../client/types.ts';
import { isRefusal } from '../access.ts';
import type { PodAccess } from '../access.ts';
import { refusalStatus } from './refusal.ts';
import { readLog } from './logs.io.ts';
import { parseKubeletRequest } from './request.ts';
import type { KubeletRequest } from './request.ts';
import { startStreaming } from './streaming.io.ts';

export interface KubeletServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM: the cluster's CA, and this kubelet's serving certificate. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly pods: PodAccess;
  readonly log: Log;
}

export async function serveKubelet(o: KubeletServerOptions): Promise<{ close(): Promise<void> }> {
  // rejectUnauthorized false: without a certificate the answer is a 401 that can be read, not a broken handshake.
  const server = createServer({ ...o.tls, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    answer(o, request, response).catch((e: Error) => {
      o.log('warn', `kubelet server: ${request.method} ${request.url}: ${e.message}`);
      response.destroy();
    });
  });
  const upgraded = new Set<Duplex>();
  server.on('upgrade', (request, socket, head) => {
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket)).on('error', () => socket.destroy());
    upgrade(o, request, socket, head).catch((e: Error) => {
      o.log('warn', `kubelet server: ${request.method} ${request.url}: ${e.message}`);
      socket.destroy();
    });
  });
  server.on('tlsClientError', (e, socket) => {
    o.log('debug', `kubelet server: ${e.message}`);
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(o.listen, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }),
  };
}

/** undefined: may go on. */
function denied(request: IncomingMessage): { code: number; message: string } | undefined {
  if (!(request.socket instanceof TLSSocket) || !request.socket.authorized)
    return { code: 401, message: 'Unauthorized' };
  const { CN, O } = request.socket.getPeerCertificate().subject as { CN?: string; O?: string | string[] };
  if ([O].flat().includes('system:masters') || CN === 'kube-apiserver') return undefined;
  return { code: 403, message: `Forbidden (user=${CN}, verb=${request.method}, resource=nodes, subresource=proxy)` };
}

function parse(request: IncomingMessage): KubeletRequest {
  const refusal = denied(request);
  return refusal ? { kind: 'refused', ...refusal } : parseKubeletRequest(request.url ?? '/');
}

async function answer(o: KubeletServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const wanted = parse(request);
  if (wanted.kind === 'refused') refuse(response, wanted.code, wanted.message);
  else if (wanted.kind === 'healthz') response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
  else if (wanted.kind !== 'logs') refuse(response, 400, 'unable to upgrade: missing upgrade headers in request');
  else if (request.method !== 'GET') refuse(response, 405, `${request.method} is not allowed here`);
  else await sendLog(o, wanted, response);
}

function refuse(response: ServerResponse, code: number, message: string): void {
  const { headers, body } = refusalStatus(code, message);
  response.writeHead(code, headers).end(body);
}

async function sendLog(
  o: KubeletServerOptions,
  { namespace, pod, container, options }: KubeletRequest & { kind: 'logs' },
  response: ServerResponse,
): Promise<void> {
  const found = o.pods.find(namespace, pod, container);
  if (isRefusal(found)) return refuse(response, found.code, found.refusal);
  const path = options.previous ? found.previousLogPath : found.logPath;
  if (path === undefined) {
    return refuse(response, 400, `previous terminated container "${container}" in pod "${pod}" not found`);
  }
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const ended = options.previous || !found.running ? Promise.resolve() : found.ended;
  const pieces = readLog({ path, options, nowMs: Date.now(), ended, signal: gone.signal });
  response.setHeader('content-type', 'text/plain');
  if (options.follow) response.flushHeaders(); // the client shows that it follows before the first line comes
  try {
    await pipeline(Readable.from(pieces, { objectMode: false }), response);
  } catch (e) {
    if (gone.signal.aborted && response.headersSent) return;
    if (response.headersSent) throw e;
    refuse(response, 500, `unable to retrieve container logs: ${(e as Error).message}`);
  }
}

async function upgrade(o: KubeletServerOptions, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const wanted = parse(request);
  const refusal =
    wanted.kind === 'refused'
      ? { code: wanted.code, message: wanted.message }
      : wanted.kind === 'healthz' || wanted.kind === 'logs'
        ? { code: 400, message: `${request.url} cannot be upgraded` }
        : await startStreaming(o.pods, wanted, { request, socket, head });
  if (refusal === undefined) return;
  const { headers, body } = refusalStatus(refusal.code, refusal.message);
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' });
  socket.end(
    `HTTP/1.1 ${refusal.code} Refused\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
  );
}

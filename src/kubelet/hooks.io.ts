// A command, a request or a pause on behalf of a pod: lifecycle hooks and probes ask the same three ways.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { core } from '../api/types.ts';
import type { ExecFn } from '../linux/oci/exec.io.ts';
import type { Container } from './containers.ts';
import { isHttpSuccess, probePort } from './probe.ts';

export interface Asked {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
  readonly runcRoot: string;
  readonly exec: ExecFn;
}

/** undefined: it went well; else what went wrong. */
export type Answer = string | undefined;

export interface Question {
  readonly exec?: core.ExecAction;
  readonly httpGet?: core.HTTPGetAction;
  readonly tcpSocket?: core.TCPSocketAction;
  readonly sleep?: { readonly seconds: number };
}

export async function ask(question: Question, of: Asked, timeoutMs: number): Promise<Answer> {
  if (question.exec) return askExec(question.exec.command ?? [], of, timeoutMs);
  if (question.httpGet) return askHttp(question.httpGet, of, timeoutMs);
  if (question.tcpSocket) return askTcp(question.tcpSocket, of, timeoutMs);
  if (question.sleep) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(timeoutMs, (question.sleep?.seconds ?? 0) * 1000)));
  }
  return undefined;
}

/** As much of a command's output as an event can show. */
const OUTPUT_BYTES = 10_240;

async function askExec(argv: readonly string[], of: Asked, timeoutMs: number): Promise<Answer> {
  const run = of.exec({
    runcRoot: of.runcRoot,
    containerId: of.containerId,
    argv: [...argv],
    tty: false,
    stdin: false,
  });
  let output = '';
  const take = (chunk: Buffer): void => void (output.length < OUTPUT_BYTES && (output += chunk.toString()));
  run.stdout.on('data', take).on('error', () => {});
  run.stderr?.on('data', take).on('error', () => {});
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    run.kill();
  }, timeoutMs);
  const code = await run.exitCode.finally(() => clearTimeout(timer));
  if (late) return `command timed out: ${JSON.stringify(argv)} timed out after ${timeoutMs / 1000}s`;
  if (code === 0) return undefined;
  return run.startError() ?? (output.trim() || `command ${JSON.stringify(argv)} exited with ${code}`);
}

function askHttp(get: core.HTTPGetAction, of: Asked, timeoutMs: number): Promise<Answer> {
  const port = probePort(get.port, of.container);
  if (port === undefined) return Promise.resolve(`couldn't find port: "${get.port}"`);
  const host = get.host || of.podIp;
  const secure = get.scheme === 'HTTPS';
  const path = (get.path ?? '/').startsWith('/') ? (get.path ?? '/') : `/${get.path}`;
  const at = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const asked = `Get "${secure ? 'https' : 'http'}://${at}${path}"`;
  const headers: Record<string, string> = { 'User-Agent': 'kube-probe/1.35', Accept: '*/*', Connection: 'close' };
  for (const { name, value } of get.httpHeaders ?? []) headers[name] = value;
  return new Promise((resolve) => {
    const options = { host, port, path, headers, agent: false as const, rejectUnauthorized: false };
    const request = (secure ? httpsRequest : httpRequest)(options, (response) => {
      response.resume();
      clearTimeout(timer);
      const code = response.statusCode ?? 0;
      resolve(isHttpSuccess(code) ? undefined : `HTTP probe failed with statuscode: ${code}`);
      request.destroy();
    });
    const timer = setTimeout(() => {
      resolve(`${asked}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`);
      request.destroy();
    }, timeoutMs);
    request.on('error', (e: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve(`${asked}: ${dialError(at, e)}`);
    });
    request.end();
  });
}

function askTcp(tcp: core.TCPSocketAction, of: Asked, timeoutMs: number): Promise<Answer> {
  const port = probePort(tcp.port, of.container);
  if (port === undefined) return Promise.resolve(`couldn't find port: "${tcp.port}"`);
  const host = tcp.host || of.podIp;
  const at = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: Answer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(`dial tcp ${at}: i/o timeout`), timeoutMs);
    socket.on('connect', () => end(undefined));
    socket.on('error', (e: NodeJS.ErrnoException) => end(dialError(at, e)));
  });
}

/** As users know it from upstream's events. */
function dialError(at: string, e: NodeJS.ErrnoException): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    EHOSTUNREACH: 'no route to host',
    ENETUNREACH: 'network is unreachable',
    ECONNRESET: 'connection reset by peer',
  };
  const known = words[e.code ?? ''];
  return known ? `dial tcp ${at}: connect: ${known}` : e.message;
}

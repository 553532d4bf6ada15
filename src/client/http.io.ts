// The client's way over the network: one HTTP/2 session with a client certificate for all calls and watches of a process.
import http2 from 'node:http2';
import type { ApiRequest, ApiResponse, Transport } from '../api/http.ts';

export interface HttpTransportOptions {
  /** https://ip:port */
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** A peer that is gone without a word (killed node, cut link) is noticed after at most the sum of both. */
  readonly pingEveryMs?: number;
  readonly pingTimeoutMs?: number;
}

const connectTimeoutMs = 3_000;
const windowBytes = 8 << 20;

/** Reconnects by itself: a call while the server is away fails, the next one tries anew. */
export function httpTransport(o: HttpTransportOptions): Transport & { close(): void } {
  let current: Promise<http2.ClientHttp2Session> | undefined;
  let closed = false;

  function session(): Promise<http2.ClientHttp2Session> {
    if (closed) return Promise.reject(new Error('the transport is closed'));
    if (current) return current;
    const opening = open(o, () => {
      if (current === opening) current = undefined;
    });
    current = opening;
    opening.catch(() => {
      if (current === opening) current = undefined;
    });
    return opening;
  }

  const transport = async (request: ApiRequest): Promise<ApiResponse> => {
    const first = await session();
    // A session that says goodbye (server restart) may still be the current one for a moment.
    if (!first.closed && !first.destroyed) return send(first, request);
    current = undefined;
    return send(await session(), request);
  };

  return Object.assign(transport, {
    close(): void {
      closed = true;
      current?.then((s) => s.destroy()).catch(() => undefined);
      current = undefined;
    },
  });
}

function open(o: HttpTransportOptions, ended: () => void): Promise<http2.ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(o.server, {
      ca: o.ca,
      cert: o.cert,
      key: o.key,
      settings: { initialWindowSize: windowBytes, enablePush: false },
    });
    // Hundreds of watches share the session; each adds listeners.
    session.setMaxListeners(0);
    const timer = setTimeout(() => {
      session.destroy(new Error(`no connection to ${o.server} within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    let stopPings = (): void => undefined;
    session.once('connect', () => {
      clearTimeout(timer);
      // The default window of 64 KB would make a big list wait for a round trip after each piece.
      session.setLocalWindowSize(windowBytes);
      stopPings = keepAlive(session, o.pingEveryMs ?? 1_000, o.pingTimeoutMs ?? 2_000);
      resolve(session);
    });
    session.on('goaway', () => ended());
    session.on('error', (e) => reject(e));
    session.once('close', () => {
      clearTimeout(timer);
      stopPings();
      ended();
      reject(new Error(`connection to ${o.server} closed`));
    });
  });
}

function keepAlive(session: http2.ClientHttp2Session, pingEveryMs: number, pingTimeoutMs: number): () => void {
  let answerBy: ReturnType<typeof setTimeout> | undefined;
  const every = setInterval(() => {
    if (session.destroyed || answerBy) return;
    answerBy = setTimeout(() => session.destroy(new Error('the server does not answer pings')), pingTimeoutMs);
    session.ping((e) => {
      clearTimeout(answerBy);
      answerBy = undefined;
      if (e) session.destroy(e);
    });
  }, pingEveryMs);
  every.unref();
  return () => {
    clearInterval(every);
    clearTimeout(answerBy);
  };
}

function send(session: http2.ClientHttp2Session, request: ApiRequest): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const query = request.query.toString();
    const stream = session.request(
      {
        ...request.headers,
        ':method': request.method,
        ':path': query === '' ? request.path : `${request.path}?${query}`,
      },
      { endStream: request.body === undefined },
    );
    const abort = (): void => stream.close(http2.constants.NGHTTP2_CANCEL);
    request.signal?.addEventListener('abort', abort, { once: true });
    stream.once('close', () => {
      request.signal?.removeEventListener('abort', abort);
      // No answer came: without this the caller would wait for good.
      reject(new Error(`${request.method} ${request.path}: the connection ended before the answer`));
    });
    stream.on('error', reject);
    stream.once('response', (headers) => {
      const code = Number(headers[':status']);
      const plain: Record<string, string> = {};
      for (const [name, value] of Object.entries(headers)) {
        if (name.startsWith(':')) continue;
        if (typeof value === 'string') plain[name] = value;
        else if (Array.isArray(value)) plain[name] = value.join(', ');
      }
      const streams = code < 300 && (request.query.has('watch') || request.query.has('follow'));
      if (streams) {
        resolve({ code, headers: plain, body: chunks(stream) });
        return;
      }
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.once('end', () => resolve({ code, headers: plain, body: Buffer.concat(parts) }));
    });
    if (request.signal?.aborted) abort();
    else if (request.body !== undefined) stream.end(request.body);
  });
}

async function* chunks(stream: http2.ClientHttp2Stream): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } finally {
    if (!stream.closed) stream.close(http2.constants.NGHTTP2_CANCEL);
  }
}

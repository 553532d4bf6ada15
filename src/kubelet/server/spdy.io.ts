// Exec, attach and port-forward over SPDY/3.1: the answer to the upgrade, and streams sorted by their headers.
import type { IncomingMessage } from 'node:http';
import type { Duplex, Writable } from 'node:stream';
import { SpdyConnection } from '../../lib/spdy/connection.io.ts';
import type { SpdyStream } from '../../lib/spdy/connection.io.ts';
import { endingBytes, parseTerminalSize } from './channels.ts';
import type { Ending } from './channels.ts';
import type { StreamOptions } from './request.ts';
import type { RemoteSession } from './session.io.ts';
import { endAndFlush } from './session.io.ts';

const PROTOCOL_HEADER = 'x-stream-protocol-version';
/** Upstream's deadline for the streams of a session to come. */
const STREAMS_TIMEOUT_MS = 30_000;

/** Newest first. status: the error stream carries a Status (v4); resize came with v3. */
export const execProtocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];
export const portForwardProtocols = ['portforward.k8s.io'];

export function isSpdy(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'spdy/3.1';
}

/** The client's first offer that is known; no offer: the oldest. */
export function negotiate(request: IncomingMessage, known: readonly string[]): string | undefined {
  const header = request.headers[PROTOCOL_HEADER] ?? '';
  const offered = [header]
    .flat()
    .join(',')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  if (offered.length === 0) return known.at(-1);
  return offered.find((name) => known.includes(name));
}

export function acceptSpdy(socket: Duplex, head: Buffer, protocol: string): Duplex {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  return socket;
}

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

/** undefined: the client did not open its streams in time. */
export async function spdySession(
  transport: Duplex,
  protocol: string,
  options: StreamOptions,
): Promise<RemoteSession | undefined> {
  const version = execProtocols.length - execProtocols.indexOf(protocol);
  const wanted: StreamType[] = ['error'];
  for (const name of ['stdin', 'stdout', 'stderr'] as const) if (options[name]) wanted.push(name);
  if (options.tty && version >= 3) wanted.push('resize');
  const streams = new Map<StreamType, SpdyStream>();
  let complete: () => void = () => {};
  const all = new Promise<void>((resolve) => (complete = resolve));
  const connection = new SpdyConnection(transport, {
    role: 'server',
    onStream: (stream) => {
      const type = stream.headers['streamtype'] as StreamType;
      if (!wanted.includes(type) || streams.has(type)) {
        stream.destroy();
        return;
      }
      streams.set(type, stream);
      if (type !== 'stdin' && type !== 'resize') stream.resume(); // the client writes nothing there but its end
      if (streams.size === wanted.length) complete();
    },
  });
  const timer = setTimeout(() => transport.destroy(), STREAMS_TIMEOUT_MS);
  await Promise.race([all, connection.closed]);
  clearTimeout(timer);
  if (streams.size < wanted.length) return undefined;
  return sessionOf(connection, streams, version >= 4);
}

function sessionOf(
  connection: SpdyConnection,
  streams: ReadonlyMap<StreamType, SpdyStream>,
  status: boolean,
): RemoteSession {
  const [stdin, stdout, stderr] = [streams.get('stdin'), streams.get('stdout'), streams.get('stderr')];
  // Our side of stdin stays open though nothing is written to it: kubectl takes its end for "reads no more".
  return {
    ...(stdin ? { stdin } : {}),
    ...(stdout ? { stdout } : {}),
    ...(stderr ? { stderr } : {}),
    onResize: (listener) => onSizes(streams.get('resize'), listener),
    closed: connection.closed,
    finish: async (ending: Ending) => {
      await Promise.all([stdin, stdout, stderr].map(endAndFlush));
      const error: Writable | undefined = streams.get('error');
      const bytes = endingBytes(ending, status);
      if (bytes.length > 0) error?.write(bytes);
      await endAndFlush(error);
      await connection.close();
    },
  };
}

/** JSON values one after another, in frames of any cut: sizes are complete at each closing brace. */
function onSizes(stream: SpdyStream | undefined, listener: (columns: number, rows: number) => void): void {
  let text = '';
  stream?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      const size = parseTerminalSize(Buffer.from(text.slice(0, end + 1)));
      text = text.slice(end + 1);
      if (size) listener(size.columns, size.rows);
    }
  });
}

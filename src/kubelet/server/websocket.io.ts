// Exec and attach over a WebSocket's channels.
import type { IncomingMessage } from 'node:http';
import { Duplex, Readable, Writable } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import {
  CLOSE,
  ERROR,
  RESIZE,
  STDERR,
  STDIN,
  STDOUT,
  channelProtocolNames,
  chooseProtocol,
  decodeMessage,
  encodeMessage,
  endingBytes,
  parseTerminalSize,
} from './channels.ts';
import type { ChannelProtocol, Ending } from './channels.ts';
import type { StreamOptions } from './request.ts';
import type { RemoteSession } from './session.io.ts';
import { endAndFlush } from './session.io.ts';

/** More than this waiting in the socket: its writer waits. */
const BUFFERED_BYTES = 1024 * 1024;
const CLOSE_TIMEOUT_MS = 5_000;
/** A dead client behind a full pipe is found by what we send, since nothing is read then. */
const PING_EVERY_MS = 10_000;

/** A subprotocol with "/" is no token of RFC 6455, and `ws` answers 400 to it: it sees this name instead. */
const TUNNEL_TOKEN = 'spdy-3.1-portforward.k8s.io';
export const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io';

const server = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  // The client may send one chunk of stdin per message; kubectl's are 32 KiB.
  maxPayload: 64 * 1024 * 1024,
  handleProtocols: (offered) => {
    if (offered.has(TUNNEL_TOKEN)) return TUNNEL_PROTOCOL;
    return chooseProtocol([...offered])?.name || false;
  },
});

export function offeredProtocols(request: IncomingMessage): string[] {
  const header = request.headers['sec-websocket-protocol'] ?? '';
  return header
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

export function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** Answers the handshake; the protocol offered must have been found good before. Paused: resume() when you listen. */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<WebSocket> {
  const offered = offeredProtocols(request).map((name) => (name === TUNNEL_PROTOCOL ? TUNNEL_TOKEN : name));
  if (offered.length > 0) request.headers['sec-websocket-protocol'] = offered.join(', ');
  return new Promise((resolve) => {
    server.handleUpgrade(request, socket, head, (accepted) => {
      accepted.pause(); // a message that came with the handshake would be read before its listener is there
      resolve(accepted);
    });
  });
}

export const unknownProtocol = (offered: readonly string[]): string =>
  `unable to upgrade: no protocol in common: client offers ${offered.join(', ')}; supported are ${channelProtocolNames.join(', ')}`;

export function channelSession(socket: WebSocket, protocol: ChannelProtocol, streams: StreamOptions): RemoteSession {
  const stdin = streams.stdin ? inputOf(socket) : undefined;
  const output = (channel: number): Writable => outputTo(socket, protocol, channel);
  const stdout = streams.stdout ? output(STDOUT) : undefined;
  const stderr = streams.stderr ? output(STDERR) : undefined;
  let resize: (columns: number, rows: number) => void = () => {};
  socket.on('message', (raw: Buffer) => {
    const message = decodeMessage(protocol, raw);
    if (message?.channel === STDIN) {
      if (message.data.length > 0 && stdin?.push(message.data) === false) socket.pause();
    } else if (message?.channel === RESIZE) {
      const size = parseTerminalSize(message.data);
      if (size) resize(size.columns, size.rows);
    } else if (message?.channel === CLOSE && protocol.close && message.data[0] === STDIN) stdin?.push(null);
  });
  socket.resume();
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  const pings = setInterval(() => socket.ping(), PING_EVERY_MS);
  socket.on('close', () => {
    clearInterval(pings);
    for (const stream of [stdin, stdout, stderr]) stream?.destroy();
  });
  // An empty frame tells the client that the session stands; older ones wait for it.
  const first = streams.stdout ? STDOUT : streams.stderr ? STDERR : ERROR;
  socket.send(encodeMessage(protocol, first, new Uint8Array(0)));
  return {
    ...(stdin ? { stdin } : {}),
    ...(stdout ? { stdout } : {}),
    ...(stderr ? { stderr } : {}),
    onResize: (listener) => (resize = listener),
    closed,
    finish: (ending) => finish(socket, protocol, ending, [stdout, stderr], closed),
  };
}

async function finish(
  socket: WebSocket,
  protocol: ChannelProtocol,
  ending: Ending,
  outputs: (Writable | undefined)[],
  closed: Promise<void>,
): Promise<void> {
  await Promise.all(outputs.map(endAndFlush));
  const bytes = endingBytes(ending, protocol.status);
  if (bytes.length > 0) socket.send(encodeMessage(protocol, ERROR, bytes));
  await closeSocket(socket, closed);
}

/** With code 1000: without one kubectl reports an error and exits 1. */
export async function closeSocket(socket: WebSocket, closed: Promise<void>): Promise<void> {
  socket.resume(); // or the client's closing frame is never read
  socket.close(1000);
  const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
  await closed;
  clearTimeout(timer);
}

function inputOf(socket: WebSocket): Readable {
  const input = new Readable({ read: () => socket.resume() });
  return input.on('error', () => {});
}

function outputTo(socket: WebSocket, protocol: ChannelProtocol, channel: number): Writable {
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => send(socket, encodeMessage(protocol, channel, chunk), done),
  });
  return output.on('error', () => {});
}

/** Calls back at once while little is waiting, else when this message is out. */
function send(socket: WebSocket, message: Uint8Array, done: () => void): void {
  if (socket.bufferedAmount < BUFFERED_BYTES) {
    socket.send(message, () => {});
    done();
  } else socket.send(message, () => done());
}

/** One channel in both directions; it ends with the socket. */
export function duplexChannel(socket: WebSocket, protocol: ChannelProtocol, channel: number): Duplex {
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => send(socket, encodeMessage(protocol, channel, chunk), done),
  });
  stream.on('error', () => {});
  socket.on('message', (raw: Buffer) => {
    const message = decodeMessage(protocol, raw);
    if (message?.channel !== channel || message.data.length === 0 || stream.destroyed) return;
    if (!stream.push(message.data)) socket.pause();
  });
  socket.on('close', () => stream.destroy());
  return stream;
}

/** The binary messages of a WebSocket as one stream of bytes: SPDY runs inside. */
export function byteStream(socket: WebSocket): Duplex {
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => send(socket, chunk, done),
    final: (done) => {
      socket.close(1000);
      done();
    },
    destroy: (error, done) => {
      if (socket.readyState === socket.OPEN) socket.close(1000);
      done(error);
    },
  });
  socket.on('message', (raw: Buffer) => {
    if (raw.length > 0 && !stream.destroyed && !stream.push(raw)) socket.pause();
  });
  socket.on('close', () => {
    if (stream.destroyed) return;
    stream.push(null);
    // A reader that is stuck behind the last bytes would never come to the end.
    const timer = setTimeout(() => stream.destroy(), CLOSE_TIMEOUT_MS);
    stream.on('close', () => clearTimeout(timer));
  });
  return stream;
}

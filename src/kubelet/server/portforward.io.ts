// kubectl port-forward: for each connection a pair of SPDY streams (error, data) with one requestID, or in the old
// WebSocket protocol a pair of channels per port; each pair becomes a connection inside the pod.
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { SpdyConnection } from '../../lib/spdy/connection.io.ts';
import type { SpdyStream } from '../../lib/spdy/connection.io.ts';
import { dialPod } from './dial.io.ts';
import { isPort } from './request.ts';
import type { ChannelProtocol } from './channels.ts';
import { endAndFlush } from './session.io.ts';
import { closeSocket, duplexChannel } from './websocket.io.ts';

export interface ForwardTarget {
  readonly netnsPath: string;
  /** For messages. */
  readonly pod: string;
}

/** Both streams of a pair must come within this. */
const PAIR_TIMEOUT_MS = 30_000;

export async function forwardSpdy(transport: Duplex, target: ForwardTarget): Promise<void> {
  const waiting = new Map<string, SpdyStream>();
  const connection = new SpdyConnection(transport, {
    role: 'server',
    onStream: (stream) => {
      const { streamtype: type, port, requestid } = stream.headers;
      if ((type !== 'data' && type !== 'error') || port === undefined || !isPort(Number(port))) {
        stream.destroy();
        return;
      }
      // Without an id (clients before 1.3) an error stream's pair is the next stream opened.
      const id = requestid ?? String(type === 'error' ? stream.id : stream.id - 2);
      const other = waiting.get(id);
      if (other === undefined) {
        waiting.set(id, stream);
        const timer = setTimeout(() => stream.destroy(), PAIR_TIMEOUT_MS);
        stream.once('paired', () => clearTimeout(timer));
        stream.once('close', () => {
          clearTimeout(timer);
          if (waiting.get(id) === stream) waiting.delete(id);
        });
        return;
      }
      waiting.delete(id);
      other.emit('paired');
      const [data, errors] = type === 'data' ? [stream, other] : [other, stream];
      void forward(target, Number(port), data, errors);
    },
  });
  await connection.closed;
}

async function forward(target: ForwardTarget, port: number, data: Duplex, errors: Duplex): Promise<void> {
  errors.resume(); // the client writes nothing there but its end
  try {
    const inside = await dialPod(target.netnsPath, port);
    await joinStreams(data, inside);
  } catch (e) {
    errors.write(`error forwarding port ${port} to pod ${target.pod}, uid : ${(e as Error).message}`);
    data.resume();
  }
  await Promise.all([endAndFlush(data), endAndFlush(errors)]);
}

/** Until the pod's side ends; a client may close its half before and still wait for the answer. */
async function joinStreams(client: Duplex, inside: Duplex): Promise<void> {
  client.pipe(inside);
  inside.pipe(client, { end: false });
  client.on('close', () => inside.destroy());
  inside.on('error', () => inside.destroy()); // reset by the pod: the same end for the client
  await new Promise<void>((resolve) => {
    inside.on('end', () => resolve()).on('close', () => resolve());
  });
  if (!client.destroyed) {
    client.unpipe(inside);
    client.resume();
  }
  inside.destroy();
}

/**
 * Channels 2n (data) and 2n+1 (error) for the n-th port of the query; the first message on each is the port, two bytes,
 * little endian. One connection per port and WebSocket.
 */
export async function forwardChannels(
  socket: WebSocket,
  protocol: ChannelProtocol,
  ports: readonly number[],
  target: ForwardTarget,
): Promise<void> {
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.setMaxListeners(0); // each channel listens
  const pairs = ports.map(async (port, n) => {
    const data = duplexChannel(socket, protocol, n * 2);
    const errors = duplexChannel(socket, protocol, n * 2 + 1);
    for (const stream of [data, errors]) stream.write(Uint8Array.of(port & 255, port >> 8));
    await forward(target, port, data, errors);
  });
  await Promise.race([closed, Promise.all(pairs)]);
  await closeSocket(socket, closed);
}

// From an upgrade request to a running session: which container, which transport, which protocol.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { connectSeqpacket } from '../../linux/pty/seqpacket.io.ts';
import type { PacketSocket } from '../../linux/pty/seqpacket.io.ts';
import { isRefusal } from '../access.ts';
import type { ContainerHandle, PodAccess } from '../access.ts';
import { runAttach } from './attach.io.ts';
import { chooseProtocol } from './channels.ts';
import { runExec } from './exec.io.ts';
import { forwardChannels, forwardSpdy } from './portforward.io.ts';
import type { KubeletRequest } from './request.ts';
import type { RemoteSession } from './session.io.ts';
import { acceptSpdy, execProtocols, isSpdy, negotiate, portForwardProtocols, spdySession } from './spdy.io.ts';
import {
  TUNNEL_PROTOCOL,
  acceptWebSocket,
  byteStream,
  channelSession,
  isWebSocket,
  offeredProtocols,
  unknownProtocol,
} from './websocket.io.ts';

export type StreamingRequest = KubeletRequest & { kind: 'exec' | 'attach' | 'portForward' };
type SessionRequest = KubeletRequest & { kind: 'exec' | 'attach' };

export interface StreamingRefusal {
  readonly code: number;
  readonly message: string;
}

/** A connection that asked for an upgrade and was not answered yet. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

const refuse = (code: number, why: string): StreamingRefusal => ({
  code,
  message: `unable to upgrade connection: ${why}`,
});
const noTransport = refuse(400, 'want Upgrade: SPDY/3.1 or websocket');

/** Resolves when the session is over, or with the reason why there is none; then nothing was answered yet. */
export async function startStreaming(
  pods: PodAccess,
  wanted: StreamingRequest,
  upgrade: Upgrade,
): Promise<StreamingRefusal | undefined> {
  const container = wanted.kind === 'portForward' ? undefined : wanted.container;
  const found = pods.find(wanted.namespace, wanted.pod, container);
  if (isRefusal(found)) return refuse(found.code, found.refusal);
  if (wanted.kind === 'portForward') {
    const pod = `${wanted.pod}_${wanted.namespace}`;
    return startForward({ netnsPath: found.netnsPath, pod }, wanted.ports, upgrade);
  }
  const run = wanted.kind === 'exec' ? prepareExec(wanted, found) : prepareAttach(wanted, found);
  if ('code' in run) return run;
  const session = await openSession(wanted, upgrade);
  if (session && 'code' in session) return session;
  if (session) await run.start(session);
  return undefined;
}

type Prepared = { start(session: RemoteSession): Promise<void> } | StreamingRefusal;

function prepareExec(wanted: SessionRequest & { kind: 'exec' }, found: ContainerHandle): Prepared {
  const { containerId } = found;
  if (containerId === undefined || !found.running) return refuse(404, `container not found ("${wanted.container}")`);
  return { start: (session) => runExec(session, { ...found, containerId }, wanted.command, wanted.streams) };
}

function prepareAttach(wanted: SessionRequest & { kind: 'attach' }, found: ContainerHandle): Prepared {
  const { attachSocket } = found;
  if (!found.running) return refuse(404, `container not found ("${wanted.container}")`);
  if (attachSocket === undefined) return refuse(400, `container "${wanted.container}" has no attach socket`);
  return {
    start: async (session) => {
      let socket: PacketSocket;
      try {
        socket = connectSeqpacket(attachSocket);
      } catch (e) {
        return session.finish({ failure: `error attaching to container: ${(e as Error).message}` });
      }
      return runAttach(session, socket, attachSocket);
    },
  };
}

async function openSession(
  wanted: SessionRequest,
  { request, socket, head }: Upgrade,
): Promise<RemoteSession | StreamingRefusal | undefined> {
  if (isSpdy(request)) {
    const protocol = negotiate(request, execProtocols);
    if (protocol === undefined)
      return { code: 403, message: `unable to upgrade: supported are ${execProtocols.join(', ')}` };
    return spdySession(acceptSpdy(socket, head, protocol), protocol, wanted.streams);
  }
  if (!isWebSocket(request)) return noTransport;
  const offered = offeredProtocols(request);
  const protocol = chooseProtocol(offered);
  if (protocol === undefined) return { code: 400, message: unknownProtocol(offered) };
  return channelSession(await acceptWebSocket(request, socket, head), protocol, wanted.streams);
}

async function startForward(
  target: { netnsPath: string; pod: string },
  ports: readonly number[],
  { request, socket, head }: Upgrade,
): Promise<StreamingRefusal | undefined> {
  if (isSpdy(request)) {
    const protocol = negotiate(request, portForwardProtocols);
    if (protocol === undefined)
      return { code: 403, message: `unable to upgrade: supported is ${portForwardProtocols[0]}` };
    await forwardSpdy(acceptSpdy(socket, head, protocol), target);
    return undefined;
  }
  if (!isWebSocket(request)) return noTransport;
  const offered = offeredProtocols(request);
  if (offered.includes(TUNNEL_PROTOCOL)) {
    await forwardSpdy(byteStream(await acceptWebSocket(request, socket, head)), target);
    return undefined;
  }
  const protocol = chooseProtocol(offered);
  if (protocol === undefined) return { code: 400, message: unknownProtocol(offered) };
  if (ports.length === 0) return { code: 400, message: 'query parameter "port" is required' };
  await forwardChannels(await acceptWebSocket(request, socket, head), protocol, ports, target);
  return undefined;
}

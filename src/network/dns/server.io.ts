// The server's sockets: UDP and TCP on the cluster's DNS address. No decision here: parse, decide, encode, send.
import dgram from 'node:dgram';
import net from 'node:net';
import { decide, type Decision } from './answer.ts';
import type { Ask, Forwarder } from './forward.io.ts';
import { RCODE } from './record.ts';
import { type Answer, encodeAnswer, parseQuery, type Query, TCP_LIMIT, udpLimit } from './wire.ts';
import type { Zone } from './zone.ts';

export interface DnsCounters {
  udp: number;
  tcp: number;
  /** Noise that got no answer. */
  dropped: number;
  /** Answered from bytes kept since the zone's last change. */
  kept: number;
  forwarded: number;
  /** Answers by RCODE number. */
  rcodes: Record<number, number>;
}

export interface ServeOptions {
  readonly zone: Zone;
  readonly forwarder: Forwarder;
  readonly listen: { readonly ip: string; readonly port: number };
}

export interface DnsServer {
  readonly counters: DnsCounters;
  /** As bound: with port 0, the one that the kernel picked. */
  readonly port: number;
  close(): Promise<void>;
}

const MAX_KEPT = 8_192;
const MAX_KEPT_QUESTION_BYTES = 300;
const TCP_IDLE_MS = 10_000;
const MAX_TCP_CONNECTIONS = 512;
/** A client that asks and does not read. */
const MAX_UNREAD_BYTES = 1 << 20;
const UDP_RECEIVE_BUFFER_BYTES = 4 << 20;

/** `same`: until the zone changes, the same question gets the same bytes. */
type Send = (bytes: Uint8Array, same: boolean) => void;
type Forward = Exclude<Decision, { kind: 'answer' }>;
type Responder = (query: Query, limit: number, send: Send) => void;

export async function serveDns(o: ServeOptions): Promise<DnsServer> {
  const counters: DnsCounters = { udp: 0, tcp: 0, dropped: 0, kept: 0, forwarded: 0, rcodes: {} };
  const respond = responder(o, counters);
  const udp = await listenUdp(o, counters, respond);
  const { port } = udp.address();
  try {
    const tcp = await listenTcp({ ...o, listen: { ip: o.listen.ip, port } }, counters, respond);
    return {
      counters,
      port,
      async close() {
        await Promise.all([new Promise<void>((done) => udp.close(() => done())), tcp.close()]);
      },
    };
  } catch (error) {
    udp.close();
    throw error;
  }
}

function responder({ zone, forwarder }: ServeOptions, counters: DnsCounters): Responder {
  let turn = 0;
  const encode = (query: Query, limit: number, answer: Answer): Uint8Array => {
    count(counters, answer.rcode);
    return encodeAnswer(query, answer, limit);
  };
  const failed: Answer = { rcode: RCODE.SERVFAIL, authoritative: false, answers: [], authority: [], additional: [] };
  const askOf = (query: Query, name: string): Ask => ({
    name,
    type: query.question.type,
    checkingDisabled: query.checkingDisabled,
    edns: query.edns !== undefined,
    dnssecOk: query.edns?.dnssecOk ?? false,
  });
  const forward = async (query: Query, limit: number, decision: Forward, send: Send): Promise<void> => {
    counters.forwarded++;
    const aliases = decision.kind === 'chase' ? decision.aliases : [];
    const name = decision.kind === 'chase' ? decision.target : query.question.name;
    const answer: Answer = (await forwarder.resolve(askOf(query, name))) ?? failed;
    send(encode(query, limit, { ...answer, answers: [...aliases, ...answer.answers] }), false);
  };
  return (query, limit, send) => {
    if (query.edns && query.edns.version !== 0) {
      return send(encode(query, limit, { ...failed, rcode: RCODE.BADVERS }), false);
    }
    const decision = decide(zone, query.question, query.recursionDesired, turn);
    turn = (turn + 1) >>> 0;
    if (decision.kind === 'answer') return send(encode(query, limit, decision.answer), !decision.rotates);
    void forward(query, limit, decision, send);
  };
}

async function listenUdp(o: ServeOptions, counters: DnsCounters, respond: Responder): Promise<dgram.Socket> {
  const socket = dgram.createSocket({ type: 'udp4', lookup: literal });
  // Answers as bytes, by the question's bytes without its id. All go when the zone changes.
  const kept = new Map<string, Uint8Array>();
  let keptSerial = o.zone.serial;
  let open = true;
  socket.on('close', () => {
    open = false;
  });
  socket.on('message', (bytes, from) => {
    counters.udp++;
    const send = (answer: Uint8Array): void => {
      if (open) socket.send(answer, from.port, from.address, ignoreError);
    };
    if (keptSerial !== o.zone.serial) {
      kept.clear();
      keptSerial = o.zone.serial;
    }
    const key = bytes.length <= MAX_KEPT_QUESTION_BYTES ? bytes.toString('latin1', 2) : '';
    const known = key === '' ? undefined : kept.get(key);
    if (known) {
      counters.kept++;
      // All kept ones have rcodes below 16; the upper half of that byte is RA and its neighbours.
      count(counters, (known.at(3) ?? 0) & 15);
      const answer = Buffer.from(known);
      answer.set(bytes.subarray(0, 2));
      return send(answer);
    }
    const parsed = parseQuery(bytes);
    if (parsed.kind === 'query') {
      respond(parsed.query, udpLimit(parsed.query), (answer, same) => {
        if (same && key !== '') {
          if (kept.size >= MAX_KEPT) kept.clear();
          kept.set(key, answer);
        }
        send(answer);
      });
    } else if (parsed.kind === 'refuse') {
      send(parsed.bytes);
    } else {
      counters.dropped++;
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: o.listen.ip, port: o.listen.port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  socket.on('error', () => undefined);
  socket.setRecvBufferSize(UDP_RECEIVE_BUFFER_BYTES);
  return socket;
}

const count = (counters: DnsCounters, rcode: number): void => {
  counters.rcodes[rcode] = (counters.rcodes[rcode] ?? 0) + 1;
};

/** Whoever asked is gone: nothing to do about it. */
const ignoreError = (): void => undefined;

/** An address needs no look-up; Node would take a tick and the thread pool for it. */
function literal(
  address: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, address, 4);
}

async function listenTcp(
  o: ServeOptions,
  counters: DnsCounters,
  respond: Responder,
): Promise<{ close(): Promise<void> }> {
  const connections = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', ignoreError);
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    converse(socket, counters, respond);
  });
  server.maxConnections = MAX_TCP_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: o.listen.ip, port: o.listen.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', ignoreError);
  return {
    close: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        for (const socket of connections) socket.destroy();
      }),
  };
}

/** Each message has its length before it (RFC 1035 4.2.2); many may come at once, answers go out as they are ready (RFC 7766). */
function converse(socket: net.Socket, counters: DnsCounters, respond: Responder): void {
  let received: Buffer = Buffer.alloc(0);
  const send = (answer: Uint8Array): void => {
    if (socket.destroyed) return;
    const framed = Buffer.allocUnsafe(2 + answer.length);
    framed.writeUInt16BE(answer.length);
    framed.set(answer, 2);
    socket.write(framed);
    if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
  };
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    while (received.length >= 2) {
      const end = 2 + received.readUInt16BE(0);
      if (received.length < end) return;
      counters.tcp++;
      const parsed = parseQuery(received.subarray(2, end));
      received = received.subarray(end);
      if (parsed.kind === 'query') {
        respond(parsed.query, TCP_LIMIT, send);
      } else if (parsed.kind === 'refuse') {
        send(parsed.bytes);
      } else {
        // On a stream nothing after it can be trusted either.
        counters.dropped++;
        socket.destroy();
        return;
      }
    }
  });
}

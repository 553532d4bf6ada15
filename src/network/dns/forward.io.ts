// Asks the host's resolvers. Sockets are made in the host's network namespace: a node's has no way to 127.0.0.53.
//
// One socket per attempt: its port is random (against forged answers), it is connected (only that server's answers come in,
// and a closed port is an error at once), and it is gone when the attempt is.
import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import { decodeAnswer, encodeQuestion, type UpstreamAnswer } from './ask.ts';
import { RCODE } from './record.ts';
import { RememberedAnswers } from './remembered.ts';
import { askPlan, nameservers } from './upstream.ts';
import { CLASS_IN } from './record.ts';

export interface Ask {
  readonly name: string;
  readonly type: number;
  readonly checkingDisabled: boolean;
  readonly edns: boolean;
  readonly dnssecOk: boolean;
}

export interface Forwarder {
  /** undefined: no upstream answered. Never throws. */
  resolve(ask: Ask): Promise<UpstreamAnswer | undefined>;
  readonly counters: ForwardCounters;
  close(): void;
}

export interface ForwardCounters {
  asked: number;
  remembered: number;
  unanswered: number;
}

export interface ForwarderOptions {
  /** Text of the host's /etc/resolv.conf; it may change while we run. */
  readResolvConf(): string | undefined;
  /** Our own addresses. */
  readonly own: readonly string[];
  /** Runs `make` in the host's network namespace, synchronously: a socket belongs to where it was made. */
  readonly inHostNetns: <T>(make: () => T) => T;
  readonly port?: number;
}

/** One question without an answer may be the question's fault (a domain whose own servers are dead). */
const STRIKES = 2;
const MAX_IN_FLIGHT = 1_024;
const REMEMBERED = 10_000;

export function createForwarder(o: ForwarderOptions): Forwarder {
  const remembered = new RememberedAnswers(REMEMBERED);
  const inFlight = new Map<string, Promise<UpstreamAnswer | undefined>>();
  const silent = new Map<string, number>();
  const strikes = new Map<string, number>();
  const closing = new Set<() => void>();
  const counters: ForwardCounters = { asked: 0, remembered: 0, unanswered: 0 };
  const port = o.port ?? 53;
  let servers: readonly string[] = [];

  /** Read anew for each question that is not remembered: a VPN that goes up counts at once. */
  function currentServers(): readonly string[] {
    const text = o.readResolvConf();
    // Being replaced just now: what we knew still holds.
    if (text !== undefined) servers = nameservers(text, o.own);
    return servers;
  }

  function strike(server: string): void {
    const count = (strikes.get(server) ?? 0) + 1;
    strikes.set(server, count);
    if (count >= STRIKES) silent.set(server, performance.now());
  }

  /** Runs the plan: the first useful answer wins; a refusal or a failure only if no one has better. */
  function exchange(ask: Ask): Promise<UpstreamAnswer | undefined> {
    const nowMs = performance.now();
    const plan = askPlan(currentServers(), silent, nowMs);
    if (plan.attempts.length === 0) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const cancels = new Set<() => void>();
      const waiting = new Set(plan.attempts);
      const heard = new Set<string>();
      let fallback: UpstreamAnswer | undefined;
      const finish = (answer: UpstreamAnswer | undefined): void => {
        closing.delete(stop);
        for (const cancel of cancels) cancel();
        const asked = new Set(plan.attempts.map((a) => a.server));
        if (!answer) for (const server of asked) if (!heard.has(server)) strike(server);
        resolve(answer);
      };
      const stop = (): void => finish(undefined);
      closing.add(stop);
      const started = new Set<(typeof plan.attempts)[number]>();
      const start = (attempt: (typeof plan.attempts)[number]): void => {
        if (started.has(attempt)) return;
        started.add(attempt);
        const { server } = attempt;
        cancels.add(
          askServer({ server, port, ask, inHostNetns: o.inHostNetns }, (answer) => {
            waiting.delete(attempt);
            if (answer) {
              heard.add(server);
              silent.delete(server);
              strikes.delete(server);
              // Whoever was asked before and is still silent: the next question starts with this one.
              for (const earlier of started)
                if (!heard.has(earlier.server)) silent.set(earlier.server, performance.now());
              if (answer.rcode !== RCODE.SERVFAIL && answer.rcode !== RCODE.REFUSED) return finish(answer);
              fallback ??= answer;
              for (const other of waiting) if (other.server === server) waiting.delete(other);
            } else if (!heard.has(server)) {
              silent.set(server, performance.now());
            }
            const next = [...waiting].find((a) => !started.has(a));
            if (next) start(next);
            else if (waiting.size === 0) finish(fallback);
          }),
        );
      };
      for (const attempt of plan.attempts) {
        if (attempt.afterMs === 0) start(attempt);
        else cancels.add(timer(attempt.afterMs, () => waiting.has(attempt) && start(attempt)));
      }
      cancels.add(timer(plan.deadlineMs, () => finish(fallback)));
    });
  }

  return {
    counters,
    async resolve(ask) {
      const key = `${ask.name.toLowerCase()} ${ask.type} ${ask.checkingDisabled} ${ask.edns} ${ask.dnssecOk}`;
      const known = remembered.get(key, performance.now());
      if (known) {
        counters.remembered++;
        return known;
      }
      let answer = inFlight.get(key);
      if (!answer) {
        if (inFlight.size >= MAX_IN_FLIGHT) return undefined;
        counters.asked++;
        answer = exchange(ask).finally(() => inFlight.delete(key));
        inFlight.set(key, answer);
      }
      const got = await answer;
      if (got) remembered.put(key, got, performance.now());
      else counters.unanswered++;
      return got;
    },
    close() {
      for (const stop of closing) stop();
    },
  };
}

function timer(afterMs: number, callback: () => void): () => void {
  const handle = setTimeout(callback, afterMs);
  return () => clearTimeout(handle);
}

interface Exchange {
  readonly server: string;
  readonly port: number;
  readonly ask: Ask;
  readonly inHostNetns: <T>(make: () => T) => T;
}

/** An address needs no look-up; answered at once, so that the socket is made here and now and not a tick later. */
function literal(
  address: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, address, address.includes(':') ? 6 : 4);
}

/** `done` is called once: with an answer, or with undefined when there is none to come. Returns a cancel function. */
function askServer(x: Exchange, done: (answer: UpstreamAnswer | undefined) => void): () => void {
  let cancel: () => void = () => undefined;
  let over = false;
  const end = (answer: UpstreamAnswer | undefined): void => {
    if (over) return;
    over = true;
    cancel();
    done(answer);
  };
  cancel = askUdp(x, (answer) => {
    if (!answer?.truncated) return end(answer);
    cancel();
    cancel = askTcp(x, end);
  });
  return () => {
    over = true;
    cancel();
  };
}

function isAnswerTo(answer: UpstreamAnswer | undefined, id: number, ask: Ask): answer is UpstreamAnswer {
  if (answer?.id !== id) return false;
  const q = answer.question;
  return q.type === ask.type && q.class === CLASS_IN && q.name.toLowerCase() === ask.name.toLowerCase();
}

function askUdp(x: Exchange, done: (answer: UpstreamAnswer | undefined) => void): () => void {
  const id = randomInt(0x10000);
  const v6 = x.server.includes(':');
  const socket = dgram.createSocket({ type: v6 ? 'udp6' : 'udp4', lookup: literal });
  let open = true;
  const close = (): void => {
    if (open) socket.close();
    open = false;
  };
  socket.on('error', () => {
    close();
    done(undefined);
  });
  socket.on('message', (bytes) => {
    const answer = decodeAnswer(bytes);
    // Anything else on this socket is noise or a forgery: the answer may still come.
    if (isAnswerTo(answer, id, x.ask)) done(answer);
  });
  try {
    x.inHostNetns(() => socket.bind({ address: v6 ? '::' : '0.0.0.0', port: 0, exclusive: true }));
    socket.connect(x.port, x.server, () => {
      if (open) socket.send(encodeQuestion(id, x.ask), (error) => error && open && done(undefined));
    });
  } catch {
    queueMicrotask(() => done(undefined));
  }
  return close;
}

function askTcp(x: Exchange, done: (answer: UpstreamAnswer | undefined) => void): () => void {
  const id = randomInt(0x10000);
  const question = encodeQuestion(id, x.ask);
  const family = x.server.includes(':') ? 6 : 4;
  // 'host' is a name on purpose: net.connect of an address makes its socket a tick later, in the wrong namespace.
  const socket = x.inHostNetns(() =>
    net.connect({
      host: 'upstream',
      port: x.port,
      family,
      autoSelectFamily: false,
      lookup: (_host, _options, cb) => cb(null, x.server, family),
    }),
  );
  let received = Buffer.alloc(0);
  socket.on('connect', () => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(question.length);
    socket.write(Buffer.concat([length, question]));
  });
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
    const answer = decodeAnswer(received.subarray(2, 2 + received.readUInt16BE(0)));
    socket.destroy();
    done(isAnswerTo(answer, id, x.ask) ? answer : undefined);
  });
  socket.on('error', () => done(undefined));
  socket.on('close', () => done(undefined));
  return () => socket.destroy();
}

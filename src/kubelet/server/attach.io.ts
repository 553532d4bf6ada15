// Attach: the streams of a running container, by conmon's attach socket.
//
// Out comes one packet per write, led by a byte that names the stream; in go the bytes of stdin. Node's loop has no event
// for such a socket, so it is asked again after a pause that is short while something moves.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PacketSocket } from '../../linux/pty/seqpacket.io.ts';
import { copyChunk } from './session.io.ts';
import type { RemoteSession } from './session.io.ts';

const STDOUT_PACKET = 2;
const STDERR_PACKET = 3;
/** conmon reads into a buffer of 8 KiB and sends one byte more. */
const PACKET_BYTES = 32 * 1024;
const STDIN_BYTES = 4 * 1024;
const ACTIVE_PAUSE_MS = 5;
const IDLE_PAUSE_MS = 40;
const WINDOW_EVENT = 1;
const RESIZE_PAUSE_MS = 100;

export async function runAttach(session: RemoteSession, socket: PacketSocket, attachSocket: string): Promise<void> {
  const gone = new AbortController();
  void session.closed.then(() => gone.abort());
  const window = new Window(attachSocket);
  session.onResize((columns, rows) => window.resize(columns, rows));
  const input = session.stdin && new Input(session.stdin, socket);
  const buffer = new Uint8Array(PACKET_BYTES);
  let pauseMs = ACTIVE_PAUSE_MS;
  try {
    while (!gone.signal.aborted) {
      const sent = input?.pump() ?? false;
      const length = socket.receive(buffer);
      if (length === undefined) break; // the container has ended
      if (length > 0) {
        await output(session, buffer.slice(0, length));
        pauseMs = ACTIVE_PAUSE_MS;
        continue;
      }
      pauseMs = sent ? ACTIVE_PAUSE_MS : Math.min(IDLE_PAUSE_MS, pauseMs + 1);
      await sleep(pauseMs);
    }
  } finally {
    window.close();
    socket.close();
  }
  await session.finish({ exitCode: 0 }); // as upstream: the exit code of an attached container is in the pod's status
}

async function output(session: RemoteSession, packet: Uint8Array): Promise<void> {
  const target: Writable | undefined =
    packet[0] === STDOUT_PACKET ? session.stdout : packet[0] === STDERR_PACKET ? session.stderr : undefined;
  if (target) await copyChunk(packet.subarray(1), target);
}

/** stdin, piece by piece as the socket takes it. */
class Input {
  readonly #from: Readable;
  readonly #socket: PacketSocket;
  #rest: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(from: Readable, socket: PacketSocket) {
    this.#from = from;
    this.#socket = socket;
    from.on('end', () => {
      this.#ended = true;
    });
    from.on('readable', () => {}); // reading by hand, and 'end' when there is nothing left
  }

  /** true: something moved. */
  pump(): boolean {
    if (this.#rest.length === 0) this.#rest = (this.#from.read() as Buffer | null) ?? this.#rest;
    if (this.#rest.length === 0) {
      if (this.#ended) this.#socket.endSending();
      this.#ended = false;
      return false;
    }
    const sent = this.#socket.send(this.#rest.slice(0, STDIN_BYTES));
    this.#rest = this.#rest.subarray(sent);
    return sent > 0;
  }
}

/**
 * conmon's control fifo: "1 <rows> <columns>". conmon 2.1 that reads two lines at once takes the first one twice and the
 * second never (and kubectl sends two sizes at its start), so sizes go out one by one, and the last one once more.
 */
class Window {
  readonly #fifo: string;
  #wanted = '';
  #repeats = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(attachSocket: string) {
    this.#fifo = join(dirname(attachSocket), 'ctl');
  }

  resize(columns: number, rows: number): void {
    this.#wanted = `${WINDOW_EVENT} ${rows} ${columns}\n`;
    this.#repeats = 2;
    if (this.#timer === undefined) this.#next();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #next(): void {
    this.#timer = undefined;
    if (this.#repeats-- <= 0) return;
    try {
      const fd = openSync(this.#fifo, constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(fd, this.#wanted);
      closeSync(fd);
    } catch {
      return; // ENXIO: conmon is gone, and with it the terminal
    }
    this.#timer = setTimeout(() => this.#next(), RESIZE_PAUSE_MS);
  }
}

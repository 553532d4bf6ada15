// Attach: the streams of a running container, by conmon's attach socket.
//
// The socket is AF_UNIX SOCK_SEQPACKET, which Node cannot open: socket, connect, recv and send go through libc. Out comes
// one packet per write, led by a byte that names the stream; in go the bytes of stdin. There is no event for it in
// Node's loop, so it is asked again after a pause that is short while something moves.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';
import { copyChunk } from './session.io.ts';
import type { RemoteSession } from './session.io.ts';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const connectTo = libc.func('int connect(int fd, uint8_t *address, uint32_t length)');
const recv = libc.func('long recv(int fd, _Out_ uint8_t *buffer, size_t length, int flags)');
const send = libc.func('long send(int fd, uint8_t *buffer, size_t length, int flags)');
const shutdown = libc.func('int shutdown(int fd, int how)');

const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 5 | 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
const EAGAIN = 11;
const STDOUT_PACKET = 2;
const STDERR_PACKET = 3;
/** conmon reads into a buffer of 8 KiB and sends one byte more. */
const PACKET_BYTES = 32 * 1024;
const STDIN_BYTES = 4 * 1024;
const ACTIVE_PAUSE_MS = 5;
const IDLE_PAUSE_MS = 40;
const WINDOW_EVENT = 1;

/** Throws when nobody listens on the socket. */
export function openAttachSocket(path: string): number {
  // sun_path holds 107 bytes and a pod's directory is longer: the way leads over the directory's descriptor.
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const address = new Uint8Array(110);
    address[0] = AF_UNIX;
    address.set(new TextEncoder().encode(`/proc/self/fd/${directory}/${basename(path)}`), 2);
    const fd = Number(socket(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0));
    if (fd < 0) throw new Error(`attach socket: errno ${koffi.errno()}`);
    if (connectTo(fd, address, address.length) === 0) return fd;
    const errno = koffi.errno();
    closeSync(fd);
    throw new Error(`connect to the attach socket: errno ${errno}`);
  } finally {
    closeSync(directory);
  }
}

export async function runAttach(session: RemoteSession, fd: number, attachSocket: string): Promise<void> {
  const gone = new AbortController();
  void session.closed.then(() => gone.abort());
  session.onResize((columns, rows) => resize(attachSocket, columns, rows));
  const input = session.stdin && new Input(session.stdin, fd);
  const buffer = new Uint8Array(PACKET_BYTES);
  let pauseMs = ACTIVE_PAUSE_MS;
  try {
    while (!gone.signal.aborted) {
      const sent = input?.pump() ?? false;
      const length = Number(recv(fd, buffer, buffer.length, MSG_DONTWAIT));
      if (length > 0) {
        await output(session, buffer.slice(0, length));
        pauseMs = ACTIVE_PAUSE_MS;
        continue;
      }
      if (length === 0 || koffi.errno() !== EAGAIN) break; // the container has ended
      pauseMs = sent ? ACTIVE_PAUSE_MS : Math.min(IDLE_PAUSE_MS, pauseMs + 1);
      await sleep(pauseMs);
    }
  } finally {
    closeSync(fd);
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
  readonly #fd: number;
  #rest: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(from: Readable, fd: number) {
    this.#from = from;
    this.#fd = fd;
    from.on('end', () => {
      this.#ended = true;
    });
    from.on('readable', () => {}); // reading by hand, and 'end' when there is nothing left
  }

  /** true: something moved. */
  pump(): boolean {
    if (this.#rest.length === 0) this.#rest = (this.#from.read() as Buffer | null) ?? this.#rest;
    if (this.#rest.length === 0) {
      if (this.#ended) shutdown(this.#fd, SHUT_WR);
      this.#ended = false;
      return false;
    }
    const piece = this.#rest.slice(0, STDIN_BYTES);
    const sent = Number(send(this.#fd, piece, piece.length, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (sent > 0) this.#rest = this.#rest.subarray(sent);
    return sent > 0;
  }
}

/** conmon's control fifo: "1 <rows> <columns>". */
function resize(attachSocket: string, columns: number, rows: number): void {
  try {
    const fd = openSync(join(dirname(attachSocket), 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fd, `${WINDOW_EVENT} ${rows} ${columns}\n`);
    closeSync(fd);
  } catch {
    // ENXIO: conmon is gone, and with it the terminal
  }
}

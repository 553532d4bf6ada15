// A netlink socket by FFI: blocking, kept open, of the network namespace in which its thread was when it was opened. The kernel
// handles a request within send(), so its answer waits already when send() returns: nothing here waits for time.
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';

const libc = koffi.load(null);
const c = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, const void *value, unsigned int size)'),
  send: libc.func('long send(int fd, const void *buffer, size_t size, int flags)'),
  recv: libc.func('long recv(int fd, _Out_ uint8_t *buffer, size_t size, int flags)'),
};

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
/** The kernel fills dump messages up to 32 KiB; never cut one. */
const BUFFER_BYTES = 65_536;
/** A guard: the main thread must not hang for good should an answer never come. */
const ANSWER_TIMEOUT_S = 10;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** The caller's error for a refused system call; `what` is what it was sent for. */
export type Refused = (what: string, errno: number) => Error;

export class NetlinkSocket {
  readonly #fd: number;
  readonly #refused: Refused;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);

  constructor(protocol: number, refused: Refused) {
    this.#refused = refused;
    this.#fd = c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol) as number;
    if (this.#fd < 0) throw refused('socket(AF_NETLINK)', koffi.errno());
    const one = Int32Array.of(1);
    c.setsockopt(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, one, 4);
    c.setsockopt(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, one, 4);
    c.setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, BigInt64Array.of(BigInt(ANSWER_TIMEOUT_S), 0n), 16);
  }

  send(request: Uint8Array, what: string): void {
    if ((c.send(this.#fd, request, request.length, 0) as number) < 0) throw this.#refused(what, koffi.errno());
  }

  /** What one read gives. The next one writes over it. */
  receive(what: string): Uint8Array {
    for (;;) {
      const size = c.recv(this.#fd, this.#buffer, BUFFER_BYTES, 0) as number;
      if (size >= 0) return this.#buffer.subarray(0, size);
      const errno = koffi.errno();
      // A socket with a timeout is interrupted by signals even where handlers restart system calls (signal(7)).
      if (errno !== constants.errno.EINTR) throw this.#refused(what, errno);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

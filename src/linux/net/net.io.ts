// The kernel's rtnetlink by FFI: one blocking socket per namespace, kept open. The kernel handles a request within send(), so
// its answer waits already when send() returns.
import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { errnoName } from '../../lib/errno.io.ts';
import { type Address, type Link, type Neighbour, type Net, NetError, type NetOp, printOp, type Route } from './net.ts';
import { openNetns, runInNetns } from './netns.io.ts';
import {
  decodeAddress,
  decodeError,
  decodeLink,
  decodeMessages,
  decodeNeighbour,
  decodeRoute,
  encodeDump,
  encodeGetLink,
  encodeOp,
  type Message,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './rtnetlink.ts';

const libc = koffi.load(null);
const c = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, const void *value, unsigned int size)'),
  send: libc.func('long send(int fd, const void *buffer, size_t size, int flags)'),
  recv: libc.func('long recv(int fd, _Out_ uint8_t *buffer, size_t size, int flags)'),
};

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_ROUTE = 0;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
/** The kernel fills dump messages up to 32 KiB; never cut one. */
const BUFFER_BYTES = 65_536;
/** A guard: the main thread must not hang for good should an answer never come. */
const ANSWER_TIMEOUT_S = 10;
/** Consistent dumps are not promised: a change in between makes the kernel say EINTR, and the dump is taken again. */
const DUMP_TRIES = 10;
const LOOPBACK_INDEX = 1;

function fail(what: string): never {
  const errno = koffi.errno();
  throw new NetError(errnoName(errno), errno, what);
}

function openSocket(): number {
  const fd = c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE) as number;
  if (fd < 0) fail('socket(AF_NETLINK)');
  const one = Int32Array.of(1);
  c.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, one, 4);
  c.setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, one, 4);
  c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, BigInt64Array.of(BigInt(ANSWER_TIMEOUT_S), 0n), 16);
  return fd;
}

class KernelNet implements Net {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #seq = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Sends one request and gives each answer to it to `take`, until `take` says done. */
  #ask(request: Uint8Array, seq: number, what: string, take: (m: Message) => boolean): void {
    if ((c.send(this.#fd, request, request.length, 0) as number) < 0) fail(what);
    for (;;) {
      const size = c.recv(this.#fd, this.#buffer, BUFFER_BYTES, 0) as number;
      if (size < 0) fail(what);
      for (const m of decodeMessages(this.#buffer.subarray(0, size))) {
        // An answer to an earlier request that was given up is not for us.
        if (m.seq === seq && take(m)) return;
      }
    }
  }

  #refused(m: Message, what: string): NetError | undefined {
    const { errno, text } = decodeError(m);
    return errno === 0 ? undefined : new NetError(errnoName(errno), errno, what, text);
  }

  #index(link: string, what: string): number {
    if (link === 'lo') return LOOPBACK_INDEX;
    const seq = ++this.#seq;
    let index = 0;
    this.#ask(encodeGetLink(link, seq), seq, what, (m) => {
      const refused = m.type === NLMSG_ERROR ? this.#refused(m, what) : undefined;
      if (refused) throw refused;
      index = decodeLink(m.payload).index;
      return true;
    });
    return index;
  }

  run(op: NetOp): void {
    const what = printOp(op);
    let netns: number | undefined;
    try {
      const refs = {
        index: (link: string) => this.#index(link, what),
        netns: (name: string) => (netns = openNetns(name)),
      };
      const seq = ++this.#seq;
      const request = encodeOp(op, seq, refs);
      this.#ask(request, seq, what, (m) => {
        if (m.type !== NLMSG_ERROR) return false;
        const refused = this.#refused(m, what);
        if (refused) throw refused;
        return true;
      });
    } finally {
      if (netns !== undefined) closeSync(netns);
    }
  }

  #dump<T>(what: 'links' | 'addresses' | 'routes' | 'neighbours', decode: (payload: Uint8Array) => T | undefined): T[] {
    for (let tries = 1; ; tries++) {
      const seq = ++this.#seq;
      const found: T[] = [];
      let interrupted = false;
      this.#ask(encodeDump(what, seq), seq, `dump of ${what}`, (m) => {
        const NLM_F_DUMP_INTR = 0x10;
        interrupted ||= (m.flags & NLM_F_DUMP_INTR) !== 0;
        if (m.type === NLMSG_DONE) return true;
        if (m.type === NLMSG_ERROR)
          throw this.#refused(m, `dump of ${what}`) ?? new Error(`dump of ${what}: no answer`);
        // The buffer is used again by the next recv: nothing decoded may point into it.
        const one = decode(m.payload);
        if (one !== undefined) found.push(one);
        return false;
      });
      if (!interrupted || tries === DUMP_TRIES) return found;
    }
  }

  see(): { links: Link[]; addresses: Address[]; routes: Route[]; neighbours: Neighbour[] } {
    const raw = this.#dump('links', decodeLink);
    const names = new Map(raw.map((l) => [l.index, l.name]));
    const nameOf = (index: number | undefined) => (index === undefined ? '' : (names.get(index) ?? `#${index}`));
    return {
      links: raw.map(({ masterIndex, ...l }) => (masterIndex ? { ...l, master: nameOf(masterIndex) } : l)),
      addresses: this.#dump('addresses', decodeAddress).map((a) => ({ link: nameOf(a.linkIndex), address: a.address })),
      routes: this.#dump('routes', decodeRoute).map(({ devIndex, ...r }) =>
        devIndex === undefined ? r : { ...r, dev: nameOf(devIndex) },
      ),
      neighbours: this.#dump('neighbours', decodeNeighbour).map(({ linkIndex, ...n }) => ({
        link: nameOf(linkIndex),
        ...n,
      })),
    };
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The network of a namespace: by name, by descriptor, or of the calling thread's own. */
export const openNet = (netns?: string | number): Net =>
  new KernelNet(netns === undefined ? openSocket() : runInNetns(netns, openSocket));

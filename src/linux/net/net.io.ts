// The kernel's rtnetlink: one socket per namespace, kept open.
import { closeSync } from 'node:fs';
import { errnoName } from '../../lib/errno.io.ts';
import { type Address, type Link, type Neighbour, type Net, NetError, type NetOp, printOp, type Route } from './net.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './netlink.io.ts';
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

/** Consistent dumps are not promised: a change in between makes the kernel say EINTR, and the dump is taken again. */
const DUMP_TRIES = 10;
const LOOPBACK_INDEX = 1;

const refused = (what: string, errno: number): NetError => new NetError(errnoName(errno), errno, what);
const openSocket = (): NetlinkSocket => new NetlinkSocket(NETLINK_ROUTE, refused);

class KernelNet implements Net {
  readonly #socket: NetlinkSocket;
  #seq = 0;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Sends one request and gives each answer to it to `take`, until `take` says done. */
  #ask(request: Uint8Array, seq: number, what: string, take: (m: Message) => boolean): void {
    this.#socket.send(request, what);
    for (;;) {
      for (const m of decodeMessages(this.#socket.receive(what))) {
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
    this.#socket.close();
  }
}

/** The network of a namespace: by name, by descriptor, or of the calling thread's own. */
export const openNet = (netns?: string | number): Net =>
  new KernelNet(netns === undefined ? openSocket() : runInNetns(netns, openSocket));

// The kernel's table of connections by netlink, in this process. Not by spawning `conntrack -D`: that is one process of
// some milliseconds per deleted flow, and a package more to need; here a deletion is one message.
// A socket belongs to the network namespace in which it was made.
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';
import { errnoName } from '../../lib/errno.io.ts';
import type { Conntrack, Flow } from './flow.ts';
import { deleteRequest, dumpRequest, readAnswers } from './message.ts';
import type { Answer } from './message.ts';

const libc = koffi.load(null);
const c = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  send: libc.func('long send(int fd, const uint8_t *bytes, size_t length, int flags)'),
  recv: libc.func('long recv(int fd, _Out_ uint8_t *bytes, size_t length, int flags)'),
};

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_NETFILTER = 12;

const failed = (what: string, errno: number): Error => new Error(`conntrack: ${what}: ${errnoName(errno)}`);

/** Of the network namespace that this thread is in now. */
export function openConntrack(): Conntrack {
  const fd = c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER) as number;
  if (fd < 0) throw failed('socket', koffi.errno());
  const buffer = Buffer.alloc(1 << 16);
  let sequence = 0;
  let open = true;

  /** Sends one request and reads until its last answer. The kernel answers at once: nothing here waits for time. */
  const ask = (request: Uint8Array): Answer[] => {
    if (!open) throw new Error('conntrack: used after close');
    if (c.send(fd, request, request.length, 0) < 0) throw failed('send', koffi.errno());
    const answers: Answer[] = [];
    for (;;) {
      const length = c.recv(fd, buffer, buffer.length, 0) as number;
      if (length < 0) {
        if (koffi.errno() === constants.errno.EINTR) continue;
        throw failed('recv', koffi.errno());
      }
      // A copy: the buffer is written over by the next read. Answers to an earlier, broken off request are not ours.
      for (const answer of readAnswers(Uint8Array.from(buffer.subarray(0, length)))) {
        if (answer.sequence !== sequence) continue;
        answers.push(answer);
        if (answer.kind !== 'flow') return answers;
      }
    }
  };

  return {
    list() {
      const answers = ask(dumpRequest(++sequence));
      const last = answers.at(-1);
      if (last?.kind === 'error' && last.errno !== 0) throw failed('list', last.errno);
      return answers.flatMap((answer): Flow[] => (answer.kind === 'flow' ? [answer.flow] : []));
    },
    delete(flows) {
      let count = 0;
      for (const flow of flows) {
        const last = ask(deleteRequest(flow, ++sequence)).at(-1);
        if (last?.kind !== 'error' || last.errno === 0) count++;
        else if (last.errno !== constants.errno.ENOENT) throw failed('delete', last.errno);
      }
      return count;
    },
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

// The kernel's table of connections by netlink, in this process. Not by spawning `conntrack -D`: that is one process of
// some milliseconds per deleted flow, and a package more to need; here a deletion is one message.
// A socket belongs to the network namespace in which it was made.
import { constants } from 'node:os';
import { errnoName } from '../../lib/errno.io.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../net/netlink.io.ts';
import type { Conntrack, Flow } from './flow.ts';
import { deleteRequest, dumpRequest, readAnswers } from './message.ts';
import type { Answer } from './message.ts';

const failed = (what: string, errno: number): Error => new Error(`conntrack: ${what}: ${errnoName(errno)}`);

/** Of the network namespace that this thread is in now. */
export function openConntrack(): Conntrack {
  const socket = new NetlinkSocket(NETLINK_NETFILTER, failed);
  let sequence = 0;
  let open = true;

  /** Sends one request and reads until its last answer. */
  const ask = (request: Uint8Array): Answer[] => {
    if (!open) throw new Error('conntrack: used after close');
    socket.send(request, 'send');
    const answers: Answer[] = [];
    for (;;) {
      // A copy: the buffer is written over by the next read. Answers to an earlier, broken off request are not ours.
      for (const answer of readAnswers(Uint8Array.from(socket.receive('recv')))) {
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
      if (open) socket.close();
      open = false;
    },
  };
}

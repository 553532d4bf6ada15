// One command at a time on a cluster. The lock is a listening socket of the abstract namespace (unix(7)): taking it is
// atomic, and the kernel frees it with the process, however that ends. Who comes second reads from it who is there.
import { connect, createServer, type Server } from 'node:net';
import { UserError } from '../cli/errors.ts';

/** Runs `work` while no other podlan command holds the lock of this name: 'machine', or a cluster's name. */
export async function withLock<T>(name: string, command: string, work: () => Promise<T>): Promise<T> {
  const server = await take(name, command);
  try {
    return await work();
  } finally {
    server.close();
  }
}

const addressOf = (name: string): string => `\0podlan/lock/${name}`;

/** Waits for the lock instead of refusing, for the moments in which a machine-wide choice is made. */
export async function withLockWaiting<T>(
  name: string,
  command: string,
  waitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    try {
      return await withLock(name, command, work);
    } catch (error) {
      const busy = error instanceof UserError && error.exitCode === 4;
      if (!busy || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function take(name: string, command: string): Promise<Server> {
  const server = await listen(name, `podlan ${command} (pid ${process.pid})`);
  if (server) return server;
  throw new UserError(`${await holderOf(name)} is at work on '${name}'; wait until it has ended and try again`, 4);
}

/** undefined: somebody else listens there. */
function listen(name: string, holder: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(holder);
    });
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(addressOf(name), () => resolve(server));
  });
}

function holderOf(name: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(addressOf(name));
    const done = (): void => resolve(text || 'another podlan command');
    socket.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    socket.on('end', done).on('error', done);
  });
}

// src/linux/conntrack on the kernel, in a network namespace of its own.
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openConntrack } from '../../src/linux/conntrack/conntrack.io.ts';
import { printFlow } from '../../src/linux/conntrack/flow.ts';
import type { Conntrack } from '../../src/linux/conntrack/flow.ts';
import { runInNetns } from '../../src/linux/net/netns.io.ts';
import { openNft } from '../../src/linux/nft/nft.io.ts';

const netns = `podlan-ct-${process.pid}`;
let conntrack: Conntrack;
const sockets: Socket[] = [];

/** A lookup that answers at once: on a later tick the socket would be made in another namespace. */
const lookup = ((host: string, _: unknown, done: (error: null, address: string, family: number) => void) =>
  done(null, host, 4)) as never;

/** Sends one datagram from a port of 127.0.0.1 to another; resolves when it is on its way. */
function send(from: number, to: number): Promise<void> {
  const socket = runInNetns(netns, () => {
    const made = createSocket({ type: 'udp4', lookup });
    made.bind(from, '127.0.0.1');
    return made;
  });
  // The port-unreachable that comes back is of no interest.
  socket.on('error', () => {});
  sockets.push(socket);
  return new Promise((resolve, reject) => {
    socket.send('x', to, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
  });
}

beforeAll(() => {
  execFileSync('ip', ['netns', 'add', netns]);
  execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
  const nft = runInNetns(netns, openNft);
  // The kernel tracks connections in a namespace once a rule there asks for their state.
  nft.run(
    'add table inet t\nadd chain inet t c { type filter hook input priority 0; }\nadd rule inet t c ct state new accept\n',
  );
  nft.close();
  conntrack = runInNetns(netns, openConntrack);
});
afterAll(() => {
  for (const socket of sockets) socket.close();
  conntrack?.close();
  execFileSync('ip', ['netns', 'del', netns]);
});

const listed = (): string[] => conntrack.list().map(printFlow).sort();

it('lists the flows of the namespace in which it was opened, and deletes those it is given', async () => {
  expect(listed()).toEqual([]);
  await send(4001, 5001);
  await send(4002, 5002);
  const [first, second] = ['udp 127.0.0.1:4001 -> 127.0.0.1:5001', 'udp 127.0.0.1:4002 -> 127.0.0.1:5002'];
  expect(listed()).toEqual([first, second]);
  const gone = conntrack.list().filter((flow) => printFlow(flow) === first);
  expect(conntrack.delete(gone)).toBe(1);
  expect(listed()).toEqual([second]);
});

it('counts none that ended meanwhile', async () => {
  const flows = conntrack.list();
  expect(conntrack.delete(flows)).toBe(1);
  expect(conntrack.delete(flows)).toBe(0);
});

it('lists more than one read of the socket holds', async () => {
  for (let i = 0; i < 1000; i++) await send(10_000 + i, 5000);
  expect(listed()).toHaveLength(1000);
  expect(conntrack.delete(conntrack.list())).toBe(1000);
});

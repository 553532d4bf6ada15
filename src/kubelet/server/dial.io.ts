// A connection to a port inside a pod's network namespace.
import { closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { runInNetns } from '../../linux/net/netns.io.ts';

const DIAL_TIMEOUT_MS = 10_000;

/** `path` and not a name: a pod's namespace is handed to the kubelet as a file. */
function inNetns<T>(path: string, body: () => T): T {
  const netns = openSync(path, 'r');
  try {
    return runInNetns(netns, body);
  } finally {
    closeSync(netns);
  }
}

/** 127.0.0.1, and where nothing listens there, ::1. Throws Error with the reason as Go's net package says it. */
export async function dialPod(netnsPath: string, port: number): Promise<Socket> {
  const [v4, v6] = ['127.0.0.1', '::1'];
  try {
    return await dial(netnsPath, v4, 4, port);
  } catch (first) {
    try {
      return await dial(netnsPath, v6, 6, port);
    } catch (second) {
      throw new Error(
        `failed to execute portforward in network namespace "${netnsPath}": failed to connect to localhost:${port} inside ` +
          `namespace, IPv4: dial tcp4 ${v4}:${port}: ${reason(first)} IPv6 dial tcp6 [${v6}]:${port}: ${reason(second)}`,
        { cause: second },
      );
    }
  }
}

function dial(netnsPath: string, host: string, family: 4 | 6, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // A synchronous `lookup` makes the socket here and now; with an address for a host Node makes it on a later tick,
    // when this thread is back in its own namespace.
    const socket = inNetns(netnsPath, () =>
      connect({
        host: 'pod',
        port,
        family,
        autoSelectFamily: false,
        allowHalfOpen: true,
        noDelay: true,
        lookup: (_host, _options, found) => found(null, host, family),
      }),
    );
    const timer = setTimeout(() => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })), DIAL_TIMEOUT_MS);
    socket.once('close', () => clearTimeout(timer));
    socket.once('error', reject);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

function reason(e: unknown): string {
  const code = (e as NodeJS.ErrnoException).code ?? '';
  const texts: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    ETIMEDOUT: 'i/o timeout',
    EADDRNOTAVAIL: 'connect: cannot assign requested address',
    ENETUNREACH: 'connect: network is unreachable',
    EAFNOSUPPORT: 'socket: address family not supported by protocol',
  };
  return texts[code] ?? (e as Error).message;
}

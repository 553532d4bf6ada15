// Entry of the DNS thread (network/dns/start.io.ts starts it). The thread lives in the node's network namespace for good and
// steps into the host's only to make a socket: both are this thread's own affair, the kernel keeps namespaces per thread.
import { closeSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { createCache } from '../client/cache.ts';
import { createClient } from '../client/client.ts';
import { httpTransport } from '../client/http.io.ts';
import { enterNetns, runInNetns } from '../linux/net/netns.io.ts';
import { startDns } from '../network/dns/dns.io.ts';
import type { DnsWorkerData, FromDnsWorker, ToDnsWorker } from '../network/dns/start.io.ts';
import { zoneKinds } from '../network/dns/zone.ts';
import { realEnv } from './env.io.ts';

const port = parentPort;
if (!port) throw new Error('the DNS worker runs as a thread');
const data = workerData as DnsWorkerData;
const post = (message: FromDnsWorker): void => port.postMessage(message);

const env = realEnv((level, message, fields) => post({ log: [level, message, fields] }));

try {
  // Open for good: a name under /run/netns may be deleted while we still stop.
  const hostNetns = openSync(data.hostNetns, 'r');
  const nodeNetns = openSync(data.nodeNetns, 'r');
  enterNetns(nodeNetns);
  closeSync(nodeNetns);
  const transport = httpTransport({ server: data.apiServer, ...data.tls });
  const cache = createCache(
    createClient(transport),
    env,
    zoneKinds.map((kind) => ({ kind })),
  );
  port.on('message', (m: ToDnsWorker) => {
    // The process ends its other parts by itself; what this thread holds goes with it.
    if ('stop' in m) process.exit(0);
  });
  const dns = await startDns({
    settings: data.settings,
    cache,
    log: env.log,
    inHostNetns: (make) => runInNetns(hostNetns, make),
    ...(data.resolvConf === undefined ? {} : { resolvConf: data.resolvConf }),
  });
  port.on('message', (m: ToDnsWorker) => {
    if ('counters' in m) post({ counters: dns.counters(), id: m.counters });
  });
  post({ ready: true });
} catch (error) {
  post({ error: error instanceof Error ? error.message : String(error) });
  // Give the message its turn before the thread is gone.
  setImmediate(() => process.exit(1));
}

import { describe, expect, it } from 'vitest';
import type { ClusterSettings } from '../../api/cluster.ts';
import { type DnsWorker, startDnsWorker } from './start.io.ts';

/** A thread with this body in the place of the DNS server. */
function start(body: string, logged: string[] = []): DnsWorker {
  const code = `import { parentPort, workerData } from 'node:worker_threads';
    parentPort.on('message', (m) => 'stop' in m ? process.exit(0) : parentPort.postMessage({ counters: workerData.apiServer, id: m.counters }));
    ${body}`;
  return startDnsWorker({
    settings: {} as ClusterSettings,
    node: { name: 'node-1', index: 1, ip: '10.0.0.1' },
    tls: { ca: '', cert: '', key: '' },
    apiServer: 'https://10.0.0.1:6443',
    nodeNetns: '',
    hostNetns: '',
    log: (level, message) => void logged.push(`${level} ${message}`),
    entry: new URL(`data:text/javascript,${encodeURIComponent(code)}`),
  });
}

async function until(true_: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  while (!true_()) {
    if (performance.now() > deadlineMs) throw new Error('not within 5 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the DNS thread', () => {
  it('is ready when it says so, answers, and ends when told', async () => {
    const worker = start(`parentPort.postMessage({ ready: true })`);
    await worker.ready;
    expect(await worker.counters()).toBe('https://10.0.0.1:6443');
    await worker.stop();
    await expect(worker.counters()).rejects.toThrow('not running');
  });

  it('rejects with what the first start says', async () => {
    const worker = start(`parentPort.postMessage({ error: 'cannot listen' }); setImmediate(() => process.exit(1))`);
    await expect(worker.ready).rejects.toThrow('dns: cannot listen');
    await worker.stop();
  });

  it('starts again after a crash, with a line that says why', async () => {
    const logged: string[] = [];
    const worker = start(
      `parentPort.postMessage({ ready: true }); setImmediate(() => { throw new Error('boom') })`,
      logged,
    );
    await worker.ready;
    await until(() => logged.length >= 2);
    expect(logged.slice(0, 2)).toEqual([
      'error dns: boom; starting again in 50 ms',
      'error dns: boom; starting again in 100 ms',
    ]);
    await worker.stop();
    const count = logged.length;
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(logged.length).toBe(count);
  });
});

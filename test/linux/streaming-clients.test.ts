// Who else comes: clients with a WebSocket of an older protocol, and those that have no business at a kubelet.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNodeProxy } from '../../src/apiserver/nodeproxy.io.ts';
import { StreamingLab } from './streaming-lab.ts';

const lab = new StreamingLab();
beforeAll(() => lab.open(), 30_000);
afterAll(() => lab.close());

const on = (messages: Buffer[], channel: number): string =>
  Buffer.concat(messages.filter((m) => m[0] === channel).map((m) => m.subarray(1))).toString();

describe('other clients', () => {
  const echo = 'web/exec?stdout=1&stderr=1&command=sh&command=-c&command=echo+out;+echo+err+>%262;+exit+2';

  it('v4: output, errors and a Status, closed with 1000', async () => {
    const { messages, code } = await lab.channels(echo, 'v4.channel.k8s.io');
    expect(messages[0]).toEqual(Buffer.of(1)); // the empty first frame
    expect([on(messages, 1), on(messages, 2), code]).toEqual(['out\n', 'err\n', 1000]);
    expect(JSON.parse(on(messages, 3))).toMatchObject({
      reason: 'NonZeroExitCode',
      details: { causes: [{ message: '2' }] },
    });
  });

  it('base64: text in text', async () => {
    const { messages } = await lab.channels(echo, 'base64.channel.k8s.io');
    const seen = messages.map((m) => m.toString());
    expect(seen).toContain(`1${btoa('out\n')}`);
    expect(seen).toContain(`2${btoa('err\n')}`);
    expect(seen.some((m) => m.startsWith('3') && atob(m.slice(1)).includes('exit status 2'))).toBe(true);
  });

  it('a protocol that nobody speaks is refused', async () => {
    await expect(lab.channels(echo, 'chat')).rejects.toThrow('400');
  });

  it('port-forward by channels: each begins with its port', async () => {
    const stop = await lab.serveInside(8081, ['httpd', '-f', '-p', '127.0.0.1:8081', '-h', '/www']);
    const request = Buffer.concat([Buffer.of(0), Buffer.from('GET / HTTP/1.0\r\n\r\n')]);
    const { messages, code } = await lab.channels('web/portforward?ports=8081', 'v4.channel.k8s.io', [request]);
    const port = Buffer.of(8081 & 255, 8081 >> 8);
    expect(messages.slice(0, 2)).toEqual([Buffer.of(0, ...port), Buffer.of(1, ...port)]);
    expect(on(messages, 0)).toContain('hello from the pod');
    expect(code).toBe(1000);
    const refused = await lab.channels('web/portforward?ports=9', 'v4.channel.k8s.io');
    expect(on(refused.messages, 1)).toContain('connection refused');
    await stop();
  });
});

describe('the kubelet server', () => {
  it('lets nobody in but the API server', async () => {
    const none = createNodeProxy({ ca: lab.stranger.ca, cert: '', key: '' });
    const other = createNodeProxy(lab.stranger);
    const target = { host: '127.0.0.1', port: lab.kubeletPort, path: '/containerLogs/default/web/main' };
    expect((await none.request(target, { method: 'GET', headers: {} })).code).toBe(401);
    expect((await other.request(target, { method: 'GET', headers: {} })).code).toBe(403);
  });
});

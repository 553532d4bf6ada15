// The real kubectl, old (SPDY) and new (WebSocket), into a real container: port-forward.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubectls } from './streaming-front.ts';
import { eventually, md5, StreamingLab } from './streaming-lab.ts';

const lab = new StreamingLab();
beforeAll(() => lab.open(), 30_000);
afterAll(() => lab.close());
const binaries = kubectls();

async function talk(port: number, send: Buffer | string, half = false): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  if (half) socket.end(send);
  else socket.write(send);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of socket) chunks.push(chunk as Buffer);
  } catch {
    // kubectl resets the connection when the pod refused it
  }
  return Buffer.concat(chunks);
}

describe.each(binaries.map((path) => ({ name: basename(path), path })))('$name', ({ path }) => {
  it('port-forward: requests, one after another and side by side', async () => {
    const stop = await lab.serveInside(8080, ['httpd', '-f', '-p', '127.0.0.1:8080', '-h', '/www']);
    const forward = await lab.portForward(path, ':8080');
    const request = 'GET / HTTP/1.0\r\n\r\n';
    await eventually(
      async () => (await talk(forward.port, request)).toString().includes('hello from the pod'),
      forward.log,
    );
    const answers = await Promise.all(Array.from({ length: 20 }, () => talk(forward.port, request)));
    for (const answer of answers) expect(answer.toString()).toContain('hello from the pod');
    forward.child.kill();
    await stop();
  });

  it('port-forward: 50 MB each way unharmed', async () => {
    const stop = await lab.serveInside(9000, ['nc', '-ll', '-p', '9000', '-e', 'cat']);
    const forward = await lab.portForward(path, ':9000');
    const data = randomBytes(50_000_000);
    expect(md5(await talk(forward.port, data, true))).toBe(md5(data));
    forward.child.kill();
    await stop();
  }, 60_000);

  it('port-forward: a port on which nothing listens', async () => {
    const forward = await lab.portForward(path, ':7');
    await talk(forward.port, 'x');
    await eventually(() => forward.log().includes('connection refused'), forward.log);
    expect(forward.log()).toMatch(
      /error forwarding port 7 to pod web_default, uid : .*dial tcp4 127.0.0.1:7: connect: connection refused/,
    );
    forward.child.kill();
  });
});

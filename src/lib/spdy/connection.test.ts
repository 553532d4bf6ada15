import { createHash } from 'node:crypto';
import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { SpdyConnection } from './connection.io.ts';
import type { SpdyStream } from './connection.io.ts';
import { encodeFrame } from './frame.ts';

function pair(onStream: (stream: SpdyStream) => void): { client: SpdyConnection; server: SpdyConnection } {
  const [left, right] = duplexPair();
  return {
    client: new SpdyConnection(left, { role: 'client' }),
    server: new SpdyConnection(right, { role: 'server', onStream }),
  };
}

async function md5(stream: SpdyStream): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

describe('a connection', () => {
  it('carries many streams at once, each whole and in order', async () => {
    const { client, server } = pair((stream) => stream.pipe(stream));
    const echoes = Array.from({ length: 20 }, (_, i) => {
      const data = Buffer.alloc(300_000 + i, `stream ${i} `);
      const stream = client.open({ streamtype: 'data', n: String(i) });
      stream.end(data);
      return md5(stream).then((seen) => expect(seen).toBe(createHash('md5').update(data).digest('hex')));
    });
    await Promise.all(echoes);
    await Promise.all([client.close(), server.close()]);
  });

  it('gives the headers, and each half its own end', async () => {
    const said: string[] = [];
    const { client } = pair((stream) => {
      said.push(JSON.stringify(stream.headers));
      stream.on('data', (chunk: Buffer) => said.push(chunk.toString()));
      stream.on('end', () => stream.end('answer after the end'));
    });
    const stream = client.open({ streamType: 'error', port: '80' });
    stream.end('question');
    let answer = '';
    for await (const chunk of stream) answer += (chunk as Buffer).toString();
    expect(said).toEqual(['{"streamtype":"error","port":"80"}', 'question']);
    expect(answer).toBe('answer after the end');
  });

  it('resets the other side of a stream that is destroyed', async () => {
    const { client } = pair((stream) => stream.destroy());
    const stream = client.open({ streamtype: 'data' });
    await new Promise<void>((resolve) => stream.on('close', () => resolve()));
    expect(stream.readableEnded).toBe(false);
  });

  it('holds the sender back while a reader is behind, and loses nothing', async () => {
    const opened: SpdyStream[] = [];
    const { client } = pair((stream) => opened.push(stream));
    const stream = client.open({ streamtype: 'data' });
    const data = Buffer.alloc(4_000_000, 'x');
    let finished = false;
    stream.end(data, () => (finished = true));
    while ((opened[0]?.readableLength ?? 0) < 256 * 1024) await new Promise((resolve) => setImmediate(resolve));
    const [behind] = opened;
    if (!behind) throw new Error('no stream');
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(finished).toBe(false);
    expect(behind.readableLength).toBeLessThan(600_000);
    behind.end();
    expect(await md5(behind)).toBe(createHash('md5').update(data).digest('hex'));
  });

  it('ends all streams when the transport goes', async () => {
    const [left, right] = duplexPair();
    const opened: SpdyStream[] = [];
    const client = new SpdyConnection(left, { role: 'client' });
    const server = new SpdyConnection(right, { role: 'server', onStream: (stream) => opened.push(stream) });
    client.open({ streamtype: 'data' });
    while (opened.length === 0) await new Promise((resolve) => setImmediate(resolve));
    left.destroy();
    right.destroy();
    await Promise.all([client.closed, server.closed]);
    expect(opened[0]?.destroyed).toBe(true);
  });

  it.each([
    ['bytes that are no frames', Buffer.from('GET / HTTP/1.1\r\n\r\n........')],
    [
      'a stream id of the wrong side',
      encodeFrame({
        type: 'SYN_STREAM',
        stream: 2,
        associated: 0,
        priority: 0,
        fin: false,
        unidirectional: false,
        block: Uint8Array.of(0x78, 1, 0, 4, 0, 251, 255, 0, 0, 0, 0, 0, 0, 0, 255, 255),
      }),
    ],
  ])('closes on %s', async (_what, wire) => {
    const [left, right] = duplexPair();
    const server = new SpdyConnection(right, { role: 'server' });
    left.on('error', () => {});
    left.write(wire);
    left.end();
    left.resume();
    await server.closed;
  });

  it("answers the peer's PING and not its own", async () => {
    const [left, right] = duplexPair();
    const server = new SpdyConnection(right, { role: 'server' });
    left.write(encodeFrame({ type: 'PING', id: 2 }));
    left.write(encodeFrame({ type: 'PING', id: 1 }));
    const answer = await new Promise<Buffer>((resolve) => left.once('data', resolve));
    expect(answer).toEqual(Buffer.from(encodeFrame({ type: 'PING', id: 1 })));
    left.destroy();
    right.destroy();
    await server.closed;
  });
});

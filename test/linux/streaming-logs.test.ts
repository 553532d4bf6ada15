// The real kubectl, old (SPDY) and new (WebSocket), and a real container's log: what is there, and what comes.
import { appendFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNodeProxy } from '../../src/apiserver/nodeproxy.io.ts';
import { kubectls } from './streaming-front.ts';
import { eventually, finish, StreamingLab } from './streaming-lab.ts';

const lab = new StreamingLab();
beforeAll(() => lab.open(), 30_000);
afterAll(() => lab.close());
const binaries = kubectls();

const timestamp = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000001+00:00`;

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the directory's own
    }
  });
}

describe.each(binaries.map((path) => ({ name: basename(path), path })))('$name', ({ path }) => {
  it('logs, logs --tail, --timestamps, --since-time', async () => {
    writeFileSync(
      lab.followed.path,
      `${timestamp(1)} stdout F one\n${timestamp(2)} stderr P tw\n${timestamp(2)} stderr F o\n${timestamp(3)} stdout F three\n`,
    );
    const logs = async (...args: string[]): Promise<string> =>
      (await lab.kubectl(path, ['logs', 'followed', ...args])).out;
    expect(await logs()).toBe('one\ntwo\nthree\n');
    expect(await logs('--tail=1')).toBe('three\n');
    expect(await logs('--tail=0')).toBe('');
    expect(await logs('--timestamps')).toContain('2026-01-01T00:00:01.000000001Z one\n');
    expect(await logs('--since-time=2026-01-01T00:00:03Z')).toBe('three\n');
    expect(await logs('--limit-bytes=5')).toBe('one\nt');
    expect((await lab.kubectl(path, ['logs', 'followed', '-p'])).err).toBe(
      'Error from server (BadRequest): previous terminated container "main" in pod "followed" not found\n',
    );
    expect((await lab.kubectl(path, ['logs', 'waiting'])).err).toBe(
      'Error from server (BadRequest): container "main" in pod "waiting" is waiting to start: ContainerCreating\n',
    );
  });

  it('logs -f shows lines as they come, of a real container', async () => {
    const child = lab.start(path, ['logs', '-f', 'web']);
    let out = '';
    child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await eventually(
      () => out.includes('attached-ready'),
      () => out,
    );
    const unique = `line-${Math.trunc(performance.now())}`;
    const sent = await lab.kubectl(path, ['exec', 'web', '--', 'sh', '-c', `echo ${unique} > /proc/1/fd/1`]);
    expect(sent.code).toBe(0);
    await eventually(
      () => out.includes(unique),
      () => out,
    );
    child.kill();
  });
});

describe('a followed log', () => {
  it('is left by a follower without a trace', async () => {
    const gone = new AbortController();
    const nodes = createNodeProxy(lab.server);
    const target = { host: '127.0.0.1', port: lab.kubeletPort, path: '/containerLogs/default/web/main?follow=true' };
    const answer = await nodes.request(target, { method: 'GET', headers: {}, signal: gone.signal });
    for await (const _chunk of answer.body as AsyncIterable<Uint8Array>) {
      expect(openFiles()).toContain(lab.container.logPath);
      gone.abort();
    }
    await eventually(
      () => !openFiles().includes(lab.container.logPath),
      () => openFiles().join(' '),
    );
  });

  it('ends when the container has ended and everything is sent', async () => {
    writeFileSync(lab.followed.path, `${timestamp(1)} stdout F first\n`);
    const child = lab.start(binaries[0] ?? '', ['logs', '-f', 'followed']);
    const result = finish(child);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    appendFileSync(lab.followed.path, `${timestamp(2)} stdout F last\n`);
    lab.followed.end();
    expect(await result).toEqual({ out: 'first\nlast\n', err: '', code: 0 });
  });
});

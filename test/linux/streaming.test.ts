// The real kubectl, old (SPDY) and new (WebSocket), through the API server's tunnel and the kubelet into a real container.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createNodeProxy } from '../../src/apiserver/nodeproxy.io.ts';
import type { ContainerHandle } from '../../src/kubelet/access.ts';
import { serveKubelet } from '../../src/kubelet/server/server.io.ts';
import { execInContainer } from '../../src/linux/oci/exec.io.ts';
import { openPty } from '../../src/linux/pty/pty.io.ts';
import { startContainer } from './exec-container.ts';
import type { TestContainer } from './exec-container.ts';
import { createIssuer, kubectls, startFront } from './streaming-front.ts';
import type { Front, Identity } from './streaming-front.ts';

let container: TestContainer;
let terminal: TestContainer;
let brief: TestContainer;
let front: Front;
let kubelet: { close(): Promise<void> };
let kubeletPort: number;
let stranger: Identity;
let server: Identity;
const children = new Set<ChildProcess>();
const followed = { path: '', end: (): void => {} };
const followEnded = new Promise<void>((resolve) => (followed.end = resolve));

const timestamp = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000001+00:00`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function paths(
  c: TestContainer,
): Pick<ContainerHandle, 'runcRoot' | 'containerId' | 'netnsPath' | 'logPath' | 'attachSocket'> {
  const { runcRoot, id: containerId, netnsPath, logPath, attachSocket } = c;
  return { runcRoot, containerId, netnsPath, logPath, attachSocket };
}

beforeAll(async () => {
  container = startContainer(
    'stream',
    ['sh', '-c', 'echo attached-ready; while read line; do echo "got $line"; echo "err $line" >&2; done'],
    { stdin: true },
  );
  terminal = startContainer('streamtty', ['sh'], { stdin: true, terminal: true });
  brief = startContainer('streambrief', ['sh', '-c', 'read line; echo bye $line'], { stdin: true });
  followed.path = join(container.dir, 'followed.log');
  writeFileSync(followed.path, '');
  const issue = await createIssuer();
  server = await issue('CN=kube-apiserver,O=system:masters');
  stranger = await issue('CN=somebody,O=users');
  kubeletPort = await freePort();
  const running: ContainerHandle = {
    ...paths(container),
    running: true,
    terminal: false,
    stdin: true,
    ended: new Promise(() => {}),
    restartCount: 0,
  };
  kubelet = await serveKubelet({
    listen: { host: '127.0.0.1', port: kubeletPort },
    tls: await issue('CN=system:node:node-1,O=system:nodes'),
    log: () => {},
    pods: {
      find: (namespace, pod) => {
        if (pod === 'web') return running;
        if (pod === 'followed') return { ...running, logPath: followed.path, ended: followEnded };
        if (pod === 'terminal') return { ...running, ...paths(terminal), terminal: true };
        if (pod === 'brief') return { ...running, ...paths(brief) };
        if (pod === 'waiting')
          return { code: 400, refusal: 'container "main" in pod "waiting" is waiting to start: ContainerCreating' };
        return { code: 404, refusal: `pod "${pod}_${namespace}" not found` };
      },
    },
  });
  front = await startFront({
    nodes: createNodeProxy(server),
    identity: server,
    user: server,
    kubelet: { host: '127.0.0.1', port: kubeletPort },
  });
}, 30_000);

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  front?.close();
  await kubelet?.close();
  container?.remove();
  terminal?.remove();
  brief?.remove();
});

function start(kubectl: string, args: string[], stdio: 'pipe' | number = 'pipe'): ChildProcess {
  const env = {
    PATH: process.env['PATH'],
    KUBECONFIG: front.kubeconfig,
    HOME: join(dirname(front.kubeconfig), 'home'),
    TERM: 'xterm',
  };
  const child = spawn(kubectl, args, { env, stdio: [stdio, stdio, stdio], detached: true });
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

interface Result {
  out: string;
  err: string;
  code: number | null;
}

async function finish(child: ChildProcess): Promise<Result> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { out, err, code };
}

function kubectl(binary: string, args: string[], input?: Buffer | string): Promise<Result> {
  const child = start(binary, args);
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return finish(child);
}

async function eventually(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    expect(Date.now(), what()).toBeLessThan(deadline);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const listContainer = (): Promise<string> => inside(['ps']);

async function inside(argv: string[]): Promise<string> {
  const e = execInContainer({ runcRoot: container.runcRoot, containerId: container.id, argv });
  let out = '';
  for await (const chunk of e.stdout) out += (chunk as Buffer).toString();
  return out;
}

async function portForward(
  binary: string,
  ...ports: string[]
): Promise<{ port: number; child: ChildProcess; log: () => string }> {
  const child = start(binary, ['port-forward', 'pod/web', ...ports]);
  let log = '';
  child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await eventually(
    () => /Forwarding from 127.0.0.1:(\d+)/.test(log),
    () => log,
  );
  return { port: Number(/127.0.0.1:(\d+)/.exec(log)?.[1]), child, log: () => log };
}

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

/** In the container, until the test is over. */
async function serveInside(port: number, argv: string[]): Promise<() => Promise<number>> {
  const server = execInContainer({ runcRoot: container.runcRoot, containerId: container.id, argv });
  let said = '';
  for (const stream of [server.stdout, server.stderr])
    stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  // "sl local_address rem_address st": 0A is LISTEN
  const listens = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A`);
  await eventually(
    async () => listens.test(await inside(['cat', '/proc/net/tcp', '/proc/net/tcp6'])),
    () => said,
  );
  return () => {
    server.kill();
    return server.exitCode;
  };
}

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the directory's own
    }
  });
}

const md5 = (data: Buffer): string => createHash('md5').update(data).digest('hex');
const binaries = kubectls();

it('finds a kubectl', () => {
  expect(binaries.length).toBeGreaterThan(0);
});

describe.each(binaries.map((path) => ({ name: basename(path), path })))('$name', ({ path }) => {
  it('exec: output, errors, exit code', async () => {
    const ok = await kubectl(path, ['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2']);
    expect(ok).toEqual({ out: 'out\n', err: 'err\n', code: 0 });
    const bad = await kubectl(path, ['exec', 'web', '--', 'sh', '-c', 'exit 5']);
    expect(bad).toEqual({ out: '', err: 'command terminated with exit code 5\n', code: 5 });
  });

  it('exec -i: stdin and its end', async () => {
    const r = await kubectl(path, ['exec', '-i', 'web', '--', 'sh', '-c', 'cat; echo end'], 'hello\n');
    expect(r).toEqual({ out: 'hello\nend\n', err: '', code: 0 });
  });

  it('exec of a command that stops reading early', async () => {
    const r = await kubectl(path, ['exec', '-i', 'web', '--', 'head', '-c', '4'], Buffer.alloc(3_000_000, 'abcdefgh'));
    expect(r.out).toBe('abcd');
    expect(r.code).toBe(0);
  });

  it('exec of a command that does not exist', async () => {
    const r = await kubectl(path, ['exec', 'web', '--', 'no-such-command']);
    expect(r.code).toBe(1);
    expect(r.out).toBe('');
    expect(r.err).toContain('executable file not found in $PATH');
    expect(r.err).toMatch(/^error: Internal error occurred: /);
  });

  it('exec in a pod or container that is not there', async () => {
    const r = await kubectl(path, ['exec', 'gone', '--', 'true']);
    expect(r.code).toBe(1);
    expect(r.err).toContain('pod "gone_default" not found');
  });

  it("exec -it: a terminal of the size of the caller's", async () => {
    const pty = openPty();
    pty.resize(93, 31);
    const child = start(path, ['exec', '-it', 'web', '--', 'sh'], pty.slave);
    pty.closeSlave();
    let seen = '';
    pty.terminal.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    const code = new Promise((resolve) => child.on('exit', resolve));
    await eventually(
      () => seen.includes('#'),
      () => seen,
    );
    await eventually(
      () => {
        pty.terminal.write('stty size\n');
        return seen.includes('31 93');
      },
      () => seen,
    );
    pty.resize(120, 40);
    child.kill('SIGWINCH');
    await eventually(
      () => {
        pty.terminal.write('stty size\n');
        return seen.includes('40 120');
      },
      () => seen,
    );
    pty.terminal.write('exit 3\n');
    expect(await code).toBe(3);
    pty.close();
  });

  it('exec: 50 MB each way unharmed', async () => {
    const data = randomBytes(50_000_000);
    const child = start(path, ['exec', '-i', 'web', '--', 'cat']);
    child.stdin?.on('error', () => {});
    child.stdin?.end(data);
    const hash = createHash('md5');
    child.stdout?.on('data', (chunk: Buffer) => hash.update(chunk));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(hash.digest('hex')).toBe(md5(data));
  }, 60_000);

  it('exec: the command ends when the client goes', async () => {
    const child = start(path, ['exec', 'web', '--', 'sh', '-c', 'echo up; sleep 4711']);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    expect(await listContainer()).toContain('sleep 4711');
    child.kill('SIGKILL');
    await eventually(
      async () => !(await listContainer()).includes('sleep 4711'),
      () => 'the command to end',
    );
  });

  it('port-forward: requests, one after another and side by side', async () => {
    const stop = await serveInside(8080, ['httpd', '-f', '-p', '127.0.0.1:8080', '-h', '/www']);
    const forward = await portForward(path, ':8080');
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
    const stop = await serveInside(9000, ['nc', '-ll', '-p', '9000', '-e', 'cat']);
    const forward = await portForward(path, ':9000');
    const data = randomBytes(50_000_000);
    expect(md5(await talk(forward.port, data, true))).toBe(md5(data));
    forward.child.kill();
    await stop();
  }, 60_000);

  it('port-forward: a port on which nothing listens', async () => {
    const forward = await portForward(path, ':7');
    await talk(forward.port, 'x');
    await eventually(() => forward.log().includes('connection refused'), forward.log);
    expect(forward.log()).toMatch(
      /error forwarding port 7 to pod web_default, uid : .*dial tcp4 127.0.0.1:7: connect: connection refused/,
    );
    forward.child.kill();
  });

  it('logs, logs --tail, --timestamps, --since-time', async () => {
    writeFileSync(
      followed.path,
      `${timestamp(1)} stdout F one\n${timestamp(2)} stderr P tw\n${timestamp(2)} stderr F o\n${timestamp(3)} stdout F three\n`,
    );
    const logs = async (...args: string[]): Promise<string> => (await kubectl(path, ['logs', 'followed', ...args])).out;
    expect(await logs()).toBe('one\ntwo\nthree\n');
    expect(await logs('--tail=1')).toBe('three\n');
    expect(await logs('--tail=0')).toBe('');
    expect(await logs('--timestamps')).toContain('2026-01-01T00:00:01.000000001Z one\n');
    expect(await logs('--since-time=2026-01-01T00:00:03Z')).toBe('three\n');
    expect(await logs('--limit-bytes=5')).toBe('one\nt');
    expect((await kubectl(path, ['logs', 'followed', '-p'])).err).toBe(
      'Error from server (BadRequest): previous terminated container "main" in pod "followed" not found\n',
    );
    expect((await kubectl(path, ['logs', 'waiting'])).err).toBe(
      'Error from server (BadRequest): container "main" in pod "waiting" is waiting to start: ContainerCreating\n',
    );
  });

  it('logs -f shows lines as they come, of a real container', async () => {
    const child = start(path, ['logs', '-f', 'web']);
    let out = '';
    child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await eventually(
      () => out.includes('attached-ready'),
      () => out,
    );
    const unique = `line-${Math.trunc(performance.now())}`;
    const sent = await kubectl(path, ['exec', 'web', '--', 'sh', '-c', `echo ${unique} > /proc/1/fd/1`]);
    expect(sent.code).toBe(0);
    await eventually(
      () => out.includes(unique),
      () => out,
    );
    child.kill();
  });

  it("attach -i talks to the container's own process", async () => {
    const child = start(path, ['attach', '-i', 'web']);
    let [out, err] = ['', ''];
    child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
    await eventually(
      () => {
        child.stdin?.write('ping\n');
        return out.includes('got ping') && err.includes('err ping');
      },
      () => `${out} ${err}`,
    );
    child.kill();
  });

  it('attach -it to a container with a terminal', async () => {
    const pty = openPty();
    pty.resize(77, 22);
    const child = start(path, ['attach', '-it', 'terminal'], pty.slave);
    pty.closeSlave();
    let seen = '';
    pty.terminal.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await eventually(
      () => {
        pty.terminal.write('stty size\n');
        return seen.includes('22 77');
      },
      () => seen,
    );
    child.kill();
    pty.close();
  });

  it('a kubelet that cannot be reached is one clear line', async () => {
    front.target = { host: '127.0.0.1', port: 1 };
    const exec = await kubectl(path, ['exec', 'web', '--', 'true']);
    const logs = await kubectl(path, ['logs', 'web']);
    front.target = { host: '127.0.0.1', port: kubeletPort };
    expect(exec.err).toMatch(/error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused\n$/);
    expect(logs.err).toMatch(/dial tcp 127.0.0.1:1: connect: connection refused\n$/);
    expect([exec.code, logs.code]).toEqual([1, 1]);
  });
});

/** What clients other than kubectl speak: a WebSocket of one of the older protocols, straight to the API server. */
async function channels(
  path: string,
  protocol: string,
  send: Buffer[] = [],
): Promise<{ messages: Buffer[]; code: number }> {
  const { ca, cert, key } = server;
  const socket = new WebSocket(`wss://127.0.0.1:${front.port}/api/v1/namespaces/default/pods/${path}`, [protocol], {
    ca,
    cert,
    key,
  });
  const messages: Buffer[] = [];
  socket.on('message', (message: Buffer) => messages.push(message));
  socket.on('open', () => {
    for (const message of send) socket.send(message);
  });
  const code = await new Promise<number>((resolve, reject) => {
    socket.on('close', resolve);
    socket.on('error', reject);
  });
  return { messages, code };
}

const on = (messages: Buffer[], channel: number): string =>
  Buffer.concat(messages.filter((m) => m[0] === channel).map((m) => m.subarray(1))).toString();

describe('other clients', () => {
  const echo = 'web/exec?stdout=1&stderr=1&command=sh&command=-c&command=echo+out;+echo+err+>%262;+exit+2';

  it('v4: output, errors and a Status, closed with 1000', async () => {
    const { messages, code } = await channels(echo, 'v4.channel.k8s.io');
    expect(messages[0]).toEqual(Buffer.of(1)); // the empty first frame
    expect([on(messages, 1), on(messages, 2), code]).toEqual(['out\n', 'err\n', 1000]);
    expect(JSON.parse(on(messages, 3))).toMatchObject({
      reason: 'NonZeroExitCode',
      details: { causes: [{ message: '2' }] },
    });
  });

  it('base64: text in text', async () => {
    const { messages } = await channels(echo, 'base64.channel.k8s.io');
    const seen = messages.map((m) => m.toString());
    expect(seen).toContain(`1${btoa('out\n')}`);
    expect(seen).toContain(`2${btoa('err\n')}`);
    expect(seen.some((m) => m.startsWith('3') && atob(m.slice(1)).includes('exit status 2'))).toBe(true);
  });

  it('a protocol that nobody speaks is refused', async () => {
    await expect(channels(echo, 'chat')).rejects.toThrow('400');
  });

  it('port-forward by channels: each begins with its port', async () => {
    const stop = await serveInside(8081, ['httpd', '-f', '-p', '127.0.0.1:8081', '-h', '/www']);
    const request = Buffer.concat([Buffer.of(0), Buffer.from('GET / HTTP/1.0\r\n\r\n')]);
    const { messages, code } = await channels('web/portforward?ports=8081', 'v4.channel.k8s.io', [request]);
    const port = Buffer.of(8081 & 255, 8081 >> 8);
    expect(messages.slice(0, 2)).toEqual([Buffer.of(0, ...port), Buffer.of(1, ...port)]);
    expect(on(messages, 0)).toContain('hello from the pod');
    expect(code).toBe(1000);
    const refused = await channels('web/portforward?ports=9', 'v4.channel.k8s.io');
    expect(on(refused.messages, 1)).toContain('connection refused');
    await stop();
  });
});

describe('attach', () => {
  it('ends with the container', async () => {
    const child = start(binaries.at(-1) ?? '', ['attach', '-i', 'brief']);
    const result = finish(child);
    child.stdin?.write('you\n');
    const { out, code } = await result;
    expect([out, code]).toEqual(['bye you\n', 0]);
  });
});

describe('the kubelet server', () => {
  it('is left by a follower without a trace', async () => {
    const gone = new AbortController();
    const nodes = createNodeProxy(server);
    const target = { host: '127.0.0.1', port: kubeletPort, path: '/containerLogs/default/web/main?follow=true' };
    const answer = await nodes.request(target, { method: 'GET', headers: {}, signal: gone.signal });
    for await (const _chunk of answer.body as AsyncIterable<Uint8Array>) {
      expect(openFiles()).toContain(container.logPath);
      gone.abort();
    }
    await eventually(
      () => !openFiles().includes(container.logPath),
      () => openFiles().join(' '),
    );
  });

  it('lets nobody in but the API server', async () => {
    const none = createNodeProxy({ ca: stranger.ca, cert: '', key: '' });
    const other = createNodeProxy(stranger);
    const target = { host: '127.0.0.1', port: kubeletPort, path: '/containerLogs/default/web/main' };
    expect((await none.request(target, { method: 'GET', headers: {} })).code).toBe(401);
    expect((await other.request(target, { method: 'GET', headers: {} })).code).toBe(403);
  });

  it('ends a followed log when the container has ended and everything is sent', async () => {
    writeFileSync(followed.path, `${timestamp(1)} stdout F first\n`);
    const child = start(binaries[0] ?? '', ['logs', '-f', 'followed']);
    const result = finish(child);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    appendFileSync(followed.path, `${timestamp(2)} stdout F last\n`);
    followed.end();
    expect(await result).toEqual({ out: 'first\nlast\n', err: '', code: 0 });
  });
});

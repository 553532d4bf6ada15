// The way of exec, attach, logs and port-forward as it is, with real containers at its end: kubectl or a WebSocket, the API
// server's tunnel, the kubelet's server, runc. In the place of the rest of an API server stands streaming-front.ts.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import { createNodeProxy } from '../../src/apiserver/nodeproxy.io.ts';
import type { ContainerHandle, PodAccess } from '../../src/kubelet/access.ts';
import { serveKubelet } from '../../src/kubelet/server/server.io.ts';
import { execInContainer } from '../../src/linux/oci/exec.io.ts';
import { startContainer } from './exec-container.ts';
import type { TestContainer } from './exec-container.ts';
import { createIssuer, startFront } from './streaming-front.ts';
import type { Front, Identity } from './streaming-front.ts';

export const md5 = (data: Buffer): string => createHash('md5').update(data).digest('hex');

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

/** A log of its own, which the test writes. */
interface Followed {
  readonly path: string;
  readonly ended: Promise<void>;
  end(): void;
}

function followedLog(path: string): Followed {
  writeFileSync(path, '');
  const { promise, resolve } = Promise.withResolvers<void>();
  return { path, ended: promise, end: resolve };
}

export interface Result {
  out: string;
  err: string;
  code: number | null;
}

export async function finish(child: ChildProcess): Promise<Result> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { out, err, code };
}

export async function eventually(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    expect(Date.now(), what()).toBeLessThan(deadline);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** web echoes lines, terminal has a shell, brief ends after a line, followed has the log that the test writes. */
function podsOf(
  { web, terminal, brief }: Readonly<Record<'web' | 'terminal' | 'brief', TestContainer>>,
  followed: Followed,
): PodAccess {
  const running: ContainerHandle = {
    ...paths(web),
    running: true,
    terminal: false,
    stdin: true,
    ended: new Promise(() => {}),
    restartCount: 0,
  };
  return {
    find: (namespace, pod) => {
      if (pod === 'web') return running;
      if (pod === 'followed') return { ...running, logPath: followed.path, ended: followed.ended };
      if (pod === 'terminal') return { ...running, ...paths(terminal), terminal: true };
      if (pod === 'brief') return { ...running, ...paths(brief) };
      if (pod === 'waiting')
        return { code: 400, refusal: 'container "main" in pod "waiting" is waiting to start: ContainerCreating' };
      return { code: 404, refusal: `pod "${pod}_${namespace}" not found` };
    },
  };
}

export class StreamingLab {
  private readonly children = new Set<ChildProcess>();
  private readonly undo: (() => unknown)[] = [];
  container!: TestContainer;
  followed!: Followed;
  front!: Front;
  kubeletPort!: number;
  /** The API server, and somebody else with a certificate of the same CA. */
  server!: Identity;
  stranger!: Identity;

  /** Call close also when this fails: what stands by then is removed. */
  async open(): Promise<void> {
    const started = (...args: Parameters<typeof startContainer>): TestContainer => {
      const container = startContainer(...args);
      this.undo.push(() => container.remove());
      return container;
    };
    const echo = 'echo attached-ready; while read line; do echo "got $line"; echo "err $line" >&2; done';
    this.container = started('stream', ['sh', '-c', echo], { stdin: true });
    const terminal = started('streamtty', ['sh'], { stdin: true, terminal: true });
    const brief = started('streambrief', ['sh', '-c', 'read line; echo bye $line'], { stdin: true });
    this.followed = followedLog(join(this.container.dir, 'followed.log'));
    const issue = await createIssuer();
    this.server = await issue('CN=kube-apiserver,O=system:masters');
    this.stranger = await issue('CN=somebody,O=users');
    this.kubeletPort = await freePort();
    const kubelet = await serveKubelet({
      listen: { host: '127.0.0.1', port: this.kubeletPort },
      tls: await issue('CN=system:node:node-1,O=system:nodes'),
      log: () => {},
      pods: podsOf({ web: this.container, terminal, brief }, this.followed),
    });
    this.undo.push(() => kubelet.close());
    this.front = await startFront({
      nodes: createNodeProxy(this.server),
      identity: this.server,
      user: this.server,
      kubelet: { host: '127.0.0.1', port: this.kubeletPort },
    });
    this.undo.push(() => this.front.close());
  }

  async close(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL');
    for (const step of this.undo.toReversed()) await step();
  }

  start(kubectl: string, args: string[], stdio: 'pipe' | number = 'pipe'): ChildProcess {
    const env = {
      PATH: process.env['PATH'],
      KUBECONFIG: this.front.kubeconfig,
      HOME: join(dirname(this.front.kubeconfig), 'home'),
      TERM: 'xterm',
    };
    const child = spawn(kubectl, args, { env, stdio: [stdio, stdio, stdio], detached: true });
    this.children.add(child);
    child.on('exit', () => this.children.delete(child));
    return child;
  }

  kubectl(binary: string, args: string[], input?: Buffer | string): Promise<Result> {
    const child = this.start(binary, args);
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    return finish(child);
  }

  async inside(argv: string[]): Promise<string> {
    const e = execInContainer({ runcRoot: this.container.runcRoot, containerId: this.container.id, argv });
    let out = '';
    for await (const chunk of e.stdout) out += (chunk as Buffer).toString();
    return out;
  }

  async portForward(
    binary: string,
    ...ports: string[]
  ): Promise<{ port: number; child: ChildProcess; log: () => string }> {
    const child = this.start(binary, ['port-forward', 'pod/web', ...ports]);
    let log = '';
    child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await eventually(
      () => /Forwarding from 127.0.0.1:(\d+)/.test(log),
      () => log,
    );
    return { port: Number(/127.0.0.1:(\d+)/.exec(log)?.[1]), child, log: () => log };
  }

  /** In the container, until the test is over. */
  async serveInside(port: number, argv: string[]): Promise<() => Promise<number>> {
    const server = execInContainer({ runcRoot: this.container.runcRoot, containerId: this.container.id, argv });
    let said = '';
    for (const stream of [server.stdout, server.stderr])
      stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    // "sl local_address rem_address st": 0A is LISTEN
    const listens = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A`);
    await eventually(
      async () => listens.test(await this.inside(['cat', '/proc/net/tcp', '/proc/net/tcp6'])),
      () => said,
    );
    return () => {
      server.kill();
      return server.exitCode;
    };
  }

  /** What clients other than kubectl speak: a WebSocket of one of the older protocols, straight to the API server. */
  async channels(path: string, protocol: string, send: Buffer[] = []): Promise<{ messages: Buffer[]; code: number }> {
    const { ca, cert, key } = this.server;
    const socket = new WebSocket(
      `wss://127.0.0.1:${this.front.port}/api/v1/namespaces/default/pods/${path}`,
      [protocol],
      {
        ca,
        cert,
        key,
      },
    );
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
}

// The real kubectl, old (SPDY) and new (WebSocket), into a real container: exec and attach.
import { createHash, randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPty } from '../../src/linux/pty/pty.io.ts';
import { kubectls } from './streaming-front.ts';
import { eventually, finish, md5, StreamingLab } from './streaming-lab.ts';

const lab = new StreamingLab();
beforeAll(() => lab.open(), 30_000);
afterAll(() => lab.close());
const binaries = kubectls();

it('finds a kubectl', () => {
  expect(binaries.length).toBeGreaterThan(0);
});

describe.each(binaries.map((path) => ({ name: basename(path), path })))('$name', ({ path }) => {
  it('exec: output, errors, exit code', async () => {
    const ok = await lab.kubectl(path, ['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2']);
    expect(ok).toEqual({ out: 'out\n', err: 'err\n', code: 0 });
    const bad = await lab.kubectl(path, ['exec', 'web', '--', 'sh', '-c', 'exit 5']);
    expect(bad).toEqual({ out: '', err: 'command terminated with exit code 5\n', code: 5 });
  });

  it('exec -i: stdin and its end', async () => {
    const r = await lab.kubectl(path, ['exec', '-i', 'web', '--', 'sh', '-c', 'cat; echo end'], 'hello\n');
    expect(r).toEqual({ out: 'hello\nend\n', err: '', code: 0 });
  });

  it('exec of a command that stops reading early', async () => {
    const r = await lab.kubectl(
      path,
      ['exec', '-i', 'web', '--', 'head', '-c', '4'],
      Buffer.alloc(3_000_000, 'abcdefgh'),
    );
    expect(r.out).toBe('abcd');
    expect(r.code).toBe(0);
  });

  it('exec of a command that does not exist', async () => {
    const r = await lab.kubectl(path, ['exec', 'web', '--', 'no-such-command']);
    expect(r.code).toBe(1);
    expect(r.out).toBe('');
    expect(r.err).toContain('executable file not found in $PATH');
    expect(r.err).toMatch(/^error: Internal error occurred: /);
  });

  it('exec in a pod or container that is not there', async () => {
    const r = await lab.kubectl(path, ['exec', 'gone', '--', 'true']);
    expect(r.code).toBe(1);
    expect(r.err).toContain('pod "gone_default" not found');
  });

  it("exec -it: a terminal of the size of the caller's", async () => {
    const pty = openPty();
    pty.resize(93, 31);
    const child = lab.start(path, ['exec', '-it', 'web', '--', 'sh'], pty.slave);
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
    const child = lab.start(path, ['exec', '-i', 'web', '--', 'cat']);
    child.stdin?.on('error', () => {});
    child.stdin?.end(data);
    const hash = createHash('md5');
    child.stdout?.on('data', (chunk: Buffer) => hash.update(chunk));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(hash.digest('hex')).toBe(md5(data));
  }, 60_000);

  it('exec: the command ends when the client goes', async () => {
    const child = lab.start(path, ['exec', 'web', '--', 'sh', '-c', 'echo up; sleep 4711']);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    expect(await lab.inside(['ps'])).toContain('sleep 4711');
    child.kill('SIGKILL');
    await eventually(
      async () => !(await lab.inside(['ps'])).includes('sleep 4711'),
      () => 'the command to end',
    );
  });

  it("attach -i talks to the container's own process", async () => {
    const child = lab.start(path, ['attach', '-i', 'web']);
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
    const child = lab.start(path, ['attach', '-it', 'terminal'], pty.slave);
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
    lab.front.target = { host: '127.0.0.1', port: 1 };
    const exec = await lab.kubectl(path, ['exec', 'web', '--', 'true']);
    const logs = await lab.kubectl(path, ['logs', 'web']);
    lab.front.target = { host: '127.0.0.1', port: lab.kubeletPort };
    expect(exec.err).toMatch(/error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused\n$/);
    expect(logs.err).toMatch(/dial tcp 127.0.0.1:1: connect: connection refused\n$/);
    expect([exec.code, logs.code]).toEqual([1, 1]);
  });
});

describe('attach', () => {
  it('ends with the container', async () => {
    const child = lab.start(binaries.at(-1) ?? '', ['attach', '-i', 'brief']);
    const result = finish(child);
    child.stdin?.write('you\n');
    const { out, code } = await result;
    expect([out, code]).toEqual(['bye you\n', 0]);
  });
});

import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execInContainer } from '../../src/linux/oci/exec.io.ts';
import type { Exec, ExecSpec } from '../../src/linux/oci/exec.io.ts';
import { startContainer } from './exec-container.ts';
import type { TestContainer } from './exec-container.ts';

let container: TestContainer;
beforeAll(() => {
  container = startContainer('exec', ['sleep', '1000']);
});
afterAll(() => container?.remove());

const exec = (argv: string[], o: Partial<ExecSpec> = {}): Exec =>
  execInContainer({ runcRoot: container.runcRoot, containerId: container.id, argv, ...o });

async function text(stream: Readable | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function result(e: Exec): Promise<{ out: string; err: string; code: number }> {
  const [out, err, code] = await Promise.all([text(e.stdout), text(e.stderr), e.exitCode]);
  return { out, err, code };
}

async function eventually(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    expect(Date.now(), 'condition within 5 s').toBeLessThan(deadline);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('execInContainer with pipes', () => {
  it('separates stdout, stderr and the exit code', async () => {
    expect(await result(exec(['sh', '-c', 'echo out; echo err >&2; exit 5']))).toEqual({
      out: 'out\n',
      err: 'err\n',
      code: 5,
    });
  });

  it('gives real pipes: the command may open /dev/stderr', async () => {
    expect(await result(exec(['sh', '-c', 'echo x > /proc/self/fd/2; echo y > /proc/self/fd/2']))).toEqual({
      out: '',
      err: 'x\ny\n',
      code: 0,
    });
  });

  it('carries stdin and its end, 20 MB unharmed', async () => {
    const data = Buffer.alloc(20_000_000);
    for (let i = 0; i < data.length; i += 4) data.writeUInt32LE((i * 2654435761) >>> 0, i);
    const e = exec(['cat'], { stdin: true });
    e.stdin?.end(data);
    const hash = createHash('md5');
    for await (const chunk of e.stdout) hash.update(chunk as Buffer);
    expect(hash.digest('hex')).toBe(createHash('md5').update(data).digest('hex'));
    expect(await e.exitCode).toBe(0);
  });

  it('adds env, sets cwd and user', async () => {
    const e = exec(['sh', '-c', 'echo $FROM $ADDED; pwd; id -u'], {
      env: ['ADDED=a b'],
      cwd: '/tmp',
      user: '1000:1000',
    });
    expect(await result(e)).toEqual({ out: 'config a b\n/tmp\n1000\n', err: '', code: 0 });
  });

  it('says why a command could not be started, apart from its output', async () => {
    const e = exec(['no-such-command']);
    expect(await result(e)).toEqual({ out: '', err: '', code: 127 });
    expect(e.startError()).toContain('"no-such-command": executable file not found in $PATH');
    const denied = exec(['/www/index.html']);
    expect((await result(denied)).code).toBe(126);
    expect(denied.startError()).toContain('permission denied');
  });

  it("reports 255 of the command as the command's", async () => {
    const e = exec(['sh', '-c', 'echo exec failed: not >&2; exit 255']);
    expect(await result(e)).toEqual({ out: '', err: 'exec failed: not\n', code: 255 });
    expect(e.startError()).toBeUndefined();
  });

  it('fails on a container that is not there', async () => {
    const e = execInContainer({ runcRoot: container.runcRoot, containerId: 'none', argv: ['true'] });
    expect(await e.exitCode).toBe(126);
    expect(e.startError()).toContain('container does not exist');
  });

  it('kills the command, its children and nothing else', async () => {
    const e = exec(['sh', '-c', 'echo up; sleep 777 & sleep 778']);
    await new Promise((resolve) => e.stdout.once('data', resolve));
    e.kill();
    expect(await e.exitCode).toBe(137);
    const left = async (): Promise<string> => (await result(exec(['ps']))).out;
    expect(await left()).not.toMatch(/sleep 77/);
    expect(await left()).toMatch(/sleep 1000/);
  });
});

describe('execInContainer with a terminal', () => {
  it('is a terminal, of the size asked for, also when it changes', async () => {
    const e = exec(['sh'], { tty: true, stdin: true });
    let seen = '';
    e.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    e.resize(91, 37);
    e.stdin?.write('tty; stty size\n');
    await eventually(() => seen.includes('/dev/pts/') && seen.includes('37 91'));
    e.resize(120, 40);
    await eventually(() => {
      e.stdin?.write('stty size\n');
      return seen.includes('40 120');
    });
    e.stdin?.write('exit 7\n');
    expect(await e.exitCode).toBe(7);
  });

  it('delivers everything written before the end', async () => {
    const e = exec(['seq', '1', '50000'], { tty: true });
    const out = await text(e.stdout);
    expect(await e.exitCode).toBe(0);
    expect(out.trimEnd().split('\r\n').length).toBe(50_000);
  });

  it('says why a command could not be started', async () => {
    const e = exec(['no-such-command'], { tty: true });
    expect((await result(e)).code).toBe(127);
    expect(e.startError()).toContain('executable file not found');
  });

  it('does not stop this process when the command does not read its terminal', async () => {
    const e = exec(['sh', '-c', 'stty raw -echo; echo up; exec sleep 1000'], { tty: true, stdin: true });
    await new Promise((resolve) => e.stdout.once('data', resolve));
    e.stdin?.write(Buffer.alloc(1_000_000, 'x'));
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    e.kill();
    expect(await e.exitCode).toBe(137);
  });

  it('leaves no descriptor behind', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    await result(exec(['true'], { tty: true }));
    const before = open();
    for (let i = 0; i < 5; i++) await result(exec(['true'], { tty: i % 2 === 0 }));
    await eventually(() => open() <= before);
  });
});

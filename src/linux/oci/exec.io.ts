// A command inside a running container, by `runc exec`, with real pipes or a terminal.
import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import type { Readable, Writable } from 'node:stream';
import { openPipe } from '../pty/libc.io.ts';
import { openPty } from '../pty/pty.io.ts';
import { runcError, runcExecArgs, startErrorCode } from './exec.ts';
import type { ExecSpec } from './exec.ts';

export type { ExecSpec } from './exec.ts';

export interface Exec {
  readonly stdin?: Writable;
  readonly stdout: Readable;
  /** Absent with a terminal: there is one stream out. */
  readonly stderr?: Readable;
  resize(columns: number, rows: number): void;
  /** The command's; 126 or 127 when it could not be started, and startError() says why. Output may still be in the streams. */
  readonly exitCode: Promise<number>;
  startError(): string | undefined;
  /** SIGKILL to the command and its process group. */
  kill(): void;
}

export type ExecFn = (spec: ExecSpec) => Exec;

const LOG_FD = 3;

export function execInContainer(spec: ExecSpec): Exec {
  return spec.tty ? withTerminal(spec) : withPipes(spec);
}

/**
 * Pipes made by pipe(2), not by spawn: Node's own "pipes" are sockets, and opening /dev/stdout on a socket fails with
 * ENXIO, which breaks `echo x > /dev/stderr` in the container.
 */
function withPipes(spec: ExecSpec): Exec {
  const input = spec.stdin ? openPipe() : undefined;
  const output = openPipe();
  const errors = openPipe();
  const run = start(spec, [input?.read ?? 'ignore', output.write, errors.write]);
  for (const fd of [input?.read, output.write, errors.write]) if (fd !== undefined) closeSync(fd);
  const stdin = input && writeEnd(input.write);
  return {
    ...(stdin ? { stdin } : {}),
    stdout: readEnd(output.read),
    stderr: withoutStartError(readEnd(errors.read), run),
    resize: () => {},
    exitCode: run.exitCode,
    startError: run.startError,
    kill: run.kill,
  };
}

/** runc takes its own stdio as the terminal and copies its size to the container's at every SIGWINCH. */
function withTerminal(spec: ExecSpec): Exec {
  const pty = openPty();
  const errors = openPipe();
  const run = start(spec, [pty.slave, pty.slave, errors.write]);
  pty.closeSlave();
  closeSync(errors.write);
  readEnd(errors.read).resume(); // runc's own words only; its log has them too
  return {
    ...(spec.stdin ? { stdin: pty.terminal } : {}),
    stdout: pty.terminal,
    resize: (columns, rows) => {
      pty.resize(columns, rows);
      run.signal('SIGWINCH'); // the slave is nobody's controlling terminal, so the kernel sends none
    },
    exitCode: run.exitCode,
    startError: run.startError,
    kill: run.kill,
  };
}

interface Run {
  readonly exitCode: Promise<number>;
  readonly startError: () => string | undefined;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly kill: () => void;
}

function start(spec: ExecSpec, stdio: [number | 'ignore', number, number]): Run {
  const log = openPipe();
  // detached: a session of its own, so that ^C in the node's terminal does not reach it.
  const options = { stdio: [...stdio, log.write] as StdioOptions, detached: true };
  const child = spawn('runc', runcExecArgs(spec, LOG_FD), options);
  closeSync(log.write);
  let startError: string | undefined;
  const exitCode = outcome(child, readEnd(log.read)).then(({ code, error }) => {
    startError = error;
    return code;
  });
  return {
    exitCode,
    startError: () => startError,
    signal: (name) => void child.kill(name),
    kill: () => killCommand(child),
  };
}

async function outcome(child: ChildProcess, log: Readable): Promise<{ code: number; error?: string }> {
  const exited = new Promise<{ code: number; error?: string }>((resolve) => {
    child.on('error', (e) => resolve({ code: 126, error: `runc: ${e.message}` }));
    // runc passes 128+signal of the command on; a signal here hit runc itself.
    child.on('exit', (code) => resolve({ code: code ?? 137 }));
  });
  const [end, text] = await Promise.all([exited, readAll(log)]);
  const error = end.error ?? (end.code === 0 ? undefined : runcError(text));
  return error === undefined ? end : { code: startErrorCode(error), error };
}

/** The command is runc's child in a process group of its own; SIGKILL to runc alone would leave it running. */
function killCommand(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const commands = childrenOf(child.pid);
  for (const pid of commands) {
    for (const target of [-pid, pid]) {
      try {
        process.kill(target, 'SIGKILL');
      } catch {
        // ESRCH: not a group leader yet, or gone already
      }
    }
  }
  if (commands.length === 0) child.kill('SIGKILL'); // not started yet: nothing else to end
}

/** By a scan: /proc/<pid>/task/<tid>/children is a kernel option that Debian has and smaller kernels do not. */
function childrenOf(parent: number): number[] {
  const children: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      // pid (comm) state ppid ...: comm may hold anything, so count from its last parenthesis
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent) children.push(Number(entry));
    } catch {
      // it exited meanwhile
    }
  }
  return children;
}

/**
 * runc says why it could not start a command on stderr too. That is the caller's to report, not the command's output:
 * the first chunk is held while it looks like runc's, and dropped when it was.
 */
function withoutStartError(stderr: Readable, run: Run): Readable {
  const out = new PassThrough();
  let held: Buffer | undefined;
  stderr.once('data', (chunk: Buffer) => {
    if (/^(exec failed|container |cannot exec)/.test(chunk.toString('latin1', 0, 32))) held = chunk;
    else out.write(chunk);
    stderr.once('data', (next: Buffer) => {
      stderr.pause();
      if (held) out.write(held);
      held = undefined;
      out.write(next);
      stderr.pipe(out, { end: false });
    });
  });
  stderr.on('close', () => {
    if (held === undefined) out.end();
    else void run.exitCode.then(() => out.end(run.startError() === undefined ? held : undefined));
  });
  return out;
}

function readEnd(fd: number): Socket {
  const socket = new Socket({ fd, readable: true, writable: false });
  socket.on('error', () => socket.destroy());
  return socket;
}

function writeEnd(fd: number): Socket {
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.on('error', () => socket.destroy()); // EPIPE: the command does not read any more
  return socket;
}

async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

// Containers by runc and conmon, driven directly.
//
//   <containersDir>/<id>/   config.json record.json state.json pid conmon.pid attach ctl oom, and the caller's files
//   <exitDir>/<id>          exit code, written by conmon; its time is the end's
//   <runcRoot>/<id>/        runc's own state
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { cgroupPids, removeCgroupTree } from '../cgroup/cgroup.io.ts';
import { conmonArgs, isZombie, parseSync, runtimeWords, startTicks } from './conmon.ts';
import { RuntimeError } from './runtime.ts';
import type { Exit, NewContainer, Runtime, RuntimeContainer } from './runtime.ts';

export interface RuntimeOptions {
  readonly containersDir: string;
  readonly exitDir: string;
  readonly runcRoot: string;
  readonly nowMs: () => number;
  /** Calls of runc at once: more than this on a small machine makes each slower and none sooner. */
  readonly parallel?: number;
}

/** state.json: written when the container runs. */
interface State {
  readonly pid: number;
  readonly ticks: string;
  readonly conmonPid: number;
  readonly conmonTicks: string;
  readonly boot: string;
  readonly startedMs: number;
  readonly deleted?: boolean;
}

/** As much of config.json as is read again. */
interface Config {
  readonly linux?: { readonly cgroupsPath: string; readonly namespaces: readonly { readonly type: string }[] };
}

const sweepMs = 1_000;

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

export function openRuntime(o: RuntimeOptions): Runtime {
  for (const dir of [o.containersDir, o.exitDir, o.runcRoot]) mkdirSync(dir, { recursive: true, mode: 0o711 });
  return new RuncRuntime(o);
}

class RuncRuntime implements Runtime {
  readonly #o: RuntimeOptions;
  readonly #boot = bootId();
  readonly #runc = programPath('runc');
  readonly #inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly #listeners = new Set<(id: string, exit: Exit) => void>();
  /** Started and not yet said to have ended. */
  readonly #running = new Map<string, State>();
  readonly #sweeper: ReturnType<typeof setInterval>;
  readonly #watcher: ReturnType<typeof watch>;

  constructor(o: RuntimeOptions) {
    this.#o = o;
    this.#inTurn = limiter(o.parallel ?? 4);
    // conmon writes <id>.XXXXXX and renames it, so a file named <id> is whole.
    this.#watcher = watch(o.exitDir, (_event, file) => {
      if (file !== null && this.#running.has(file)) this.#sayExit(file);
    });
    // conmon tells of its container's end; of conmon's own end (the kernel wanted memory) nobody tells.
    this.#sweeper = setInterval(() => this.#endUnwatched(), sweepMs).unref();
  }

  dir(id: string): string {
    return join(this.#o.containersDir, id);
  }

  prepare(id: string): string {
    const dir = this.dir(id);
    mkdirSync(dir, { recursive: true, mode: 0o711 });
    return dir;
  }

  list(): RuntimeContainer[] {
    return readdirSync(this.#o.containersDir).flatMap((id) => {
      const record = readJson(join(this.dir(id), 'record.json'));
      return record === undefined ? [] : [this.#look(id, record)];
    });
  }

  #look(id: string, record: unknown): RuntimeContainer {
    const state = readJson(join(this.dir(id), 'state.json')) as State | undefined;
    // Between create and start there is no state.json: this process died there, and the container is not to be trusted.
    if (!state) return { id, record, state: 'created', deleted: false };
    const common = { id, record, startedMs: state.startedMs, deleted: state.deleted ?? false };
    const alive = state.boot === this.#boot && isProcess(state.pid, state.ticks);
    const watched = state.boot === this.#boot && isProcess(state.conmonPid, state.conmonTicks);
    // Without its conmon it writes to no log and its end would be seen by nobody.
    if (alive && !watched) kill(state.pid, 9);
    const exit = this.#readExit(id);
    if (watched && !exit) {
      // Also when it has just ended: conmon lives a moment longer, and the exit file comes yet.
      this.#running.set(id, state);
      return { ...common, state: 'running' };
    }
    return { ...common, state: 'exited', exit: exit ?? this.#unseenExit() };
  }

  async create(container: NewContainer): Promise<void> {
    const { id, config } = container;
    const dir = this.prepare(id);
    writeFileSync(join(dir, 'record.json'), JSON.stringify(container.record));
    writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
    await this.#inTurn(async () => {
      const answer = await runConmon(
        conmonArgs({
          id,
          bundle: dir,
          runtime: this.#runc,
          runtimeRoot: this.#o.runcRoot,
          logPath: container.logPath,
          exitDir: this.#o.exitDir,
          terminal: config.process.terminal,
          stdin: container.stdin,
          stdinOnce: container.stdinOnce,
        }),
      );
      if ('error' in answer) {
        rmSync(join(this.#o.exitDir, id), { force: true });
        throw new RuntimeError(answer.error);
      }
    });
  }

  start(id: string): Promise<{ startedMs: number }> {
    return this.#inTurn(async () => {
      const dir = this.dir(id);
      const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'));
      const conmonPid = Number(readFileSync(join(dir, 'conmon.pid'), 'utf8'));
      const ticks = ticksOf(pid) ?? '';
      const conmonTicks = ticksOf(conmonPid) ?? '';
      const startedMs = this.#o.nowMs();
      // Before the start: a container that runs has a state.json, whenever this process dies.
      const state: State = { pid, ticks, conmonPid, conmonTicks, boot: this.#boot, startedMs };
      writeAtomic(join(dir, 'state.json'), JSON.stringify(state));
      try {
        await run(this.#runc, ['--root', this.#o.runcRoot, 'start', id]);
      } catch (e) {
        rmSync(join(dir, 'state.json'), { force: true });
        if (isProcess(pid, ticks)) kill(pid, 9);
        throw e;
      }
      this.#running.set(id, state);
      // It may have ended before the line above, and its event is past.
      queueMicrotask(() => this.#sayExit(id));
      return { startedMs };
    });
  }

  signal(id: string, signal: number): boolean {
    const state = readJson(join(this.dir(id), 'state.json')) as State | undefined;
    if (!state || state.boot !== this.#boot || !isProcess(state.pid, state.ticks)) return false;
    return kill(state.pid, signal);
  }

  async delete(id: string): Promise<void> {
    const dir = this.dir(id);
    if (existsSync(join(this.#o.runcRoot, id))) await this.#inTurn(() => this.#deleteNow(id));
    rmSync(join(this.#o.exitDir, id), { force: true });
    const state = readJson(join(dir, 'state.json')) as State | undefined;
    if (state) writeAtomic(join(dir, 'state.json'), JSON.stringify({ ...state, deleted: true }));
  }

  /** `runc delete` alone; with -f it sleeps 100 ms. It refuses while the first process is there, dead but not yet reaped. */
  async #deleteNow(id: string): Promise<void> {
    const pid = Number(readText(join(this.dir(id), 'pid')) ?? 0);
    const state = readJson(join(this.dir(id), 'state.json')) as State | undefined;
    if (!state && pid > 0 && isOfRunc(pid)) kill(pid, 9);
    const { linux } = (readJson(join(this.dir(id), 'config.json')) ?? {}) as Config;
    // With the machine's own process ids the end of the first process ends no other.
    if (linux && !linux.namespaces.some((n) => n.type === 'pid'))
      for (const other of cgroupPids(linux.cgroupsPath)) kill(other, 9);
    await settled(() => pid === 0 || !existsSync(`/proc/${pid}`) || state?.ticks !== ticksOf(pid), 1_000);
    try {
      await run(this.#runc, ['--root', this.#o.runcRoot, 'delete', id]);
    } catch {
      // State of a former boot, or cut off half-way: runc refuses it, but what it stands for is gone with its processes.
      if (linux) await removeCgroupTree(linux.cgroupsPath);
      rmSync(join(this.#o.runcRoot, id), { recursive: true, force: true });
    }
  }

  async remove(id: string): Promise<void> {
    this.#running.delete(id);
    // First the record, so that a crash in between leaves no container, only files.
    rmSync(join(this.dir(id), 'record.json'), { force: true });
    await rm(this.dir(id), { recursive: true, force: true });
  }

  remember(id: string, record: unknown): void {
    writeAtomic(join(this.dir(id), 'record.json'), JSON.stringify(record));
  }

  onExit(listener: (id: string, exit: Exit) => void): void {
    this.#listeners.add(listener);
  }

  close(): void {
    this.#watcher.close();
    clearInterval(this.#sweeper);
    this.#listeners.clear();
  }

  #readExit(id: string): Exit | undefined {
    const file = join(this.#o.exitDir, id);
    const code = readText(file);
    if (code === undefined || code === '') return undefined;
    const oomKilled = existsSync(join(this.dir(id), 'oom'));
    return { code: Number(code), finishedMs: Math.floor(statSync(file).mtimeMs), oomKilled, unseen: false };
  }

  #sayExit(id: string): void {
    const exit = this.#readExit(id);
    if (exit) this.#say(id, exit);
  }

  #say(id: string, exit: Exit): void {
    if (!this.#running.delete(id)) return;
    for (const listener of this.#listeners) listener(id, exit);
  }

  /** Without its conmon a container writes to no log, and its end would be seen by nobody: it ends now. */
  #endUnwatched(): void {
    for (const [id, state] of this.#running) {
      if (isProcess(state.conmonPid, state.conmonTicks)) continue;
      if (isProcess(state.pid, state.ticks)) kill(state.pid, 9);
      this.#say(id, this.#readExit(id) ?? this.#unseenExit());
    }
  }

  #unseenExit(): Exit {
    return { code: 255, finishedMs: this.#o.nowMs(), oomKilled: false, unseen: true };
  }
}

function runConmon(args: string[]): Promise<ReturnType<typeof parseSync>> {
  const env = { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', _OCI_SYNCPIPE: '3' };
  const child = spawn('conmon', args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'], env, cwd: '/' });
  const sync = child.stdio[3] as Readable;
  return new Promise((resolve) => {
    let said = '';
    let errors = '';
    const done = (answer: ReturnType<typeof parseSync>): void => {
      resolve(answer);
      // conmon holds its ends open as long as it lives.
      sync.destroy();
      child.stderr?.destroy();
    };
    child.on('error', (e) => done({ error: `conmon: ${e.message}` }));
    child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    sync.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const end = said.indexOf('\n');
      if (end >= 0) done(parseSync(said.slice(0, end)));
    });
    sync.on('end', () => done(said ? parseSync(said) : { error: errors.trim() || 'conmon ended without a word' }));
  });
}

function run(command: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', (e) => reject(new RuntimeError(e.message)));
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new RuntimeError(runtimeWords(errors) || `${command} ended with ${code}`));
    });
  });
}

/** At most `width` at once, in the order of the calls. */
function limiter(width: number): <T>(work: () => Promise<T>) => Promise<T> {
  let active = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (active >= width) await new Promise<void>((resolve) => waiting.push(resolve));
    else active++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else active--;
    }
  };
}

/** conmon wants an absolute path. */
function programPath(name: string): string {
  const dirs = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`.split(':').filter(Boolean);
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path)) ?? name;
}

async function settled(done: () => boolean, withinMs: number): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!done() && performance.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 1));
}

function ticksOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : startTicks(stat);
}

function isProcess(pid: number, ticks: string): boolean {
  const stat = readText(`/proc/${pid}/stat`);
  return stat !== undefined && startTicks(stat) === ticks && !isZombie(stat);
}

/** A created container's process waits in `runc init`; any other process with that number is not ours. */
const isOfRunc = (pid: number): boolean => (readText(`/proc/${pid}/cmdline`) ?? '').includes('init');

function kill(pid: number, signal: number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw e;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (e) {
    const code = (e as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'ENOTDIR') return undefined;
    throw e;
  }
}

function readJson(path: string): unknown {
  const text = readText(path);
  if (text === undefined || text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // cut off in the middle by a crash
  }
}

function writeAtomic(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

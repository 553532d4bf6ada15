// A runtime in memory: containers are entries, and end when a test says so.
import { RuntimeError } from './runtime.ts';
import type { Exit, NewContainer, Runtime, RuntimeContainer } from './runtime.ts';

export interface FakeRuntime extends Runtime {
  /** The container ends by itself. */
  end(id: string, code: number, oomKilled?: boolean): void;
}

interface Entry {
  record: unknown;
  state: RuntimeContainer['state'];
  startedMs?: number;
  exit?: Exit;
  deleted: boolean;
}

/** `programs`: argv[0] -> how it ends when it is started (a code), or what it does on SIGTERM. Others run until SIGKILL. */
export function fakeRuntime(
  nowMs: () => number,
  programs: Readonly<Record<string, { exits?: number; onTerm?: number; missing?: boolean }>> = {},
): FakeRuntime {
  const entries = new Map<string, Entry & { program: string }>();
  const listeners = new Set<(id: string, exit: Exit) => void>();
  const end = (id: string, code: number, oomKilled = false): void => {
    const entry = entries.get(id);
    if (entry?.state !== 'running') return;
    entry.state = 'exited';
    entry.exit = { code, finishedMs: nowMs(), oomKilled, unseen: false };
    const { exit } = entry;
    for (const listener of listeners) listener(id, exit);
  };
  const get = (id: string): Entry & { program: string } => {
    const entry = entries.get(id);
    if (!entry) throw new RuntimeError('container does not exist');
    return entry;
  };
  return {
    end,
    list: () => [...entries].map(([id, { program: _program, ...entry }]) => ({ id, ...entry })),
    dir: (id) => `/fake/${id}`,
    prepare: (id) => `/fake/${id}`,
    async create(c: NewContainer) {
      if (entries.has(c.id)) throw new RuntimeError('container with given ID already exists');
      const program = c.config.process.args[0] ?? '';
      if (programs[program]?.missing) throw new RuntimeError(`exec: "${program}": executable file not found in $PATH`);
      entries.set(c.id, { record: c.record, state: 'created', deleted: false, program });
    },
    async start(id) {
      const entry = get(id);
      if (entry.state !== 'created') throw new RuntimeError('cannot start an already running container');
      entry.state = 'running';
      entry.startedMs = nowMs();
      const exits = programs[entry.program]?.exits;
      if (exits !== undefined) queueMicrotask(() => end(id, exits));
      return { startedMs: entry.startedMs };
    },
    signal(id, signal) {
      const entry = entries.get(id);
      if (entry?.state !== 'running') return false;
      const onTerm = programs[entry.program]?.onTerm;
      if (signal === 9) queueMicrotask(() => end(id, 137));
      else if (signal === 15 && onTerm !== undefined) queueMicrotask(() => end(id, onTerm));
      return true;
    },
    async delete(id) {
      const entry = entries.get(id);
      if (entry) entry.deleted = true;
    },
    async remove(id) {
      entries.delete(id);
    },
    remember(id, record) {
      get(id).record = record;
    },
    onExit: (listener) => void listeners.add(listener),
    close: () => listeners.clear(),
  };
}

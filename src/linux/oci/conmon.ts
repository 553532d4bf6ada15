// conmon(8) as data: its arguments, and the lines in which it answers. It holds a container's log, stdin and exit code, and
// outlives the process that started it.

export interface ConmonSpec {
  readonly id: string;
  readonly bundle: string;
  readonly runtime: string;
  readonly runtimeRoot: string;
  readonly logPath: string;
  readonly exitDir: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
}

export const conmonArgs = (c: ConmonSpec): string[] => [
  '--api-version',
  '1',
  '--cid',
  c.id,
  '--cuuid',
  c.id,
  '--name',
  c.id,
  '--runtime',
  c.runtime,
  '--runtime-arg',
  `--root=${c.runtimeRoot}`,
  '--bundle',
  c.bundle,
  '--persist-dir',
  c.bundle,
  '--container-pidfile',
  `${c.bundle}/pid`,
  '--conmon-pidfile',
  `${c.bundle}/conmon.pid`,
  '--exit-dir',
  c.exitDir,
  '--log-path',
  `k8s-file:${c.logPath}`,
  // The socket `attach` lies in the bundle: the default path is one for the whole machine.
  '--full-attach',
  // Else each end of a container waits for the disk.
  '--no-sync-log',
  '--log-level',
  'error',
  ...(c.terminal ? ['--terminal'] : []),
  ...(c.stdin ? ['--stdin'] : []),
  ...(c.stdin && !c.stdinOnce ? ['--leave-stdin-open'] : []),
];

/** The line on the sync pipe: {"data": <pid>} or {"data": -1, "message": <what the runtime said>}. */
export function parseSync(line: string): { readonly pid: number } | { readonly error: string } {
  let parsed: { data?: number; message?: string };
  try {
    parsed = JSON.parse(line) as typeof parsed;
  } catch {
    return { error: `conmon said ${JSON.stringify(line)}` };
  }
  if (parsed.data !== undefined && parsed.data > 0) return { pid: parsed.data };
  return { error: runtimeWords(parsed.message ?? 'the container could not be created') };
}

/** runc's error out of its log lines: time="..." level=error msg="..." */
export function runtimeWords(text: string): string {
  const messages = [...text.matchAll(/level=(?:error|fatal) msg=("(?:[^"\\]|\\.)*")/g)].map((m) =>
    unquote(m[1] ?? '""'),
  );
  return (messages.at(-1) ?? text.trim().split('\n').at(-1) ?? '').trim();
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}

/** Field 22 of /proc/<pid>/stat: with the boot's id it tells a process from a later one of the same number. */
export function startTicks(stat: string): string | undefined {
  // comm (field 2) may hold spaces and parentheses; fields are counted from its end
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** A zombie is dead, whatever its entry in /proc says. */
export const isZombie = (stat: string): boolean => /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));

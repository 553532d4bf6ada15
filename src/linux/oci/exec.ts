// `runc exec` as data: its argument vector, and what its own errors mean.

export interface ExecSpec {
  /** `runc --root` of the node. */
  readonly runcRoot: string;
  readonly containerId: string;
  readonly argv: readonly string[];
  readonly tty?: boolean;
  readonly stdin?: boolean;
  /** NAME=value, on top of the container's own. */
  readonly env?: readonly string[];
  readonly cwd?: string;
  /** uid[:gid] */
  readonly user?: string;
}

/** logFd: descriptor on which runc finds a pipe for its own log, apart from the command's stderr. */
export function runcExecArgs(spec: ExecSpec, logFd: number): string[] {
  return [
    '--root',
    spec.runcRoot,
    '--log',
    `/proc/self/fd/${logFd}`,
    '--log-format',
    'json',
    'exec',
    ...(spec.tty ? ['--tty'] : []),
    ...(spec.cwd === undefined ? [] : ['--cwd', spec.cwd]),
    ...(spec.user === undefined ? [] : ['--user', spec.user]),
    ...(spec.env ?? []).flatMap((entry) => ['--env', entry]),
    spec.containerId,
    ...spec.argv,
  ];
}

/** The last error in runc's JSON log, or undefined: then the exit code is the command's. */
export function runcError(log: string): string | undefined {
  let found: string | undefined;
  for (const line of log.split('\n')) {
    if (!line.startsWith('{')) continue;
    let entry: { level?: string; msg?: string };
    try {
      entry = JSON.parse(line) as typeof entry;
    } catch {
      continue; // runc was killed in mid-line
    }
    if (entry.level === 'error' || entry.level === 'fatal') found = entry.msg ?? found;
  }
  return found;
}

/** What a shell would return for a command that could not be started. */
export function startErrorCode(message: string): number {
  return /not found|no such file/i.test(message) ? 127 : 126;
}

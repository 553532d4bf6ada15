import { describe, expect, it } from 'vitest';
import { runcError, runcExecArgs, startErrorCode } from './exec.ts';

describe('runc exec', () => {
  it('is spelt with its options before the container, the command last and untouched', () => {
    const spec = {
      runcRoot: '/run/r',
      containerId: 'c1',
      argv: ['sh', '-c', '--tty'],
      tty: true,
      env: ['A=b c'],
      cwd: '/x',
      user: '1:2',
    };
    expect(runcExecArgs(spec, 3).join(' ')).toBe(
      '--root /run/r --log /proc/self/fd/3 --log-format json exec --tty --cwd /x --user 1:2 --env A=b c c1 sh -c --tty',
    );
    expect(runcExecArgs({ runcRoot: '/r', containerId: 'c', argv: ['true'] }, 3).slice(-3)).toEqual([
      'exec',
      'c',
      'true',
    ]);
  });

  it('says why it failed in its log', () => {
    const log = '{"level":"warning","msg":"w"}\n{"level":"error","msg":"exec failed: x"}\n{"level":"err';
    expect(runcError(log)).toBe('exec failed: x');
    expect(runcError('{"level":"warning","msg":"w"}\n')).toBeUndefined();
    expect(runcError('')).toBeUndefined();
  });

  it("maps the reasons to a shell's codes", () => {
    expect(startErrorCode('exec: "x": executable file not found in $PATH')).toBe(127);
    expect(startErrorCode('exec: "/x": stat /x: no such file or directory')).toBe(127);
    expect(startErrorCode('exec: "/x": permission denied')).toBe(126);
  });
});

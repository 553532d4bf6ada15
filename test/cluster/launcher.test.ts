// The launcher: it stops before changing anything when the machine is not fit, and installs what is missing once.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must, podlan, root, run } from './cluster.ts';

let dir: string;
beforeAll(() => {
  // A checkout in which nothing is installed or built yet, readable by everybody.
  dir = mkdtempSync(join(tmpdir(), 'podlan-launcher-'));
  chmodSync(dir, 0o755);
  for (const path of ['podlan', 'scripts', 'package.json', 'package-lock.json'])
    cpSync(join(root, path), join(dir, path), { recursive: true });
});
afterAll(() => rmSync(dir, { recursive: true }));

const untouched = (): void => {
  for (const made of ['.stamp', 'node_modules', 'dist']) expect(existsSync(join(dir, made)), made).toBe(false);
};
/** A directory for the front of PATH with one program of ours. */
function program(name: string, script: string): string {
  const bin = join(dir, `bin-${name}`);
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, name), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  return bin;
}

describe('a machine that is not fit', () => {
  it('without root it stops before changing anything, and says how to go on', () => {
    const result = run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', join(dir, 'podlan'), 'up']);
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/needs root .* sudo /);
    untouched();
  });

  it('with a kernel feature missing it names the feature and how to get it', () => {
    const bin = program('zcat', 'printf "CONFIG_BRIDGE=y\\n# CONFIG_VETH is not set\\n"');
    const result = run(join(dir, 'podlan'), ['up'], { env: { PATH: `${bin}:${process.env.PATH}` } });
    expect(result.code).toBe(1);
    expect(result.err).toMatch(
      /veth +missing +CONFIG_VETH is not in this kernel \(links of pods and nodes\) -> a kernel with CONFIG_VETH/,
    );
    expect(result.err).toContain('nothing was changed');
    untouched();
  });
});

describe('doctor', () => {
  it('lists every check, as text and as JSON, with an exit code', () => {
    const text = podlan(['doctor']);
    expect(text.code, text.out).toBe(0);
    for (const check of ['root', 'veth', 'nftables', 'overlayfs', 'cgroups', 'runc', 'conmon'])
      expect(text.out).toMatch(new RegExp(`^${check} +ok`, 'm'));
    const data = JSON.parse(podlan(['doctor', '-o', 'json']).out);
    expect(data.ok).toBe(true);
    expect(data.checks.map((c: { name: string }) => c.name)).toContain('bridge');
  });

  it('ends with 1 when something is missing, and refuses what it does not know', () => {
    const bin = program('zcat', 'echo CONFIG_BRIDGE=y');
    const poor = run(join(dir, 'podlan'), ['doctor', '-o', 'json'], { env: { PATH: `${bin}:${process.env.PATH}` } });
    expect(poor.code).toBe(1);
    const data = JSON.parse(poor.out);
    expect(data.ok).toBe(false);
    expect(run(join(dir, 'podlan'), ['doctor', '-o', 'xml']).code).toBe(2);
    untouched();
  });
});

describe('what is missing is installed', () => {
  // A machine in small: a PATH with the shell's own tools alone, and an apt-get that puts a program there.
  it('programs of Debian packages, once, with one line that says so', () => {
    const bin = join(dir, 'small');
    mkdirSync(bin);
    for (const tool of ['bash', 'cat', 'mkdir', 'tail', 'chmod'])
      symlinkSync(must('sh', ['-c', `command -v ${tool}`]), join(bin, tool));
    const log = join(dir, 'apt-calls');
    writeFileSync(
      join(bin, 'apt-get'),
      `#!${join(bin, 'bash')}\necho "$@" >> ${log}\nprintf '' > ${bin}/fresh-tool; chmod +x ${bin}/fresh-tool\n`,
      { mode: 0o755 },
    );
    const script = `set -euo pipefail; root=${dir}/machine; mkdir -p $root; . ${dir}/scripts/setup.sh; need_packages fresh-tool:fresh-package; need_packages fresh-tool:fresh-package`;
    const result = run(join(bin, 'bash'), ['-c', script], { env: { PATH: bin } });
    expect(result.code, result.err).toBe(0);
    expect(result.err).toBe('podlan: installing fresh-package (apt-get)\n');
    expect(readFileSync(log, 'utf8')).toBe('install -y --no-install-recommends fresh-package\n');
  });

  it('npm packages of the lock file, once, and again when the lock file changes', () => {
    const bin = program('npm', 'mkdir -p node_modules; echo "$*" >> npm-calls');
    const machine = join(dir, 'fresh');
    mkdirSync(machine);
    cpSync(join(root, 'package-lock.json'), join(machine, 'package-lock.json'));
    const script = `set -euo pipefail; root=${machine}; . ${dir}/scripts/setup.sh; need_npm run; need_npm run; echo >> $root/package-lock.json; need_npm run; need_npm dev; need_npm run`;
    const result = run('bash', ['-c', script], { env: { PATH: `${bin}:${process.env.PATH}` } });
    expect(result.code, result.err).toBe(0);
    const calls = readFileSync(join(machine, 'npm-calls'), 'utf8').trim().split('\n');
    expect(calls).toHaveLength(3);
    expect(calls[0]).toContain('install --no-save --ignore-scripts');
    expect(calls.map((call) => call.includes('--omit=dev'))).toEqual([true, true, false]);
  });

  it('says in one line what could not be installed', () => {
    const bin = join(dir, 'small');
    writeFileSync(join(bin, 'apt-get'), `#!${join(bin, 'bash')}\necho "E: no such package" >&2; exit 100\n`, {
      mode: 0o755,
    });
    const script = `set -euo pipefail; root=${dir}/machine; . ${dir}/scripts/setup.sh; need_packages absent-tool:absent-package`;
    const result = run(join(bin, 'bash'), ['-c', script], { env: { PATH: bin } });
    expect(result.code).toBe(1);
    expect(result.err).toContain('podlan: apt-get could not install absent-package');
  });
});

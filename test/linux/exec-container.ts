// A real container for the tests of exec and streaming: busybox, by runc and conmon, in a netns of its own.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
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

export interface TestContainer {
  readonly dir: string;
  readonly runcRoot: string;
  readonly id: string;
  readonly netns: string;
  readonly netnsPath: string;
  readonly logPath: string;
  readonly attachSocket: string;
  readonly ended: () => boolean;
  remove(): void;
}

export function run(command: string, ...args: string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.status} ${result.stderr}`);
  return result.stdout;
}

const APPLETS = [
  'sh',
  'cat',
  'echo',
  'sleep',
  'true',
  'false',
  'head',
  'md5sum',
  'stty',
  'tty',
  'nc',
  'httpd',
  'seq',
  'kill',
  'ls',
  'date',
  'wc',
  'dd',
  'id',
  'env',
  'pwd',
  'ps',
  'yes',
  'usleep',
];

/** unique: part of every name, so that suites and machines' users do not meet. */
export function startContainer(
  unique: string,
  argv: string[],
  o: { terminal?: boolean; stdin?: boolean } = {},
): TestContainer {
  const dir = mkdtempSync(join(tmpdir(), `podlan-${unique}-`));
  const id = `podlan-${unique}-${process.pid}`;
  const netns = `podlan-${unique}-${process.pid}`;
  const rootfs = join(dir, 'rootfs');
  for (const path of ['bin', 'proc', 'dev', 'tmp', 'www', 'etc']) mkdirSync(join(rootfs, path), { recursive: true });
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(rootfs, 'bin', applet));
  writeFileSync(join(rootfs, 'www/index.html'), 'hello from the pod\n');
  run('ip', 'netns', 'add', netns);
  run('ip', '-n', netns, 'link', 'set', 'lo', 'up');
  writeFileSync(join(dir, 'config.json'), JSON.stringify(ociConfig(argv, `/run/netns/${netns}`, o.terminal ?? false)));
  const logPath = join(dir, 'log');
  const runcRoot = join(dir, 'runc');
  run(
    'conmon',
    '--api-version',
    '1',
    '-b',
    dir,
    '-c',
    id,
    '-u',
    id,
    '-n',
    id,
    '-r',
    '/usr/sbin/runc',
    '--runtime-arg',
    '--root',
    '--runtime-arg',
    runcRoot,
    '-l',
    `k8s-file:${logPath}`,
    '-P',
    join(dir, 'conmon.pid'),
    '-p',
    join(dir, 'pid'),
    '--exit-dir',
    join(dir, 'exits'),
    '--full-attach',
    '--no-sync-log',
    ...(o.terminal ? ['-t'] : []),
    ...(o.stdin ? ['-i', '--leave-stdin-open'] : []),
  );
  waitFor(() => existsSync(join(dir, 'pid')), 'conmon to create the container');
  run('runc', '--root', runcRoot, 'start', id);
  return {
    dir,
    runcRoot,
    id,
    netns,
    netnsPath: `/run/netns/${netns}`,
    logPath,
    attachSocket: join(dir, 'attach'),
    ended: () => existsSync(join(dir, 'exits', id)),
    remove: () => {
      spawnSync('runc', ['--root', runcRoot, 'delete', '-f', id]);
      const conmon = Number(readFileSync(join(dir, 'conmon.pid'), 'utf8'));
      waitFor(() => !existsSync(`/proc/${conmon}`), 'conmon to end');
      spawnSync('ip', ['netns', 'del', netns]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function waitFor(condition: () => boolean, what: string): void {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited 10 s for ${what}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
}

function ociConfig(argv: string[], netnsPath: string, terminal: boolean): object {
  const capabilities = ['CAP_KILL', 'CAP_NET_BIND_SERVICE'];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal,
      user: { uid: 0, gid: 0 },
      args: argv,
      env: ['PATH=/bin', 'FROM=config'],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    root: { path: 'rootfs', readonly: false },
    hostname: 'pod',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
    ],
    linux: {
      namespaces: [
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'mount' },
        { type: 'network', path: netnsPath },
      ],
    },
  };
}

// What the cluster tests share: the real launcher, the real kubectl, and a look at the machine before and after.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end. Never through a shell; a run that hangs is ended after timeoutMs. */
export function run(
  command: string,
  args: readonly string[],
  o: { env?: Record<string, string>; input?: string; timeoutMs?: number } = {},
): Result {
  const done = spawnSync(command, [...args], {
    encoding: 'utf8',
    env: { ...process.env, ...o.env },
    input: o.input ?? '',
    timeout: o.timeoutMs ?? 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  const err = done.error ? `${done.stderr ?? ''}${done.error.message}` : done.stderr;
  return { code: done.status ?? 255, out: done.stdout ?? '', err };
}

/** A run that must succeed; its output without the last newline. */
export function must(command: string, args: readonly string[], o: Parameters<typeof run>[2] = {}): string {
  const result = run(command, args, o);
  if (result.code !== 0)
    throw new Error(`${command} ${args.join(' ')}: exit code ${result.code}\n${result.out}${result.err}`);
  return result.out.trimEnd();
}

export const podlan = (args: readonly string[], o: Parameters<typeof run>[2] = {}): Result =>
  run(join(root, 'podlan'), args, { timeoutMs: 200_000, ...o });

/** A cluster of this test run's own, with kubectl set up for it. */
export interface Cluster {
  readonly name: string;
  readonly kubeconfig: string;
  readonly stateDir: string;
  podlan(args: readonly string[], o?: Parameters<typeof run>[2]): Result;
  /** kubectl that must succeed. */
  kubectl(...args: string[]): string;
  tryKubectl(args: readonly string[], o?: Parameters<typeof run>[2]): Result;
  apply(manifest: string): string;
  /** kubectl get -o json. */
  get(...args: string[]): Json;
  /** A command inside a pod; its output. Fails when the command does. */
  inPod(pod: string, command: string, o?: { namespace?: string; container?: string }): string;
  tryInPod(pod: string, command: string, o?: { namespace?: string; container?: string }): Result;
  down(): void;
}

// An answer of the API as a test reads it: the expectation that follows checks its shape.
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

/** Minor version of the kubectl on PATH, e.g. 32: Debian's own may be as old as 20 and lacks some of its words. */
export const kubectlMinor = (program = 'kubectl'): number =>
  Number.parseInt(JSON.parse(must(program, ['version', '--client', '-o', 'json'])).clientVersion.minor, 10);

/** Names are short: they are part of link and namespace names. Two runs on one machine do not meet. */
export const testName = (what: string): string => `t${what}${process.pid % 10_000}`;

export function startCluster(what: string, args: readonly string[] = []): Cluster {
  const cluster = describeCluster(testName(what));
  const up = podlan(['up', '--name', cluster.name, ...args]);
  if (up.code !== 0) {
    const logs = logTails(cluster);
    cluster.down();
    throw new Error(`podlan up: exit code ${up.code}\n${up.out}${up.err}\n${logs}`);
  }
  return cluster;
}

export function describeCluster(name: string): Cluster {
  const stateDir = `/var/lib/podlan/${name}`;
  const kubeconfig = join(stateDir, 'kubeconfig');
  const env = { KUBECONFIG: kubeconfig };
  const tryKubectl: Cluster['tryKubectl'] = (args, o) => run('kubectl', args, { ...o, env });
  const exec = (pod: string, command: string, o: { namespace?: string; container?: string } = {}): string[] => [
    'exec',
    ...(o.namespace ? ['-n', o.namespace] : []),
    pod,
    ...(o.container ? ['-c', o.container] : []),
    '--',
    'sh',
    '-c',
    command,
  ];
  return {
    name,
    kubeconfig,
    stateDir,
    podlan: (args, o) => podlan([...args, '--name', name], o),
    kubectl: (...args) => must('kubectl', args, { env }),
    tryKubectl,
    apply: (manifest) => must('kubectl', ['apply', '-f', '-'], { env, input: yaml(manifest) }),
    get: (...args) => JSON.parse(must('kubectl', ['get', ...args, '-o', 'json'], { env })),
    inPod: (pod, command, o) => must('kubectl', exec(pod, command, o), { env }),
    tryInPod: (pod, command, o) => run('kubectl', exec(pod, command, o), { env }),
    down: () => {
      const result = podlan(['down', '--name', name]);
      if (result.code !== 0) throw new Error(`podlan down: exit code ${result.code}\n${result.out}${result.err}`);
    },
  };
}

/** kubectl takes a text that begins with a brace for JSON; tests write YAML's short form. */
export const yaml = (manifest: string): string => `---\n${manifest}`;

export function logTails(cluster: Pick<Cluster, 'stateDir'>): string {
  const dir = join(cluster.stateDir, 'log');
  if (!existsSync(dir)) return '';
  return readdirSync(dir)
    .map((file) => `--- ${file}\n${readFileSync(join(dir, file), 'utf8').split('\n').slice(-15).join('\n')}`)
    .join('\n');
}

/** Tries until it does not throw; the last error stands when the time is over. */
export async function eventually<T>(look: () => T | Promise<T>, withinMs = 20_000, everyMs = 100): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await sleep(everyMs);
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A program that goes on while the test does other things, with what it said so far. */
export interface Running {
  readonly child: ChildProcess;
  out(): string;
  err(): string;
  readonly ended: Promise<number>;
  end(): Promise<void>;
}

export function start(command: string, args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(command, [...args], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk) => (err += chunk));
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 255)));
  return {
    child,
    out: () => out,
    err: () => err,
    ended,
    async end() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** What `down` must leave as it was: everything of the kernel that podlan can touch, as sorted lines. */
export function machine(): string[] {
  const lines = (command: string, args: string[]): string[] =>
    must(command, args)
      .split('\n')
      .filter((line) => line !== '');
  const cgroups = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)]
    .filter((dir) => existsSync(join(dir, 'podlan')))
    .map((dir) => `cgroup ${dir}/podlan`);
  return [
    ...lines('ip', ['netns', 'list']).map((line) => `netns ${line.split(' ')[0]}`),
    ...lines('ip', ['-o', 'link', 'show']).map((line) => `link ${line.split(': ')[1]}`),
    ...lines('ip', ['-o', 'address', 'show']).map((line) => `address ${line.split(/\s+/).slice(1, 4).join(' ')}`),
    ...lines('ip', ['route', 'show', 'table', 'all']).map((line) => `route ${line.trim()}`),
    ...lines('nft', ['list', 'tables']).map((line) => `nft ${line}`),
    ...readFileSync('/proc/self/mounts', 'utf8')
      .trim()
      .split('\n')
      .map((line) => `mount ${line.split(' ').slice(0, 3).join(' ')}`),
    ...cgroups,
    ...processes().map((command) => `process ${command}`),
    ...[
      'net.ipv4.ip_forward',
      'net.ipv4.conf.all.forwarding',
      'net.ipv4.conf.all.rp_filter',
      'net.ipv6.conf.all.forwarding',
      'net.bridge.bridge-nf-call-iptables',
    ].map((key) => `sysctl ${key}=${sysctl(key)}`),
    ...['/run/podlan', '/var/lib/podlan']
      .filter((dir) => existsSync(dir))
      .map((dir) => `directory ${dir}: ${readdirSync(dir).join(' ')}`),
  ].sort((a, b) => a.localeCompare(b));
}

const sysctl = (key: string): string => {
  const file = `/proc/sys/${key.replaceAll('.', '/')}`;
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : 'none';
};

/** Command lines of podlan's processes and of what it starts; this test's own and kernel threads are not among them. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return /podlan\.mjs|conmon|runc|\/var\/lib\/podlan|\/run\/podlan/.test(command) ? [command] : [];
      } catch {
        return [];
      }
    });
}

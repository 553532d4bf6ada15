// npm run bench -- node-kill [RUNS]: from `podlan node kill` to (a) the node is NotReady, (b) every lost pod is Ready again elsewhere;
// and what a client that asks by the Service name all the time sees: how many requests fail, and when the last of them began.
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineLine, median, spreadSeconds } from '../measure.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const podlan = join(root, 'podlan');
const name = `bench${process.pid % 10_000}`;
const env = { ...process.env, KUBECONFIG: `/var/lib/podlan/${name}/kubeconfig` };
const runs = Number(process.argv[2] ?? 5);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function must(command: string, args: readonly string[]): string {
  const done = spawnSync(command, [...args], { encoding: 'utf8', env });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

interface Pod {
  metadata: { name: string };
  spec: { nodeName: string };
  status: { conditions?: { type: string; status: string }[] };
}
const isReady = (o: { status: Pod['status'] }): boolean =>
  o.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
const readyPods = (): Pod[] =>
  (
    JSON.parse(must('kubectl', ['get', 'pods', '-n', 'my-app', '-l', 'app in (web-server,db)', '-o', 'json']))
      .items as Pod[]
  ).filter(isReady);

async function first(startMs: number, look: () => boolean): Promise<number> {
  while (!look()) {
    if (performance.now() - startMs > 60_000) throw new Error('waited 60 s in vain');
    await sleep(20);
  }
  return performance.now() - startMs;
}

interface Run {
  notReady: number;
  back: number;
  asked: number;
  failed: number;
  lastFailedBegan: number;
}

async function once(): Promise<Run> {
  const clientNode = must('kubectl', ['get', 'pod', 'client', '-n', 'my-app', '-o', 'jsonpath={.spec.nodeName}']);
  const victim =
    readyPods()
      .map((p) => p.spec.nodeName)
      .find((node) => node !== clientNode) ?? '';
  const loop =
    'while true; do s=$(date +%s%N); timeout 1 busybox wget -qO- http://web >/dev/null 2>&1; echo $s $?; busybox usleep 5000; done';
  const client = spawn('kubectl', ['exec', '-n', 'my-app', 'client', '--', 'sh', '-c', loop], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let told = '';
  client.stdout.setEncoding('utf8').on('data', (text) => (told += text));
  await sleep(1_000);
  const killedMs = Date.now();
  const startMs = performance.now();
  must(podlan, ['node', 'kill', victim, '--name', name]);
  const notReady = await first(
    startMs,
    () => !isReady(JSON.parse(must('kubectl', ['get', 'node', victim, '-o', 'json']))),
  );
  const back = await first(startMs, () => {
    const pods = readyPods();
    return pods.length === 5 && pods.every((pod) => pod.spec.nodeName !== victim);
  });
  await sleep(1_500);
  client.kill('SIGTERM');
  const requests = told
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number)) as [number, number][];
  const after = requests.filter(([startedNs]) => startedNs / 1e6 > killedMs - 1_000);
  const failed = after.filter(([, code]) => code !== 0).map(([startedNs]) => startedNs / 1e6 - killedMs);
  must(podlan, ['node', 'start', victim, '--name', name]);
  return { notReady, back, asked: after.length, failed: failed.length, lastFailedBegan: Math.max(0, ...failed) };
}

const seen: Run[] = [];
try {
  must(podlan, ['up', '--name', name, '-f', join(root, 'examples/web.yaml')]);
  for (let i = 0; i < runs; i += 1) {
    seen.push(await once());
    console.error(
      `run ${i + 1}: ${JSON.stringify(seen.at(-1), (_, v) => (typeof v === 'number' ? Math.round(v) : v))}`,
    );
  }
} finally {
  spawnSync(podlan, ['down', '--name', name]);
}
const column = (key: keyof Run): number[] => seen.map((run) => run[key]);
console.log(`node kill, 3 nodes, examples/web.yaml, default timeouts; median of ${runs} (min to max)\n${machineLine()}\n
| from \`podlan node kill\` to | |
|---|---|
| (a) the node is NotReady | ${spreadSeconds(column('notReady'))} |
| (b) every lost pod is Ready elsewhere | ${spreadSeconds(column('back'))} |
| the last failed request began after | ${spreadSeconds(column('lastFailedBegan'))} |
| requests that failed, of those asked meanwhile | ${median(column('failed'))} of ${median(column('asked'))} |`);

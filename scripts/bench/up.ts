// npm run bench -- up [RUNS]: from the command to (a) the API answers, (b) all nodes are Ready, (c) a Service name answers from a
// pod, (d) the command has ended with all workloads Ready; and `down`. Packages and build are in place; each run is a new cluster.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:tls';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineLine, spreadSeconds } from '../measure.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const podlan = join(root, 'podlan');
const name = `bench${process.pid % 10_000}`;
const port = 17_443;
const runs = Number(process.argv[2] ?? 5);

interface Times {
  api: number;
  nodes: number;
  name: number;
  end: number;
  down: number;
}

const manifest = (dir: string): string => `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: host
          command: [sh, -c, 'mkdir -p /srv/www && hostname > /srv/www/index.html && exec busybox httpd -f -p 80 -h /srv/www']
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: out, hostPath: {path: ${dir}}}]
  containers:
    - name: client
      image: host
      command: [sh, -c, 'until timeout 1 busybox wget -qO /out/answer http://web; do busybox usleep 10000; done; touch /out/answered; exec sleep infinity']
      volumeMounts: [{name: out, mountPath: /out}]
`;

/** Calls back with the time at which `look` first says true. */
async function first(startMs: number, look: () => boolean | Promise<boolean>): Promise<number> {
  while (!(await look())) {
    if (performance.now() - startMs > 120_000) throw new Error('waited 120 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - startMs;
}

const apiAnswers = (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    });
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
  });

async function once(): Promise<Times> {
  const dir = mkdtempSync(join(tmpdir(), 'podlan-bench-'));
  const startMs = performance.now();
  const up = spawn(podlan, ['up', '--name', name, '--port', String(port), '-f', '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  up.stdin.end(manifest(dir));
  let told = '';
  up.stderr.setEncoding('utf8').on('data', (text) => (told += text));
  const ended = new Promise<number>((resolve, reject) => {
    up.once('close', (code) => (code === 0 ? resolve(performance.now() - startMs) : reject(new Error(told))));
  });
  try {
    const [api, nodes, answered, end] = await Promise.all([
      first(startMs, apiAnswers),
      first(startMs, () =>
        ['node-1', 'node-2', 'node-3'].every((n) => new RegExp(`^${n}: [0-9.]+ \\(`, 'm').test(told)),
      ),
      first(startMs, () => existsSync(join(dir, 'answered'))),
      ended,
    ]);
    const downMs = performance.now();
    down();
    return { api, nodes, name: answered, end, down: performance.now() - downMs };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function down(): void {
  const done = spawnSync(podlan, ['down', '--name', name], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
}

const times: Times[] = [];
try {
  for (let i = 0; i < runs; i += 1) {
    times.push(await once());
    console.error(
      `run ${i + 1}: ${JSON.stringify(times.at(-1), (_, v) => (typeof v === 'number' ? Math.round(v) : v))}`,
    );
  }
} finally {
  spawnSync(podlan, ['down', '--name', name]);
}
const column = (key: keyof Times): string => spreadSeconds(times.map((t) => t[key]));
console.log(`up, 3 nodes, 3 web pods and a client; median of ${runs} (min to max)\n${machineLine()}\n
| from the command to | |
|---|---|
| (a) the API answers | ${column('api')} |
| (b) all nodes are Ready | ${column('nodes')} |
| (c) a Service name answers from a pod | ${column('name')} |
| (d) all workloads are Ready, the command has ended | ${column('end')} |
| down: nothing is left | ${column('down')} |`);

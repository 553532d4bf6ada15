// The life of pods on a real node: starts, ends, restarts, probes, hooks, and what is left afterwards (nothing).
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cgroupPids } from '../../src/linux/cgroup/cgroup.io.ts';
import { busybox, openLab, STAY } from './kubelet-lab.ts';
import type { Lab } from './kubelet-lab.ts';

let lab: Lab;
beforeAll(async () => void (lab = await openLab('kubelet')));
afterAll(() => lab.close());
afterEach(async () => {
  const pods = lab.cache.list('Pod');
  await Promise.all(
    pods.map(async ({ metadata: { name } }) => {
      await lab.client.delete('Pod', { namespace: 'default', name }, { gracePeriodSeconds: 1 }).catch(() => {});
      await lab.gone(name);
    }),
  );
  await expect.poll(() => lab.residue(), { timeout: 5000 }).toEqual([]);
  expect(lab.errors.splice(0)).toEqual([]);
});

const main = (script: string) => ({ name: 'main', command: busybox(script) });
const reasons = async (name: string): Promise<string[]> =>
  (await lab.events(name)).map((e) => `${e.reason}: ${e.message}`);

describe('a pod of the host image', () => {
  it('runs, says so in its status, logs, and goes', async () => {
    await lab.pod('one', { containers: [main(`echo hello from $HOSTNAME; ${STAY}`)] });
    const pod = await lab.until('one', (p) => p.status?.phase === 'Running');
    expect(Object.fromEntries((pod.status?.conditions ?? []).map((c) => [c.type, c.status]))).toEqual({
      PodReadyToStartContainers: 'True',
      Initialized: 'True',
      Ready: 'True',
      ContainersReady: 'True',
      PodScheduled: 'True',
    });
    expect(pod.status).toMatchObject({
      podIP: expect.stringMatching(/^10\.250\.0\./),
      podIPs: [{ ip: pod.status?.podIP }],
      hostIP: lab.settings.nodes[0]?.ip,
      qosClass: 'BestEffort',
      observedGeneration: 1,
      containerStatuses: [
        {
          name: 'main',
          ready: true,
          started: true,
          restartCount: 0,
          image: 'docker.io/library/host:latest',
          imageID: 'host',
          containerID: expect.stringMatching(/^runc:\/\/[0-9a-f]{32}$/),
          state: { running: { startedAt: expect.any(String) } },
          lastState: {},
        },
      ],
    });
    await expect.poll(() => lab.log('one')).toBe('hello from one\n');
    await lab.client.delete('Pod', { namespace: 'default', name: 'one' });
    await lab.gone('one');
    await expect
      .poll(() => reasons('one'))
      .toEqual(
        expect.arrayContaining([
          'Pulled: Container image "host" already present on machine',
          'Created: Created container: main',
          'Started: Started container main',
          'Killing: Stopping container main',
        ]),
      );
  });

  it('ends by its own code, by restartPolicy', async () => {
    await Promise.all([
      lab.pod('good', { restartPolicy: 'Never', containers: [main('echo bye > /dev/termination-log')] }),
      lab.pod('bad', {
        restartPolicy: 'Never',
        containers: [{ ...main('echo why >&2; exit 3'), terminationMessagePolicy: 'FallbackToLogsOnError' }],
      }),
      lab.pod('lost', { restartPolicy: 'Never', containers: [{ name: 'main', command: ['/no/such'] }] }),
    ]);
    const good = await lab.until('good', (p) => p.status?.phase === 'Succeeded');
    expect(good.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 0,
      reason: 'Completed',
      message: 'bye\n',
    });
    const bad = await lab.until('bad', (p) => p.status?.phase === 'Failed');
    expect(bad.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'why\n',
    });
    expect(bad.status?.conditions?.find((c) => c.type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'PodFailed',
    });
    const lost = await lab.until('lost', (p) => p.status?.phase === 'Failed');
    expect(lost.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 128,
      reason: 'StartError',
      message: expect.stringContaining('/no/such'),
    });
    // A finished pod gives its network back and keeps its log and address.
    await expect.poll(() => lab.network.attached().size).toBe(0);
    expect(lab.log('bad')).toBe('why\n');
    expect(lab.get('bad')?.status?.podIP).toMatch(/^10\./);
  });

  it('restarts a container at once, then with back-off, under the same IP', async () => {
    await lab.pod('crash', { containers: [main('exit 1'), { name: 'other', command: busybox(STAY) }] });
    const crashed = (p: { status?: { containerStatuses?: { state?: { waiting?: { reason?: string } } }[] } }) =>
      p.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff';
    const pod = await lab.until('crash', crashed);
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      ready: false,
      lastState: { terminated: { exitCode: 1 } },
      state: {
        waiting: { message: expect.stringMatching(/^back-off 10s restarting failed container=main pod=crash_/) },
      },
    });
    expect(pod.status?.phase).toBe('Running');
    expect(pod.status?.containerStatuses?.[1]).toMatchObject({ restartCount: 0, ready: true });
    expect(lab.network.attached().get(pod.metadata.uid)?.ips).toEqual([pod.status?.podIP]);
    await expect
      .poll(() => reasons('crash'))
      .toContainEqual(expect.stringMatching(/^BackOff: Back-off restarting failed/));
  });

  it('a container killed from outside comes back', async () => {
    await lab.pod('killed', { containers: [main(STAY)] });
    const before = await lab.until('killed', (p) => p.status?.phase === 'Running');
    for (const pid of cgroupPids(`/podlan/${lab.settings.name}/node-1/pod${before.metadata.uid}`)) process.kill(pid, 9);
    const after = await lab.until(
      'killed',
      (p) => p.status?.containerStatuses?.[0]?.restartCount === 1 && p.status.containerStatuses[0].ready,
    );
    expect(after.status?.podIP).toBe(before.status?.podIP);
    expect(after.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(137);
  });

  it('says that it was killed for want of memory', async () => {
    const resources = { limits: { memory: '8Mi' } };
    const eat = main('x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done');
    await lab.pod('hungry', { restartPolicy: 'Never', containers: [{ ...eat, resources }] });
    const pod = await lab.until('hungry', (p) => p.status?.phase === 'Failed');
    expect(pod.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });
});

describe('init containers', () => {
  it('run one after the other before the others; a sidecar stays until they have ended', async () => {
    const emptyDir = { volumes: [{ name: 'v', emptyDir: {} }] };
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const step = (name: string, script: string, more = {}) => ({
      name,
      image: 'host',
      command: busybox(script),
      volumeMounts,
      ...more,
    });
    await lab.pod('init', {
      ...emptyDir,
      restartPolicy: 'Never',
      initContainers: [
        step('a', 'echo a >> /v/log'),
        step('side', `echo side >> /v/log; trap "echo end; exit 0" TERM; busybox sleep 1000 & wait`, {
          restartPolicy: 'Always',
        }),
        step('b', 'echo b >> /v/log'),
      ],
      containers: [step('main', 'echo main >> /v/log; busybox cat /v/log')],
    });
    const pod = await lab.until('init', (p) => p.status?.phase === 'Succeeded');
    expect(lab.log('init', 'main').split('\n').filter(Boolean).toSorted()).toEqual(['a', 'b', 'main', 'side']);
    expect(lab.log('init', 'main')).toMatch(/^a\n/);
    expect(lab.log('init', 'side')).toBe('end\n');
    expect(pod.status?.initContainerStatuses?.map((s) => s.state?.terminated?.exitCode)).toEqual([0, 0, 0]);
  });

  it('that fail for good fail the pod; until they pass the pod is pending', async () => {
    await lab.pod('noinit', {
      restartPolicy: 'Never',
      initContainers: [{ ...main('exit 4'), name: 'a', image: 'host' }],
      containers: [main(STAY)],
    });
    await lab.pod('slowinit', {
      initContainers: [{ ...main(STAY), name: 'a', image: 'host' }],
      containers: [main(STAY)],
    });
    await lab.until('noinit', (p) => p.status?.phase === 'Failed');
    const slow = await lab.until('slowinit', (p) => p.status?.initContainerStatuses?.[0]?.state?.running !== undefined);
    expect(slow.status?.phase).toBe('Pending');
    expect(slow.status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe('PodInitializing');
    expect(slow.status?.conditions?.find((c) => c.type === 'Initialized')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [a]',
    });
  });
});

describe('probes', () => {
  it('readiness by HTTP makes ready soon, and unready', async () => {
    const serve = 'busybox mkdir -p /w; echo ok > /w/ok; busybox httpd -f -p 8080 -h /w';
    await lab.pod('web', {
      containers: [
        {
          ...main(`busybox sleep 0.2; ${serve}`),
          ports: [{ name: 'http', containerPort: 8080 }],
          readinessProbe: { httpGet: { path: '/ok', port: 'http' }, periodSeconds: 1, failureThreshold: 1 },
        },
      ],
    });
    const isReady =
      (wanted: boolean) =>
      (p: { status?: { containerStatuses?: { ready: boolean; state?: { running?: unknown } }[] } }) =>
        p.status?.containerStatuses?.[0]?.ready === wanted &&
        p.status.containerStatuses[0].state?.running !== undefined;
    await lab.until('web', isReady(false));
    const pod = await lab.until('web', isReady(true));
    const uid = pod.metadata.uid;
    const found = lab.kubelet.pods.find('default', 'web');
    if ('refusal' in found) throw new Error(found.refusal);
    expect(found).toMatchObject({ running: true, netnsPath: expect.stringContaining(uid) });
    const { execInContainer } = await import('../../src/linux/oci/exec.io.ts');
    const id = found.containerId ?? '';
    await execInContainer({ runcRoot: found.runcRoot, containerId: id, argv: ['busybox', 'rm', '/w/ok'] }).exitCode;
    await lab.until('web', isReady(false));
    await expect
      .poll(() => reasons('web'))
      .toContainEqual('Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404');
  });

  it('liveness restarts, startup holds the others back', async () => {
    await lab.pod('live', {
      containers: [
        {
          ...main(STAY),
          livenessProbe: { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 },
          readinessProbe: { tcpSocket: { port: 1 }, periodSeconds: 1 },
          startupProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
        },
      ],
    });
    const pod = await lab.until('live', (p) => (p.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 1);
    expect(pod.status?.containerStatuses?.[0]?.ready).toBe(false);
    await expect
      .poll(() => reasons('live'))
      .toContainEqual('Killing: Container main failed liveness probe, will be restarted');
  });
});

describe('the end of a pod', () => {
  it('preStop first, SIGTERM, then SIGKILL after the grace; postStart before Running', async () => {
    await lab.pod('hooks', {
      terminationGracePeriodSeconds: 2,
      volumes: [{ name: 'h', emptyDir: {} }],
      containers: [
        {
          ...main('echo start; trap "echo term" TERM; while :; do busybox sleep 0.05; done'),
          lifecycle: {
            postStart: { exec: { command: busybox('echo post > /proc/1/fd/1') } },
            preStop: { exec: { command: busybox('echo pre > /proc/1/fd/1') } },
          },
        },
      ],
    });
    await lab.until('hooks', (p) => p.status?.phase === 'Running');
    const found = lab.kubelet.pods.find('default', 'hooks');
    if ('refusal' in found) throw new Error(found.refusal);
    const { readFileSync } = await import('node:fs');
    let log = '';
    const follow = setInterval(() => {
      try {
        log = readFileSync(found.logPath, 'utf8');
      } catch {
        // the pod is gone
      }
    }, 20);
    await lab.client.delete('Pod', { namespace: 'default', name: 'hooks' });
    const last = lab.get('hooks');
    await lab.gone('hooks');
    clearInterval(follow);
    const words = log
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' ').slice(3).join(' '));
    expect(words.toSorted()).toEqual(['post', 'pre', 'start', 'term']);
    expect(words.indexOf('pre')).toBeLessThan(words.indexOf('term'));
    expect(last?.metadata.deletionTimestamp).toBeDefined();
  });

  it('a pod that cannot run says why', async () => {
    await lab.pod('nocm', { containers: [{ ...main(STAY), envFrom: [{ configMapRef: { name: 'cfg' } }] }] });
    await lab.pod('noimage', { containers: [{ name: 'main', image: 'not/here:1' }] });
    await lab.pod('never', { containers: [{ name: 'main', image: 'not/here:1', imagePullPolicy: 'Never' }] });
    await lab.pod('late', { activeDeadlineSeconds: 1, containers: [main(STAY)] });
    const waits =
      (reason: string) => (p: { status?: { containerStatuses?: { state?: { waiting?: { reason?: string } } }[] } }) =>
        p.status?.containerStatuses?.[0]?.state?.waiting?.reason === reason;
    const nocm = await lab.until('nocm', waits('CreateContainerConfigError'));
    expect(nocm.status?.containerStatuses?.[0]?.state?.waiting?.message).toBe('configmap "cfg" not found');
    await lab.until('never', waits('ErrImageNeverPull'));
    await lab.until('noimage', waits('ErrImagePull'));
    const noimage = await lab.until('noimage', waits('ImagePullBackOff'));
    expect(noimage.status?.containerStatuses?.[0]?.state?.waiting?.message).toContain('podlan load FILE');
    const late = await lab.until('late', (p) => p.status?.phase === 'Failed');
    expect(late.status?.reason).toBe('DeadlineExceeded');
    // It goes on as soon as what was missing is there.
    await lab.create('ConfigMap', { metadata: { name: 'cfg' }, data: { A: 'b' } });
    await lab.until('nocm', (p) => p.status?.phase === 'Running');
  });

  it('a deletion in the middle of a start ends it', async () => {
    await Promise.all(
      ['x', 'y', 'z'].map((name) => lab.pod(name, { containers: [main(STAY), { ...main(STAY), name: 'b' }] })),
    );
    await lab.client.delete('Pod', { namespace: 'default', name: 'x' }, { gracePeriodSeconds: 0 });
    await lab.client.delete('Pod', { namespace: 'default', name: 'y' });
    await Promise.all([lab.gone('x'), lab.gone('y')]);
    await lab.until('z', (p) => p.status?.containerStatuses?.every((c) => c.ready));
  });
});

describe('a restart of the kubelet', () => {
  it('goes on with what runs, and sees what has ended meanwhile', async () => {
    await lab.pod('on', { containers: [main(STAY)] });
    await lab.pod('off', { restartPolicy: 'Never', containers: [main('busybox sleep 0.3; exit 5')] });
    const before = await lab.until('on', (p) => p.status?.phase === 'Running');
    await lab.until('off', (p) => p.status?.phase === 'Running');
    await lab.kubelet.stop(false);
    const cgroup = `/podlan/${lab.settings.name}/node-1/pod${lab.get('off')?.metadata.uid}`;
    await expect.poll(() => cgroupPids(cgroup), { timeout: 5000 }).toEqual([]);
    await lab.restart();
    const off = await lab.until('off', (p) => p.status?.phase === 'Failed');
    expect(off.status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(5);
    expect(lab.get('on')?.status?.containerStatuses?.[0]).toMatchObject({
      containerID: before.status?.containerStatuses?.[0]?.containerID,
      restartCount: 0,
    });
    await lab.client.delete('Pod', { namespace: 'default', name: 'on' });
    await lab.gone('on');
  });

  it('after everything was killed starts over, and counts on', async () => {
    await lab.pod('again', { containers: [main(STAY)] });
    const before = await lab.until('again', (p) => p.status?.phase === 'Running');
    await lab.kubelet.stop(false);
    await lab.cutPower();
    await lab.restart();
    const after = await lab.until(
      'again',
      (p) => p.status?.containerStatuses?.[0]?.restartCount === 1 && p.status.containerStatuses[0].ready,
    );
    expect(after.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      reason: 'Unknown',
      exitCode: 255,
    });
    expect(after.status?.podIP).not.toBe(before.status?.podIP);
  });

  it('in order: pods end and say so, the node is not ready', async () => {
    await lab.pod('down', { containers: [main(STAY)] });
    await lab.until('down', (p) => p.status?.phase === 'Running');
    const ready = () => lab.cache.get('Node', undefined, 'node-1')?.status?.conditions?.find((c) => c.type === 'Ready');
    await expect.poll(() => ready()?.status).toBe('True');
    await lab.kubelet.stop(true);
    expect(lab.get('down')?.status).toMatchObject({ phase: 'Failed', reason: 'Terminated' });
    expect(ready()).toMatchObject({ status: 'False', message: 'node is shutting down' });
    await lab.restart();
    await expect.poll(() => ready()?.status).toBe('True');
  });
});

describe('the node', () => {
  it('registers, renews its lease, and keeps what others have added', async () => {
    const node = lab.cache.get('Node', undefined, 'node-1');
    expect(node?.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': 'node-1', 'kubernetes.io/os': 'linux' });
    expect(node?.status).toMatchObject({
      daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
      nodeInfo: { kubeletVersion: 'v1.35.0+podlan', containerRuntimeVersion: expect.stringMatching(/^runc:\/\/\d/) },
      addresses: expect.arrayContaining([{ type: 'InternalIP', address: lab.settings.nodes[0]?.ip }]),
    });
    const lease = () => lab.client.get('Lease', { namespace: 'kube-node-lease', name: 'node-1' });
    const first = (await lease())?.spec.renewTime;
    await expect.poll(async () => (await lease())?.spec.renewTime, { timeout: 3000 }).not.toBe(first);
    const extra = { capacity: { 'example.com/thing': '2' } };
    await lab.client.patch('Node', { name: 'node-1' }, 'merge', { status: extra }, 'status');
    await lab.client.delete('Node', { name: 'node-1' });
    // Deleted, it registers again.
    await expect.poll(() => lab.cache.get('Node', undefined, 'node-1')?.metadata.uid).not.toBe(node?.metadata.uid);
  });
});

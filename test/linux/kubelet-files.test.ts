// What a container finds around it on a real node: volumes, variables, names, users, limits.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/types.ts';
import { busybox, openLab, STAY } from './kubelet-lab.ts';
import type { Lab } from './kubelet-lab.ts';

let lab: Lab;
let scratch: string;
beforeAll(async () => {
  lab = await openLab('files');
  scratch = mkdtempSync(join(tmpdir(), 'podlan-files-scratch-'));
  await lab.create('ConfigMap', {
    metadata: { name: 'cfg' },
    data: { a: 'one', b: 'two', 'not-a.name': 'x' },
    binaryData: { bin: btoa('\u0000\u0001') },
  });
  await lab.create('Secret', { metadata: { name: 'sec' }, data: { key: btoa('hush') } });
  await lab.create('Service', {
    metadata: { name: 'my-web' },
    spec: { clusterIP: '10.251.0.77', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  });
});
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await lab.close();
});
afterEach(async () => {
  for (const { metadata } of lab.cache.list('Pod')) {
    await lab.client.delete('Pod', { namespace: 'default', name: metadata.name }, { gracePeriodSeconds: 1 });
    await lab.gone(metadata.name);
  }
  await expect.poll(() => lab.residue(), { timeout: 5000 }).toEqual([]);
  expect(lab.errors.splice(0)).toEqual([]);
});

type Container = Pod['spec']['containers'][number];

/** Runs a script to its end and gives back what it said. */
async function said(script: string, container: Partial<Container> = {}, spec: Partial<Pod['spec']> = {}, meta = {}) {
  const name = `p${Math.floor(performance.now())}`;
  const containers = [{ name: 'main', command: busybox(script), ...container }];
  await lab.pod(name, { restartPolicy: 'Never', ...spec, containers }, meta);
  const pod = await lab.until(name, (p) => p.status?.phase === 'Succeeded' || p.status?.phase === 'Failed');
  const ended = pod.status?.containerStatuses?.[0]?.state?.terminated;
  if (ended?.reason === 'StartError') throw new Error(ended.message);
  return { text: lab.log(name), pod, lines: lab.log(name).split('\n').filter(Boolean) };
}

describe('volumes', () => {
  it('emptyDir, on disk and in memory, is for everyone; hostPath and subPath bind what they name', async () => {
    writeFileSync(join(scratch, 'file'), 'from the host\n');
    const { lines } = await said(
      `cat /host/file; stat -c %a /disk /mem; grep ' /mem ' /proc/mounts | cut -d' ' -f1; echo x > /disk/sub/y; ls /sub; df /mem | tail -1 | awk '{print $2}'`,
      {
        volumeMounts: [
          { name: 'host', mountPath: '/host', readOnly: true },
          { name: 'disk', mountPath: '/disk' },
          { name: 'disk', mountPath: '/sub', subPath: 'sub' },
          { name: 'mem', mountPath: '/mem' },
        ],
        securityContext: { runAsUser: 0 },
      },
      {
        volumes: [
          { name: 'host', hostPath: { path: scratch, type: 'Directory' } },
          { name: 'disk', emptyDir: {} },
          { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        ],
      },
    );
    expect(lines).toEqual(['from the host', '777', '777', 'tmpfs', 'y', '1024']);
  });

  it('configMap, secret, downwardAPI and projected are files, with items, modes and the group', async () => {
    const { lines } = await said(
      `cd /v; ls cfg; cat cfg/a; stat -c %a:%g -L cfg/a sec/key; cat sec/key; echo; cat down/labels; echo; cat all/x/b all/name; echo; touch cfg/z 2>&1 || echo read-only`,
      {
        volumeMounts: [
          { name: 'cfg', mountPath: '/v/cfg' },
          { name: 'sec', mountPath: '/v/sec' },
          { name: 'down', mountPath: '/v/down' },
          { name: 'all', mountPath: '/v/all' },
        ],
      },
      {
        securityContext: { fsGroup: 4711 },
        volumes: [
          { name: 'cfg', configMap: { name: 'cfg' } },
          { name: 'sec', secret: { secretName: 'sec', defaultMode: 0o400 } },
          { name: 'down', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
          {
            name: 'all',
            projected: {
              sources: [
                { configMap: { name: 'cfg', items: [{ key: 'b', path: 'x/b' }] } },
                { secret: { name: 'absent', optional: true } },
                { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
              ],
            },
          },
        ],
      },
      { labels: { app: 'web', tier: 'x' } },
    );
    expect(lines.slice(0, -1).join('\n')).toBe(
      [
        'a',
        'b',
        'bin',
        'not-a.name',
        'one644:4711',
        '440:4711',
        'hush',
        'app="web"',
        'tier="x"',
        'twodefault',
        'touch: cfg/z: Read-only file system',
      ].join('\n'),
    );
    expect(lines.at(-1)).toBe('read-only');
  });

  it('follow a change of their object, as a whole', async () => {
    await lab.create('ConfigMap', { metadata: { name: 'live' }, data: { k: 'old', gone: '1' } });
    await lab.pod('live', {
      volumes: [{ name: 'c', configMap: { name: 'live' } }],
      containers: [
        {
          name: 'main',
          command: busybox(
            'while busybox grep -q old /c/k; do busybox sleep 0.02; done; busybox cat /c/k; busybox ls /c',
          ),
          volumeMounts: [{ name: 'c', mountPath: '/c' }],
        },
      ],
      restartPolicy: 'Never',
    });
    await lab.until('live', (p) => p.status?.phase === 'Running');
    await lab.client.patch('ConfigMap', { namespace: 'default', name: 'live' }, 'merge', {
      data: { k: 'new', gone: null },
    });
    await lab.until('live', (p) => p.status?.phase === 'Succeeded');
    expect(lab.log('live')).toBe('newk\n');
  });

  it('what is not there is an event, and the pod waits for it', async () => {
    await lab.pod('waits', {
      volumes: [{ name: 's', secret: { secretName: 'later' } }],
      containers: [{ name: 'main', command: busybox(STAY), volumeMounts: [{ name: 's', mountPath: '/s' }] }],
    });
    await expect
      .poll(async () => (await lab.events('waits')).map((e) => `${e.reason}: ${e.message}`))
      .toContainEqual('FailedMount: MountVolume.SetUp failed for volume "s" : secret "later" not found');
    await lab.create('Secret', { metadata: { name: 'later' }, data: {} });
    await lab.until('waits', (p) => p.status?.phase === 'Running');
  });
});

describe('variables', () => {
  it('come from the pod, its objects, its services and each other', async () => {
    const { lines, pod } = await said('busybox env | busybox sort', {
      args: undefined,
      resources: { limits: { cpu: '1500m', memory: '64Mi' } },
      envFrom: [{ configMapRef: { name: 'cfg' }, prefix: 'C_' }, { secretRef: { name: 'absent', optional: true } }],
      env: [
        { name: 'PLAIN', value: 'p' },
        { name: 'BOTH', value: '$(PLAIN)-$(MY_WEB_SERVICE_PORT)-$$(PLAIN)-$(NOT_THERE)' },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
        { name: 'KEY', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'b' } } },
        { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'sec', key: 'key' } } },
      ],
    });
    expect(lines).toEqual(
      expect.arrayContaining([
        'BOTH=p-80-$(PLAIN)-$(NOT_THERE)',
        'CPU=2',
        'C_a=one',
        `HOSTNAME=${pod.metadata.name}`,
        `IP=${pod.status?.podIP}`,
        'KEY=two',
        'MEM=64',
        'MY_WEB_PORT_80_TCP_ADDR=10.251.0.77',
        'MY_WEB_SERVICE_HOST=10.251.0.77',
        'MY_WEB_SERVICE_PORT_HTTP=80',
        'NODE=node-1',
        'SECRET=hush',
      ]),
    );
    const bare = await said('busybox env', {}, { enableServiceLinks: false });
    expect(bare.text).not.toContain('MY_WEB');
  });
});

describe('names', () => {
  it('hosts, hostname and resolv.conf are the cluster’s', async () => {
    const { text, pod } = await said(
      'cat /etc/hosts; echo ---; cat /etc/hostname /etc/resolv.conf; busybox hostname',
      {},
      {
        hostname: 'me',
        subdomain: 'sub',
        hostAliases: [{ ip: '1.2.3.4', hostnames: ['a.example', 'b.example'] }],
        dnsConfig: { options: [{ name: 'ndots', value: '2' }] },
      },
    );
    expect(text).toContain('# Kubernetes-managed hosts file.');
    expect(text).toContain(`${pod.status?.podIP}\tme.sub.default.svc.cluster.local\tme\n`);
    expect(text).toContain('1.2.3.4\ta.example\tb.example');
    expect(text).toMatch(
      /---\nme\nsearch default\.svc\.cluster\.local svc\.cluster\.local cluster\.local.*\nnameserver 10\.251\.0\.10\noptions ndots:2\nme\n$/,
    );
  });

  it('with hostNetwork the node’s', async () => {
    const { text, pod } = await said('busybox ip -o addr; cat /etc/resolv.conf', {}, { hostNetwork: true });
    expect(pod.status?.podIP).toBe(lab.settings.nodes[0]?.ip);
    expect(text).toContain(lab.settings.nodes[0]?.ip);
    expect(text).not.toContain('10.251.0.10');
  });
});

describe('confinement', () => {
  it('users, groups and capabilities', async () => {
    const show =
      'busybox id -u; busybox id -g; busybox id -G; grep CapBnd /proc/self/status; grep NoNewPrivs /proc/self/status';
    const { lines } = await said(
      show,
      {
        securityContext: {
          capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
          allowPrivilegeEscalation: false,
        },
      },
      { securityContext: { runAsUser: 1234, runAsGroup: 99, supplementalGroups: [7] } },
    );
    expect(lines).toEqual(['1234', '99', '99 7', 'CapBnd:\t0000000000000400', 'NoNewPrivs:\t1']);
    await lab.pod('root', {
      containers: [{ name: 'main', command: busybox(STAY) }],
      securityContext: { runAsNonRoot: true },
    });
    const refused = await lab.until(
      'root',
      (p) => p.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    );
    expect(refused.status?.containerStatuses?.[0]?.state?.waiting?.message).toContain('image will run as root');
  });

  it('a read-only root, its own processes only, none of podlan’s files', async () => {
    const { lines } = await said(
      `touch /x 2>&1; ls ${lab.settings.stateDir} | wc -l; busybox ps | busybox grep -c -v PID; cat /proc/self/oom_score_adj; touch /dev/shm/x && echo shm`,
      { securityContext: { readOnlyRootFilesystem: true } },
    );
    expect(lines[0]).toContain('Read-only file system');
    expect(lines[1]).toBe('0');
    expect(Number(lines[2])).toBeLessThan(5);
    expect(lines.slice(3)).toEqual(['1000', 'shm']);
  });

  it('privileged may what the machine may; a limit is in the cgroup; what is written stays in the container', async () => {
    const { lines } = await said(
      `grep CapEff /proc/self/status; test -w /proc/sys/kernel/hostname && echo rw; ls /dev | grep -c loop; echo x > /etc/podlan-test; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null`,
      { securityContext: { privileged: true }, resources: { limits: { memory: '128Mi' } } },
    );
    expect(lines[0]).toMatch(/CapEff:\t0*1f/);
    expect(lines[1]).toBe('rw');
    expect(lines.at(-1)).toBe(String(128 << 20));
    expect(() => execFileSync('ls', ['/etc/podlan-test'], { stdio: 'ignore' })).toThrow();
  });

  it('with hostPID it sees the machine’s processes, and its own end with it', async () => {
    const { lines } = await said('busybox sleep 1000 & ls -d /proc/[0-9]* | wc -l', {}, { hostPID: true });
    expect(Number(lines[0])).toBeGreaterThan(5);
  });

  it('RuntimeDefault refuses what engines refuse', async () => {
    const profile = { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } };
    const { text } = await said('busybox unshare -m busybox true 2>&1; echo done', profile);
    expect(text).toContain('Operation not permitted');
    expect(text).toContain('done');
  });
});

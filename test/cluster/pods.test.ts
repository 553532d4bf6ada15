// Pods as a network sees them: one namespace for the containers of a pod, its own IP, and every pod reaches every pod.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, eventually, startCluster } from './cluster.ts';

let cluster: Cluster;
const pod = (name: string, containers: string, more = ''): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 0
  ${more}
  containers:
${containers}
---`;
const serve = (name: string, port: number): string =>
  `    - {name: ${name}, image: host, command: [sh, -c, "mkdir -p /w && echo ${name} > /w/index.html && exec busybox httpd -f -p ${port} -h /w"]}`;
const sleeper = (name: string): string => `    - {name: ${name}, image: host, command: [sleep, infinity]}`;
const ready = (...names: string[]): string =>
  cluster.kubectl('wait', '--for=condition=Ready', '--timeout=30s', ...names.map((n) => `pod/${n}`));
const ipOf = (name: string): string => cluster.kubectl('get', 'pod', name, '-o', 'jsonpath={.status.podIP}');

beforeAll(() => {
  cluster = startCluster('pod');
});
afterAll(() => cluster.down());

describe('the containers of one pod', () => {
  it('share one network namespace: localhost works from one to the other', () => {
    cluster.apply(pod('shared', `${serve('first', 8080)}\n${sleeper('second')}`));
    ready('shared');
    expect(cluster.inPod('shared', 'busybox wget -qO- http://127.0.0.1:8080', { container: 'second' })).toBe('first');
    const addresses = ['first', 'second'].map((container) =>
      cluster.inPod('shared', 'ip -o -4 addr show eth0', { container }),
    );
    expect(addresses[0]).toBe(addresses[1]);
    expect(addresses[0]).toContain(ipOf('shared'));
  });

  it('the second one that binds the same port fails, and the pod says so', async () => {
    cluster.apply(pod('collide', `${serve('first', 8080)}\n${serve('second', 8080)}`));
    await eventually(() => {
      const states = cluster.get('pod', 'collide').status.containerStatuses as {
        restartCount: number;
        ready: boolean;
      }[];
      expect(states.some((s) => s.restartCount > 0)).toBe(true);
    });
    const logs = ['first', 'second'].map(
      (c) =>
        cluster.tryKubectl(['logs', 'collide', '-c', c]).out +
        cluster.tryKubectl(['logs', 'collide', '-c', c, '-p']).out,
    );
    expect(logs.join('')).toMatch(/Address already in use/);
    cluster.kubectl('delete', 'pod', 'collide');
  });

  it('have a file system, processes and a host name of their own', () => {
    cluster.apply(pod('alone', sleeper('one')));
    ready('alone');
    cluster.inPod('alone', 'echo mine > /root/only-here');
    expect(cluster.tryInPod('shared', 'cat /root/only-here', { container: 'second' }).code).not.toBe(0);
    expect(cluster.inPod('alone', 'hostname')).toBe('alone');
    expect(cluster.inPod('alone', 'cat /proc/1/cmdline | tr "\\0" " "')).toContain('sleep infinity');
    // What podlan keeps of the cluster, its keys first of all, is not in the view of the machine.
    expect(cluster.tryInPod('alone', `ls ${cluster.stateDir}/pki`).code).not.toBe(0);
  });
});

describe('addresses', () => {
  it('a killed container is restarted and the pod keeps its IP', async () => {
    const ip = ipOf('alone');
    // A container's first process ignores signals from inside that it does not handle: the end comes from outside.
    const id = cluster
      .kubectl('get', 'pod', 'alone', '-o', 'jsonpath={.status.containerStatuses[0].containerID}')
      .replace('runc://', '');
    process.kill(firstProcess(id), 'SIGKILL');
    await eventually(() =>
      expect(cluster.kubectl('get', 'pod', 'alone', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}')).toBe(
        '1',
      ),
    );
    ready('alone');
    expect(ipOf('alone')).toBe(ip);
    expect(cluster.inPod('alone', 'ip -o -4 addr show eth0')).toContain(ip);
  });

  it('a new pod gets a new IP', () => {
    const ip = ipOf('alone');
    cluster.kubectl('delete', 'pod', 'alone');
    cluster.apply(pod('alone', sleeper('one')));
    ready('alone');
    expect(ipOf('alone')).not.toBe(ip);
  });

  it('every pod reaches every pod on every node, with its own source address', () => {
    const names = ['node-1', 'node-2', 'node-3'].flatMap((node) =>
      ['a', 'b'].map((x) => ({ name: `${x}-${node}`, node })),
    );
    cluster.apply(names.map(({ name, node }) => pod(name, whoAsks, `nodeName: ${node}`)).join('\n'));
    ready(...names.map((n) => n.name));
    const ips = new Map(names.map(({ name }) => [name, ipOf(name)]));
    for (const from of names) {
      const asks = names
        .map((to) => `timeout 3 busybox wget -qO- http://${ips.get(to.name)}:7000/cgi-bin/who`)
        .join('; ');
      // The server listens on both families and writes an IPv4 address as IPv6 does: [::ffff:a.b.c.d].
      const seen = cluster
        .inPod(from.name, asks)
        .split('\n')
        .map((line) => line.replace(/^\[::ffff:(.*)\]$/, '$1'));
      expect(seen, `source addresses of ${from.name}`).toEqual(names.map(() => ips.get(from.name)));
    }
  });
});

// busybox httpd tells a CGI script the client's address.
const whoAsks = `    - name: who
      image: host
      command:
        - sh
        - -c
        - |
          mkdir -p /w/cgi-bin
          printf '#!/bin/sh\\nprintf "Content-Type: text/plain\\\\n\\\\n%%s\\\\n" "$REMOTE_ADDR"\\n' > /w/cgi-bin/who
          chmod +x /w/cgi-bin/who
          exec busybox httpd -f -p 7000 -h /w`;

/** PID of a container's first process: the lowest in the cgroup that carries the container's id. */
function firstProcess(id: string): number {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && cgroupsOf(entry).includes(id));
  if (pids.length === 0) throw new Error(`no process of container ${id}`);
  return Math.min(...pids.map(Number));
}

function cgroupsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return '';
  }
}

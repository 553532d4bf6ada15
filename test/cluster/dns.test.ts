// Names, asked as programs in pods ask them: through the pod's own resolv.conf, in real packets.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, eventually, root, startCluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(() => {
  cluster = startCluster('dns', ['--nodes', '2', '-f', join(root, 'examples/web.yaml')]);
});
afterAll(() => cluster.down());

const inClient = (command: string): string => cluster.inPod('client', command, { namespace: 'my-app' });
const tryInClient = (command: string): { code: number; out: string } =>
  cluster.tryInPod('client', command, { namespace: 'my-app' });
const clusterIp = (service: string): string =>
  cluster.kubectl('get', 'service', service, '-n', 'my-app', '-o', 'jsonpath={.spec.clusterIP}');
const podIps = (selector: string): string[] =>
  cluster
    .kubectl('get', 'pods', '-n', 'my-app', '-l', selector, '-o', 'jsonpath={.items[*].status.podIP}')
    .split(' ')
    .sort();
/** Addresses that glibc's resolver gives for a name, by the search path. */
const addresses = (name: string): string[] =>
  [...new Set(inClient(`getent ahostsv4 ${name} | cut -d' ' -f1`).split('\n'))].sort();

describe('names of the cluster', () => {
  it.each(['web', 'web.my-app', 'web.my-app.svc', 'web.my-app.svc.cluster.local', 'WEB.My-App.svc.cluster.local'])(
    '%s is the ClusterIP',
    (name) => {
      expect(addresses(name)).toEqual([clusterIp('web')]);
    },
  );

  it('a headless Service is the IPs of its ready pods', () => {
    expect(addresses('db')).toEqual(podIps('app=db'));
    expect(podIps('app=db')).toHaveLength(2);
  });

  it('db-0.db.my-app.svc.cluster.local is the IP of that pod', () => {
    for (const pod of ['db-0', 'db-1']) {
      const ip = cluster.kubectl('get', 'pod', pod, '-n', 'my-app', '-o', 'jsonpath={.status.podIP}');
      expect(addresses(`${pod}.db.my-app.svc.cluster.local`)).toEqual([ip]);
      expect(addresses(`${pod}.db`)).toEqual([ip]);
    }
  });

  it('ExternalName is a CNAME', () => {
    const answer = tryInClient('busybox nslookup -type=cname external.my-app.svc.cluster.local').out;
    expect(answer).toMatch(/external\.my-app\.svc\.cluster\.local\s+canonical name = example\.com/);
  });

  it('addresses lead back to names', () => {
    const reverse = (ip: string): string => tryInClient(`busybox nslookup ${ip}`).out;
    expect(reverse(clusterIp('web'))).toContain('web.my-app.svc.cluster.local');
    const ip = cluster.kubectl('get', 'pod', 'db-0', '-n', 'my-app', '-o', 'jsonpath={.status.podIP}');
    expect(reverse(ip)).toContain('db-0.db.my-app.svc.cluster.local');
  });

  it('a name that is not there is NXDOMAIN at once, and appears the moment it exists', async () => {
    const ask = (): string => tryInClient('busybox nslookup late.my-app.svc.cluster.local').out;
    expect(ask()).toContain('NXDOMAIN');
    cluster.apply(
      '{apiVersion: v1, kind: Service, metadata: {name: late, namespace: my-app}, spec: {ports: [{port: 80}]}}',
    );
    await eventually(() => expect(addresses('late')).toEqual([clusterIp('late')]), 2_000, 20);
  });
});

describe("the pods' resolver", () => {
  it('asks the cluster DNS, along the search path of the namespace', () => {
    const dns = cluster.kubectl('get', 'service', 'kube-dns', '-n', 'kube-system', '-o', 'jsonpath={.spec.clusterIP}');
    expect(inClient('cat /etc/resolv.conf')).toBe(
      `search my-app.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${dns}\noptions ndots:5`,
    );
  });

  // What the machine's own resolver says about an outside name is what a pod hears: an address, or the same kind of no.
  it('other names are forwarded to the resolver of this machine', () => {
    const outside = tryInClient('busybox nslookup -type=a outside.example.').out;
    expect(outside).toMatch(/NXDOMAIN|SERVFAIL|REFUSED|Address/);
    expect(outside).not.toMatch(/timed out|no servers/);
  });
});

// Services as packets: compiled rules in real namespaces, real connections through them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointSlice, Service } from '../../src/api/types.ts';
import { createWorld, dnsIp, meta, nodeIps, outsideIp } from './packets.ts';
import type { TestPod, World } from './packets.ts';

const pod = (name: string, node: TestPod['node'], ip: string): TestPod => ({
  name,
  node,
  ip,
  namespace: 'shop',
  labels: {},
  ports: [],
});
const pods = [
  pod('web-1', 'node-a', '10.250.1.2'),
  pod('web-2', 'node-a', '10.250.1.3'),
  pod('web-3', 'node-b', '10.250.2.2'),
  pod('client-a', 'node-a', '10.250.1.9'),
  pod('client-b', 'node-b', '10.250.2.9'),
];

const clusterIp = '10.251.0.20';
const nodePort = 30080;

function service(name: string, spec: Service['spec']): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: meta(name, 'shop'), spec };
}

function slice(of: string, ports: EndpointSlice['ports'], ips: readonly string[]): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta(`${of}-${ips.join()}-${ports?.[0]?.port}`, 'shop', { 'kubernetes.io/service-name': of }),
    addressType: 'IPv4',
    ports: ports ?? [],
    endpoints: ips.map((ip) => ({
      addresses: [ip],
      nodeName: pods.find((p) => p.ip === ip)?.node ?? 'elsewhere',
      conditions: { ready: true },
    })),
  };
}

const webIps = ['10.250.1.2', '10.250.1.3', '10.250.2.2'];
const web = service('web', {
  type: 'NodePort',
  clusterIP: clusterIp,
  ports: [
    { name: 'http', port: 80, nodePort, protocol: 'TCP' },
    { name: 'udp', port: 80, protocol: 'UDP' },
  ],
});
const webSlice = slice(
  'web',
  [
    { name: 'http', port: 8080, protocol: 'TCP' },
    { name: 'udp', port: 8081, protocol: 'UDP' },
  ],
  webIps,
);

let world: World;
beforeAll(() => {
  world = createWorld(`podlan-px${process.pid}`, pods);
  for (const name of ['web-1', 'web-2', 'web-3']) {
    world.serveTcp(name, 8080);
    world.serveUdp(name, 8081);
  }
  world.serveUdp('node-a', 53, dnsIp);
}, 30_000);
afterAll(() => world?.close());

const many = async (n: number, ask: () => Promise<string>): Promise<Map<string, number>> => {
  const counts = new Map<string, number>();
  for (const answer of await Promise.all(Array.from({ length: n }, ask))) {
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  return counts;
};

describe('a Service with three endpoints on two nodes', () => {
  beforeAll(() => world.apply({ services: [web], slices: [webSlice] }));

  it('spreads connections of a pod over them, which see the pod itself', async () => {
    const counts = await many(90, () => world.tcp('client-a', clusterIp, 80));
    expect([...counts.keys()].sort()).toEqual(['web-1 10.250.1.9', 'web-2 10.250.1.9', 'web-3 10.250.1.9']);
    // Thirty each on average; fewer than eight has a chance of one in ten million.
    expect(Math.min(...counts.values())).toBeGreaterThan(7);
  });

  it('has UDP on the same port number, to a target port of its own', async () => {
    const counts = await many(30, () => world.udp('client-b', clusterIp, 80));
    expect([...counts.keys()].every((answer) => /^web-[123] 10\.250\.2\.9$/.test(answer))).toBe(true);
    expect(counts.size).toBeGreaterThan(1);
  });

  it('lets an endpoint reach itself by it', async () => {
    const counts = await many(40, () => world.tcp('web-1', clusterIp, 80));
    expect([...counts.keys()].sort()).toEqual([`web-1 ${nodeIps['node-a']}`, 'web-2 10.250.1.2', 'web-3 10.250.1.2']);
  });

  it('answers the node itself, and the host by way of a node', async () => {
    for (const place of ['node-a', 'node-b', 'outside']) {
      const counts = await many(30, () => world.tcp(place, clusterIp, 80));
      expect(
        [...counts.keys()].every((answer) => answer.startsWith('web-')),
        place,
      ).toBe(true);
      expect(counts.size, place).toBe(3);
    }
  });

  it('has a port on every node, for the host and for pods, by a local or a far endpoint', async () => {
    for (const ip of Object.values(nodeIps)) {
      for (const place of ['outside', 'client-a', 'client-b', 'node-a']) {
        const counts = await many(20, () => world.tcp(place, ip, nodePort));
        expect(
          [...counts.keys()].every((answer) => answer === `web-${answer[4]} ${ip}`),
          `${place} ${ip} ${[...counts.keys()].join()}`,
        ).toBe(true);
        expect(counts.size).toBeGreaterThan(1);
      }
    }
  });

  it('refuses a port that it has not, and an address that no Service has', async () => {
    for (const place of ['client-a', 'node-a', 'outside']) {
      expect(await world.tcp(place, clusterIp, 81), place).toBe('refused');
      expect(await world.tcp(place, '10.251.7.7', 80), place).toBe('refused');
      expect(await world.udp(place, '10.251.7.7', 80), place).toBe('refused');
    }
  });
});

describe('a Service without endpoints', () => {
  beforeAll(() => world.apply({ services: [web], slices: [] }));

  it('is refused at once, by TCP and UDP, from everywhere', async () => {
    for (const place of ['client-a', 'client-b', 'node-a', 'outside']) {
      expect(await world.tcp(place, clusterIp, 80), place).toBe('refused');
      expect(await world.udp(place, clusterIp, 80), place).toBe('refused');
      expect(await world.tcp(place, nodeIps['node-a'], nodePort), place).toBe('refused');
    }
  });
});

describe('endpoints', () => {
  it('of one Service may listen on different ports (a named target port)', async () => {
    world.serveTcp('web-2', 9090);
    world.apply({
      services: [web],
      slices: [
        slice('web', [{ name: 'http', port: 8080, protocol: 'TCP' }], ['10.250.1.2']),
        slice('web', [{ name: 'http', port: 9090, protocol: 'TCP' }], ['10.250.1.3']),
      ],
    });
    const counts = await many(30, () => world.tcp('client-a', clusterIp, 80));
    expect([...counts.keys()].sort()).toEqual(['web-1 10.250.1.9', 'web-2 10.250.1.9']);
  });

  it('that are removed get no datagram more, though the client keeps its port', async () => {
    const udp = [{ name: 'udp', port: 8081, protocol: 'UDP' }];
    world.apply({ services: [web], slices: [slice('web', udp, ['10.250.1.2'])] });
    const client = world.udpClient('client-a');
    expect(await client.ask(clusterIp, 80)).toBe('web-1 10.250.1.9');
    world.apply({ services: [web], slices: [slice('web', udp, ['10.250.2.2'])] });
    expect(await client.ask(clusterIp, 80)).toBe('web-3 10.250.1.9');
  });

  it('that are removed keep their TCP connections', async () => {
    const http = [{ name: 'http', port: 8080, protocol: 'TCP' }];
    world.apply({ services: [web], slices: [slice('web', http, ['10.250.1.2'])] });
    const connection = await world.hold('client-a', clusterIp, 80);
    world.apply({ services: [web], slices: [slice('web', http, ['10.250.2.2'])] });
    expect(await connection.say('still there?')).toBe('still there?');
  });
});

describe('traffic policy Local', () => {
  const local = service('local', {
    type: 'NodePort',
    clusterIP: clusterIp,
    externalTrafficPolicy: 'Local',
    internalTrafficPolicy: 'Local',
    ports: [{ port: 80, nodePort, protocol: 'TCP' }],
  });
  beforeAll(() =>
    world.apply({ services: [local], slices: [slice('local', [{ port: 8080, protocol: 'TCP' }], ['10.250.1.2'])] }),
  );

  it('of outside traffic keeps its source, and takes endpoints of the node alone', async () => {
    expect(await world.tcp('outside', nodeIps['node-a'], nodePort)).toBe(`web-1 ${outsideIp}`);
    expect(await world.tcp('outside', nodeIps['node-b'], nodePort)).toBe('timeout');
    // From inside the cluster any endpoint does.
    expect(await world.tcp('client-b', nodeIps['node-b'], nodePort)).toBe(`web-1 ${nodeIps['node-b']}`);
  });

  it('of inside traffic takes endpoints of the node alone', async () => {
    expect(await world.tcp('client-a', clusterIp, 80)).toBe('web-1 10.250.1.9');
    expect(await world.tcp('client-b', clusterIp, 80)).toBe('timeout');
  });
});

describe('loadBalancerSourceRanges', () => {
  it('keep others out', async () => {
    const balancerIp = '10.251.200.1';
    const balanced = (loadBalancerSourceRanges: string[]): Service => ({
      ...service('lb', {
        type: 'LoadBalancer',
        clusterIP: clusterIp,
        loadBalancerSourceRanges,
        ports: [{ port: 80, protocol: 'TCP' }],
      }),
      status: { loadBalancer: { ingress: [{ ip: balancerIp }] } },
    });
    const slices = [slice('lb', [{ port: 8080, protocol: 'TCP' }], ['10.250.1.2'])];
    world.apply({ services: [balanced(['172.31.9.0/24', '172.31.9.128/25'])], slices });
    expect(await world.tcp('outside', balancerIp, 80)).toMatch(/^web-1/);
    world.apply({ services: [balanced(['192.0.2.0/24'])], slices });
    expect(await world.tcp('outside', balancerIp, 80)).toBe('timeout');
    expect(await world.tcp('outside', clusterIp, 80)).toMatch(/^web-1/);
  });
});

describe('cluster DNS', () => {
  it('is asked without an entry in the table of connections', async () => {
    world.apply({ services: [web], slices: [webSlice] });
    expect(await world.udp('client-a', dnsIp, 53)).toBe('node-a 10.250.1.9');
    expect(world.flows('node-a').filter(({ original }) => original.dst === dnsIp)).toEqual([]);
  });
});

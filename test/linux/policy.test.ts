// NetworkPolicies as packets: compiled rules in real namespaces, real connections that pass or do not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointSlice, Namespace, NetworkPolicy, Service } from '../../src/api/types.ts';
import { createWorld, meta, nodeIps, outsideIp } from './packets.ts';
import type { Objects, TestPod, World } from './packets.ts';

const http = [{ name: 'http', containerPort: 8080, protocol: 'TCP' }];
const pod = (name: string, node: TestPod['node'], ip: string, namespace: string): TestPod => ({
  name,
  node,
  ip,
  namespace,
  labels: { app: name.replace(/-\d$/, '') },
  ports: http,
});
const pods = [
  pod('web', 'node-a', '10.250.1.2', 'shop'),
  pod('near', 'node-a', '10.250.1.3', 'shop'),
  pod('far', 'node-b', '10.250.2.2', 'shop'),
  pod('stranger', 'node-b', '10.250.2.3', 'other'),
];
const webIp = '10.250.1.2';
const clusterIp = '10.251.0.20';

const namespace = (name: string, team: string): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: meta(name, undefined, { team }),
});
const namespaces = [namespace('shop', 'a'), namespace('other', 'b')];
const policy = (name: string, spec: NetworkPolicy['spec']): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: meta(name, 'shop'),
  spec,
});
const onWeb = { podSelector: { matchLabels: { app: 'web' } } };
const denyIngress = policy('deny', { podSelector: {}, policyTypes: ['Ingress'] });

const web: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta('web', 'shop'),
  spec: { clusterIP: clusterIp, ports: [{ port: 80, protocol: 'TCP' }] },
};
const webSlice: EndpointSlice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: meta('web-1', 'shop', { 'kubernetes.io/service-name': 'web' }),
  addressType: 'IPv4',
  ports: [{ port: 8080, protocol: 'TCP' }],
  endpoints: [{ addresses: [webIp], nodeName: 'node-a', conditions: { ready: true } }],
};

let world: World;
const apply = (policies: NetworkPolicy[], unknown?: string[], more?: Objects): void =>
  world.apply({ namespaces, services: [web], slices: [webSlice], policies, ...more }, unknown);

/** Who reaches web:8080 by TCP. */
async function whoReaches(port = 8080, ip = webIp): Promise<string[]> {
  const places = ['near', 'far', 'stranger', 'outside', 'node-a'];
  const answers = await Promise.all(places.map((place) => world.tcp(place, ip, port)));
  return places.filter((_, i) => answers[i]?.startsWith('web '));
}

beforeAll(() => {
  world = createWorld(`podlan-pl${process.pid}`, pods);
  for (const { name } of pods) {
    world.serveTcp(name, 8080);
    world.serveTcp(name, 8081);
    world.serveUdp(name, 8080);
  }
}, 30_000);
afterAll(() => world?.close());

describe('without policies', () => {
  it('everybody reaches everybody', async () => {
    apply([]);
    expect(await whoReaches()).toEqual(['near', 'far', 'stranger', 'outside', 'node-a']);
  });

  it('a pod that the ruleset does not know yet sends and gets nothing', async () => {
    apply([], ['web']);
    // The node itself passes no forward hook: the kubelet may probe before policy is in force.
    expect(await whoReaches()).toEqual(['node-a']);
    expect(await world.tcp('web', '10.250.2.2', 8080)).toBe('timeout');
    apply([]);
    expect(await world.tcp('web', '10.250.2.2', 8080)).toBe(`far ${webIp}`);
  });
});

describe('ingress', () => {
  it('default deny lets in the node alone, and the pod itself by its Service', async () => {
    apply([denyIngress]);
    expect(await whoReaches()).toEqual(['node-a']);
    expect(await world.udp('near', webIp, 8080)).toBe('timeout');
    expect(await world.tcp('web', clusterIp, 80)).toBe(`web ${nodeIps['node-a']}`);
    // Another namespace is not isolated, and egress is not.
    expect(await world.tcp('web', '10.250.2.3', 8080)).toBe(`stranger ${webIp}`);
  });

  it('from a label lets in pods of the namespace that have it, by the Service too', async () => {
    const from = [{ podSelector: { matchLabels: { app: 'far' } } }];
    apply([denyIngress, policy('allow', { ...onWeb, ingress: [{ from }] })]);
    expect(await whoReaches()).toEqual(['far', 'node-a']);
    expect(await world.tcp('far', clusterIp, 80)).toBe('web 10.250.2.2');
    expect(await world.tcp('near', clusterIp, 80)).toBe('timeout');
  });

  it('from a namespace lets in its pods, with a podSelector those that both take', async () => {
    const other = { namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['b'] }] } };
    apply([policy('allow', { ...onWeb, ingress: [{ from: [other] }] })]);
    expect(await whoReaches()).toEqual(['stranger', 'node-a']);
    apply([
      policy('allow', { ...onWeb, ingress: [{ from: [{ ...other, podSelector: { matchLabels: { app: 'far' } } }] }] }),
    ]);
    expect(await whoReaches()).toEqual(['node-a']);
  });

  it('from a block lets in its addresses but those excepted', async () => {
    const block = (cidr: string, except: string[]) => [{ from: [{ ipBlock: { cidr, except } }] }];
    apply([policy('allow', { ...onWeb, ingress: block('172.31.9.0/24', []) })]);
    expect(await whoReaches()).toEqual(['outside', 'node-a']);
    apply([policy('allow', { ...onWeb, ingress: block('172.31.9.0/24', [`${outsideIp}/32`]) })]);
    expect(await whoReaches()).toEqual(['node-a']);
    apply([policy('allow', { ...onWeb, ingress: block('0.0.0.0/0', ['10.250.1.0/24']) })]);
    expect(await whoReaches()).toEqual(['far', 'stranger', 'outside', 'node-a']);
  });

  it('on ports lets in those: by number, range, name and protocol', async () => {
    const ports = (...list: NonNullable<NonNullable<NetworkPolicy['spec']['ingress']>[number]['ports']>) =>
      apply([policy('allow', { ...onWeb, ingress: [{ ports: list }] })]);
    ports({ port: 8081, protocol: 'TCP' });
    expect([await world.tcp('far', webIp, 8080), await world.tcp('far', webIp, 8081)]).toEqual([
      'timeout',
      'web 10.250.2.2',
    ]);
    ports({ port: 8000, endPort: 8080, protocol: 'TCP' });
    expect([await world.tcp('far', webIp, 8080), await world.tcp('far', webIp, 8081)]).toEqual([
      'web 10.250.2.2',
      'timeout',
    ]);
    ports({ port: 'http', protocol: 'TCP' });
    expect([await world.tcp('far', webIp, 8080), await world.tcp('far', webIp, 8081)]).toEqual([
      'web 10.250.2.2',
      'timeout',
    ]);
    ports({ protocol: 'UDP' });
    expect([await world.tcp('far', webIp, 8080), await world.udp('far', webIp, 8080)]).toEqual([
      'timeout',
      'web 10.250.2.2',
    ]);
  });
});

describe('egress', () => {
  it('lets out to what is allowed alone, after the Service has been translated', async () => {
    const to = [{ podSelector: { matchLabels: { app: 'web' } } }];
    apply([
      policy('out', { podSelector: { matchLabels: { app: 'near' } }, policyTypes: ['Egress'], egress: [{ to }] }),
    ]);
    expect(await world.tcp('near', webIp, 8080)).toBe('web 10.250.1.3');
    expect(await world.tcp('near', clusterIp, 80)).toBe('web 10.250.1.3');
    expect(await world.tcp('near', '10.250.2.2', 8080)).toBe('timeout');
    // Its ingress is free, and its answers go out.
    expect(await world.tcp('far', '10.250.1.3', 8080)).toBe('near 10.250.2.2');
  });

  it('to a named port means what the pod that is reached calls so', async () => {
    const egress = [{ ports: [{ port: 'http', protocol: 'TCP' }] }];
    apply([policy('out', { podSelector: {}, policyTypes: ['Egress'], egress })]);
    expect(await world.tcp('near', '10.250.2.3', 8080)).toBe('stranger 10.250.1.3');
    expect(await world.tcp('near', '10.250.2.3', 8081)).toBe('timeout');
  });
});

describe('an established connection', () => {
  it('is cut when a policy forbids it, and stays when it does not', async () => {
    apply([]);
    const far = await world.hold('far', webIp, 8080);
    const near = await world.hold('near', webIp, 8080);
    expect(await Promise.all([far.say('one'), near.say('one')])).toEqual(['one', 'one']);
    apply([policy('allow', { ...onWeb, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'near' } } }] }] })]);
    expect(await near.say('two')).toBe('two');
    expect(await far.say('two')).toBe('reset');
  });

  it('by UDP is cut too', async () => {
    apply([]);
    const client = world.udpClient('far');
    expect(await client.ask(webIp, 8080)).toBe('web 10.250.2.2');
    apply([denyIngress]);
    expect(await client.ask(webIp, 8080)).toBe('timeout');
    apply([]);
    expect(await client.ask(webIp, 8080)).toBe('web 10.250.2.2');
  });
});

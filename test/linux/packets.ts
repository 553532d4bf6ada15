// A small world of namespaces for tests of the compiled ruleset: two nodes on a bridge with an outside host, pods behind
// /32 routes as podlan lays them, and clients and servers that live in any of them but in this one process.
//
//   outside 172.31.9.1 --- bridge --- node-a 172.31.9.11 --- pods 10.250.1.x        (node-b .12, 10.250.2.x)
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { EndpointSlice, Namespace, NetworkPolicy, Pod, Service } from '../../src/api/types.ts';
import { openConntrack } from '../../src/linux/conntrack/conntrack.io.ts';
import type { Conntrack, Flow } from '../../src/linux/conntrack/flow.ts';
import { runInNetns } from '../../src/linux/net/netns.io.ts';
import { diff } from '../../src/linux/nft/diff.ts';
import { openNft } from '../../src/linux/nft/nft.io.ts';
import type { Nft, Ruleset } from '../../src/linux/nft/nft.ts';
import { print } from '../../src/linux/nft/print.ts';
import { compileRuleset, staleFlows } from '../../src/network/ruleset.ts';
import type { RulesetInput } from '../../src/network/ruleset.ts';

export const outsideIp = '172.31.9.1';
export const nodeIps = { 'node-a': '172.31.9.11', 'node-b': '172.31.9.12' } as const;
export type NodeName = keyof typeof nodeIps;
const podCidrs = { 'node-a': '10.250.1.0/24', 'node-b': '10.250.2.0/24' } as const;
export const dnsIp = '10.251.0.10';

export interface TestPod {
  readonly name: string;
  readonly node: NodeName;
  readonly ip: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly { name: string; containerPort: number; protocol: string }[];
}

export interface Objects {
  services?: Service[];
  slices?: EndpointSlice[];
  policies?: NetworkPolicy[];
  namespaces?: Namespace[];
}

/** What a client met: an answer, or how it ended: 'refused', 'reset', 'timeout', else the error's code. */
export type Answer = string;

export interface World {
  readonly pods: readonly TestPod[];
  pod(name: string): TestPod;
  /** Puts rulesets for these objects in force on both nodes; `unknown` pods are left out of their nodes' input. */
  apply(objects: Objects, unknown?: readonly string[]): void;
  /** The connections of a node. */
  flows(node: NodeName): Flow[];
  /** `place` is a pod, a node or 'outside'. Every accepted connection is answered with `<place> <client's address>`. */
  serveTcp(place: string, port: number): void;
  /** `ip`: bound to it, where answers must come from it (several addresses in one place). */
  serveUdp(place: string, port: number, ip?: string): void;
  tcp(place: string, ip: string, port: number): Promise<Answer>;
  udp(place: string, ip: string, port: number): Promise<Answer>;
  /** A connection that stays: each call says a word and gives the echo. */
  hold(place: string, ip: string, port: number): Promise<{ say(word: string): Promise<Answer> }>;
  /** A UDP socket that stays, with one port. */
  udpClient(place: string): { ask(ip: string, port: number): Promise<Answer> };
  close(): void;
}

const timeoutMs = 400;

export function createWorld(id: string, pods: readonly TestPod[]): World {
  const netns = (place: string): string => `${id}-${place}`;
  const places = ['outside', 'node-a', 'node-b', ...pods.map(({ name }) => name)];
  const open: { close(): void }[] = [];
  const nodes = new Map<NodeName, { nft: Nft; conntrack: Conntrack; seen: Ruleset | undefined }>();
  const close = (): void => {
    for (const handle of open) handle.close();
    for (const place of places) {
      // A failed build leaves only some of them.
      try {
        execFileSync('ip', ['netns', 'del', netns(place)], { stdio: 'ignore' });
      } catch {}
    }
  };
  try {
    for (const place of places) execFileSync('ip', ['netns', 'add', netns(place)]);
    build(netns, pods);
    for (const node of Object.keys(nodeIps) as NodeName[]) {
      const nft = runInNetns(netns(node), openNft);
      const conntrack = runInNetns(netns(node), openConntrack);
      open.push(nft, conntrack);
      nodes.set(node, { nft, conntrack, seen: undefined });
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    pods,
    pod: (name) => pods.find((pod) => pod.name === name) as TestPod,
    apply(objects, unknown = []) {
      for (const [node, state] of nodes) {
        const input = inputOf(node, pods, objects, unknown);
        const wanted = compileRuleset(input);
        state.nft.run(print(diff(wanted, state.seen)));
        state.seen = wanted;
        state.conntrack.delete(staleFlows(input, wanted, state.conntrack.list()));
      }
    },
    flows: (node) => nodes.get(node)?.conntrack.list() ?? [],
    serveTcp: (place, port) => void open.push(serveTcp(netns(place), place, port)),
    serveUdp: (place, port, ip) => void open.push(serveUdp(netns(place), place, port, ip)),
    tcp: (place, ip, port) => askTcp(netns(place), ip, port),
    udp: (place, ip, port) => askUdp(netns(place), ip, port),
    async hold(place, ip, port) {
      const socket = await held(netns(place), ip, port);
      open.push({ close: () => socket.destroy() });
      return { say: (word) => say(socket, word) };
    },
    udpClient(place) {
      const socket = runInNetns(netns(place), () => udpSocket(0));
      open.push({ close: () => socket.close() });
      return { ask: (ip, port) => sendUdp(socket, ip, port) };
    },
    close,
  };
}

function build(netns: (place: string) => string, pods: readonly TestPod[]): void {
  const batch = (place: string, lines: readonly string[]): void => {
    execFileSync('ip', ['-n', netns(place), '-batch', '-'], { input: `${lines.join('\n')}\n` });
  };
  batch('outside', [
    'link set lo up',
    'link add br0 type bridge',
    `addr add ${outsideIp}/24 dev br0`,
    'link set br0 up',
  ]);
  for (const node of Object.keys(nodeIps) as NodeName[]) {
    batch('outside', [
      `link add ${node} type veth peer name eth0 netns ${netns(node)}`,
      `link set ${node} master br0 up`,
      `route add ${podCidrs[node]} via ${nodeIps[node]}`,
    ]);
    const others = (Object.keys(nodeIps) as NodeName[]).filter((other) => other !== node);
    batch(node, [
      'link set lo up',
      `addr add ${dnsIp}/32 dev lo`,
      `addr add ${nodeIps[node]}/24 dev eth0`,
      'link set eth0 up',
      `route add default via ${outsideIp}`,
      ...others.map((other) => `route add ${podCidrs[other]} via ${nodeIps[other]}`),
    ]);
    runInNetns(netns(node), nodeSysctls);
  }
  // As the host of a cluster has it: Service addresses by way of one node.
  batch('outside', [`route add 10.251.0.0/16 via ${nodeIps['node-a']}`]);
  for (const [i, { name, node, ip }] of pods.entries()) {
    const link = `veth${i.toString(16).padStart(8, '0')}`;
    batch(node, [
      `link add ${link} type veth peer name eth0 netns ${netns(name)}`,
      `addr add 169.254.1.1/32 dev ${link} scope link`,
      `link set ${link} up`,
      `route add ${ip}/32 dev ${link} src ${nodeIps[node]}`,
    ]);
    batch(name, [
      'link set lo up',
      `addr add ${ip}/32 dev eth0`,
      'link set eth0 up',
      'route add 169.254.1.1 dev eth0 scope link',
      'route add default via 169.254.1.1',
    ]);
  }
}

/** Redirects off: a node sends packets of a Service back out where they came in, and a redirect would go past the NAT. */
function nodeSysctls(): void {
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  for (const scope of ['all', 'default', 'eth0']) {
    writeFileSync(`/proc/sys/net/ipv4/conf/${scope}/send_redirects`, '0');
  }
}

function inputOf(node: NodeName, pods: readonly TestPod[], objects: Objects, unknown: readonly string[]): RulesetInput {
  return {
    node: { name: node, ips: [nodeIps[node]] },
    podNetwork: '10.250.0.0/16',
    serviceNetwork: '10.251.0.0/16',
    dnsIp,
    services: objects.services ?? [],
    slices: objects.slices ?? [],
    policies: objects.policies ?? [],
    namespaces: objects.namespaces ?? [],
    pods: pods.map(podObject),
    localPods: pods
      .filter((pod) => pod.node === node && !unknown.includes(pod.name))
      .map(({ name, namespace, labels, ip, ports }) => ({ uid: name, namespace, name, labels, ips: [ip], ports })),
  };
}

export const meta = (name: string, namespace?: string, labels: Readonly<Record<string, string>> = {}) => ({
  name,
  ...(namespace !== undefined && { namespace }),
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  labels: { ...labels },
});

const podObject = ({ name, namespace, labels, ip, node, ports }: TestPod): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: meta(name, namespace, labels),
  spec: { nodeName: node, containers: [{ name: 'main', ports: [...ports] }] },
  status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
});

/** node:dgram and node:net ask a lookup on a later tick, outside the namespace, unless it answers at once. */
const atOnce =
  (ip?: string) =>
  (host: string, _options: unknown, done: (error: null, address: string, family: number) => void): void =>
    done(null, ip ?? host, 4);

function serveTcp(netns: string, place: string, port: number): { close(): void } {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      const word = data.toString();
      if (word === 'who') socket.end(`${place} ${socket.remoteAddress?.replace('::ffff:', '')}`);
      else socket.write(word);
    });
  });
  runInNetns(netns, () => server.listen({ port }));
  return {
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const udpSocket = (port: number, ip?: string): UdpSocket => {
  const socket = createSocket({ type: 'udp4', lookup: atOnce() });
  socket.bind(port, ip);
  return socket;
};

function serveUdp(netns: string, place: string, port: number, ip?: string): { close(): void } {
  const socket = runInNetns(netns, () => udpSocket(port, ip));
  socket.on('message', (_, from) => socket.send(`${place} ${from.address}`, from.port, from.address));
  return { close: () => socket.close() };
}

const connectIn = (netns: string, ip: string, port: number): Socket =>
  runInNetns(netns, () => connect({ host: 'pod', port, family: 4, autoSelectFamily: false, lookup: atOnce(ip) }));

const ending = (error: NodeJS.ErrnoException): Answer =>
  error.code === 'ECONNREFUSED' ? 'refused' : error.code === 'ECONNRESET' ? 'reset' : `${error.code}`;

function askTcp(netns: string, ip: string, port: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connectIn(netns, ip, port);
    let answer = '';
    const timer = setTimeout(() => finish('timeout'), timeoutMs);
    const finish = (result: Answer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', () => socket.write('who'));
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('end', () => finish(answer));
    socket.on('error', (error) => finish(ending(error)));
  });
}

function held(netns: string, ip: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectIn(netns, ip, port);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
    // A reset between two words is found by the next.
    socket.on('error', () => {});
  });
}

function say(socket: Socket, word: string): Promise<Answer> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve('reset');
    const timer = setTimeout(() => resolve('timeout'), timeoutMs);
    const finish = (answer: Answer): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    socket.once('data', (data) => finish(data.toString()));
    socket.once('error', (error) => finish(ending(error)));
    socket.write(word);
  });
}

async function askUdp(netns: string, ip: string, port: number): Promise<Answer> {
  const socket = runInNetns(netns, () => {
    const made = createSocket({ type: 'udp4', lookup: atOnce() });
    // Connected, so that a port-unreachable comes back as an error.
    made.connect(port, ip);
    return made;
  });
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve('timeout'), timeoutMs);
      const finish = (answer: Answer): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      socket.on('message', (data) => finish(data.toString()));
      socket.on('error', (error) => finish(ending(error)));
      socket.on('connect', () => socket.send('who'));
    });
  } finally {
    socket.close();
  }
}

function sendUdp(socket: UdpSocket, ip: string, port: number): Promise<Answer> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      socket.removeAllListeners('message');
      resolve('timeout');
    }, timeoutMs);
    socket.once('message', (data) => {
      clearTimeout(timer);
      resolve(data.toString());
    });
    socket.send('who', port, ip);
  });
}

// A small world for the DNS server, in namespaces of its own: a host with an API server, a node behind it, and a resolver that only
// the host can reach.
//
//   netns <id>u 10.199.2.2 (resolver) --- 10.199.2.1 netns <id>h (this process; API server) 10.199.1.1 --- 10.199.1.2 netns <id>n
//                                                   no forwarding between the two                lo 10.96.0.10 (DNS worker)
import { execFile, execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import http2 from 'node:http2';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterSettings, NodeSettings } from '../../src/api/cluster.ts';
import { clusterSettings } from '../../src/api/testdata/cluster.ts';
import { resourcePath } from '../../src/api/kinds.ts';
import type { Kind, KubeObject } from '../../src/api/types.ts';
import { makePki } from '../../src/cmd/pki.io.ts';
import { readTls } from '../../src/cmd/tls.io.ts';
import { createNetns, deleteNetns, enterNetns, openNetns, runInNetns } from '../../src/linux/net/netns.io.ts';
import type { DnsRecord } from '../../src/network/dns/record.ts';
import { zoneKinds } from '../../src/network/dns/zone.ts';
import { type Answer, encodeAnswer, parseQuery, TCP_LIMIT, udpLimit } from '../../src/network/dns/wire.ts';

const run = promisify(execFile);
const id = `dnst${process.pid}`;
export const hostNs = `${id}h`;
export const nodeNs = `${id}n`;
const upstreamNs = `${id}u`;
export const dnsIp = '10.96.0.10';

export interface FakeApi {
  put(object: KubeObject): void;
  remove(object: KubeObject): void;
  close(): void;
}

export interface FakeUpstream {
  /** Lower-cased names in the order in which they were asked, with the transport: 'udp api.example.com'. */
  readonly asked: string[];
  close(): void;
}

export interface Lab {
  readonly settings: ClusterSettings;
  readonly node: NodeSettings;
  readonly tls: { ca: string; cert: string; key: string };
  readonly api: FakeApi;
  readonly upstream: FakeUpstream;
  readonly resolvConf: string;
  useNameservers(...servers: string[]): void;
  /** Runs a program in the node's namespace: its output, or what it said when it failed. */
  onNode(...argv: string[]): Promise<string>;
  close(): void;
}

const node: NodeSettings = { name: 'node-1', index: 1, ip: '10.199.1.2' };

const ip = (...argv: string[]): void => void execFileSync('ip', argv);

export async function openLab(): Promise<Lab> {
  const home = openNetns();
  const dir = mkdtempSync(join(tmpdir(), 'podlan-dns-'));
  const settings = settingsIn(dir);
  for (const ns of [hostNs, nodeNs, upstreamNs]) {
    createNetns(ns);
    ip('-n', ns, 'link', 'set', 'lo', 'up');
  }
  link('1', nodeNs);
  link('2', upstreamNs);
  ip('-n', nodeNs, 'addr', 'add', `${dnsIp}/32`, 'dev', 'lo');
  ip('-n', upstreamNs, 'addr', 'add', '10.199.2.3/24', 'dev', `e${id}2`);
  enterNetns(hostNs);
  await makePki(settings);
  const api = await serveApi(readTls(settings, 'server'), settings);
  const upstream = runInNetns(upstreamNs, serveUpstream);
  const resolvConf = join(dir, 'resolv.conf');
  const useNameservers = (...servers: string[]): void =>
    writeFileSync(resolvConf, servers.map((s) => `nameserver ${s}\n`).join(''));
  useNameservers(dnsIp, '10.199.2.2');
  return {
    settings,
    node,
    tls: readTls(settings, 'node-1'),
    api,
    upstream,
    resolvConf,
    useNameservers,
    async onNode(...argv) {
      try {
        const { stdout, stderr } = await run('ip', ['netns', 'exec', nodeNs, ...argv], { timeout: 15_000 });
        return stdout + stderr;
      } catch (error) {
        const { stdout, stderr } = error as { stdout: string; stderr: string };
        return stdout + stderr;
      }
    },
    close() {
      api.close();
      upstream.close();
      enterNetns(home);
      for (const ns of [hostNs, nodeNs, upstreamNs]) deleteNetns(ns);
      rmSync(dir, { recursive: true });
    },
  };
}

/** 10.199.<n>.1 on the host, .2 in ns. */
function link(n: string, ns: string): void {
  ip('-n', hostNs, 'link', 'add', `h${id}${n}`, 'type', 'veth', 'peer', 'name', `e${id}${n}`, 'netns', ns);
  for (const [where, dev, last] of [
    [hostNs, `h${id}${n}`, '1'],
    [ns, `e${id}${n}`, '2'],
  ] as const) {
    ip('-n', where, 'addr', 'add', `10.199.${n}.${last}/24`, 'dev', dev);
    ip('-n', where, 'link', 'set', dev, 'up');
  }
}

function settingsIn(dir: string): ClusterSettings {
  return {
    ...clusterSettings,
    name: id,
    bridge: 'none',
    nodeNetwork: '10.199.1.0/24',
    hostIp: '10.199.1.1',
    dnsIp,
    stateDir: dir,
    runDir: dir,
    nodes: [node],
  };
}

/** Lists and watches of the zone's kinds, as the Kubernetes API has them: nothing else of a server is needed here. */
async function serveApi(tls: { ca: string; cert: string; key: string }, s: ClusterSettings): Promise<FakeApi> {
  const objects = new Map<string, KubeObject>();
  const watchers = new Map<Kind, Set<http2.Http2ServerResponse>>(zoneKinds.map((kind) => [kind, new Set()]));
  let revision = 10;
  const keyOf = (o: KubeObject): string => `${o.kind}/${o.metadata.namespace}/${o.metadata.name}`;
  const tell = (type: string, object: KubeObject): void => {
    for (const w of watchers.get(object.kind as Kind) ?? []) w.write(`${JSON.stringify({ type, object })}\n`);
  };
  const server = http2.createSecureServer({ ...tls, requestCert: true }, (request, response) => {
    const url = new URL(request.url, 'https://api');
    const kind = zoneKinds.find((k) => resourcePath(k) === url.pathname);
    if (!kind) response.writeHead(404).end();
    else if (url.searchParams.has('watch')) {
      watchers.get(kind)?.add(response);
      response.on('close', () => watchers.get(kind)?.delete(response));
      response.stream.respond({ ':status': 200, 'content-type': 'application/json' });
    } else {
      const items = [...objects.values()].filter((o) => o.kind === kind);
      response.end(JSON.stringify({ metadata: { resourceVersion: String(revision) }, items }));
    }
  });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => void server.listen(s.apiPort, s.hostIp, resolve));
  return {
    put(object) {
      const known = objects.has(keyOf(object));
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++revision) } };
      objects.set(keyOf(object), stored);
      tell(known ? 'MODIFIED' : 'ADDED', stored);
    },
    remove(object) {
      objects.delete(keyOf(object));
      tell('DELETED', { ...object, metadata: { ...object.metadata, resourceVersion: String(++revision) } });
    },
    close() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

const address = (name: string, i: number): DnsRecord => ({ type: 'A', name, ttlSeconds: 60, address: `192.0.2.${i}` });

/** What the outside world knows; undefined: it keeps silent. */
function outside(name: string): Answer | undefined {
  const plain = { rcode: 0, authoritative: false, authority: [], additional: [] };
  switch (name) {
    case 'api.example.com':
      return { ...plain, answers: [address(name, 1)] };
    case 'big.example.com':
      return { ...plain, answers: Array.from({ length: 100 }, (_, i) => address(name, i)) };
    case 'silent.example.com':
      return undefined;
    default:
      return { ...plain, rcode: 3, answers: [] };
  }
}

/** Call it in the resolver's namespace: both sockets are made synchronously. */
function serveUpstream(): FakeUpstream {
  const asked: string[] = [];
  const answer = (how: 'udp' | 'tcp', bytes: Uint8Array): Uint8Array | undefined => {
    const parsed = parseQuery(bytes);
    if (parsed.kind !== 'query') return undefined;
    const name = parsed.query.question.name.toLowerCase();
    asked.push(`${how} ${name}`);
    const known = outside(name);
    return known && encodeAnswer(parsed.query, known, how === 'udp' ? udpLimit(parsed.query) : TCP_LIMIT);
  };
  const udp = dgram.createSocket({ type: 'udp4', lookup: (host, _o, done) => done(null, host, 4) });
  udp.bind({ address: '10.199.2.2', port: 53, exclusive: true });
  udp.on('message', (bytes, from) => {
    const out = answer('udp', bytes);
    if (out) udp.send(out, from.port, from.address);
  });
  const tcp = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const out = answer('tcp', bytes.subarray(2));
      if (out) socket.end(Buffer.concat([Buffer.from([out.length >> 8, out.length & 255]), out]));
    });
  });
  tcp.listen(53);
  return {
    asked,
    close() {
      udp.close();
      tcp.close();
    },
  };
}

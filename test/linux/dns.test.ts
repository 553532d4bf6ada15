// The DNS thread as a node runs it, asked with real packets by programs that are not ours.
import dgram from 'node:dgram';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { netnsPath, openNetns, runInNetns } from '../../src/linux/net/netns.io.ts';
import { decodeAnswer, encodeQuestion, type UpstreamAnswer } from '../../src/network/dns/ask.ts';
import { recordText } from '../../src/network/dns/record.ts';
import { type DnsWorker, startDnsWorker } from '../../src/network/dns/start.io.ts';
import { endpoint, external, namespace, service, slice, world } from '../../src/network/dns/testdata/world.ts';
import { dnsIp, hostNs, type Lab, nodeNs, openLab } from './dns-lab.ts';

const app = 'my-app.svc.cluster.local';
let lab: Lab;
let worker: DnsWorker;
const logged: string[] = [];

const options = () => ({
  settings: lab.settings,
  node: lab.node,
  tls: lab.tls,
  apiServer: `https://${lab.settings.hostIp}:${lab.settings.apiPort}`,
  nodeNetns: netnsPath(nodeNs),
  hostNetns: netnsPath(hostNs),
});

beforeAll(async () => {
  lab = await openLab();
  for (const object of world) lab.api.put(object);
  worker = startDnsWorker({
    ...options(),
    resolvConf: lab.resolvConf,
    log: (level, message) => logged.push(`${level} ${message}`),
  });
  await worker.ready;
});

afterAll(async () => {
  await worker?.stop();
  lab?.close();
});

/** One question by UDP from the node, as bytes of ours. */
function ask(name: string, o: { type?: number; edns?: boolean; timeoutMs?: number } = {}): Promise<UpstreamAnswer> {
  const ns = openNetns(nodeNs);
  const socket = dgram.createSocket({ type: 'udp4', lookup: (host, _o, done) => done(null, host, 4) });
  runInNetns(ns, () => socket.bind({ address: '0.0.0.0', port: 0, exclusive: true }));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.close();
      reject(new Error(`no answer about ${name}`));
    }, o.timeoutMs ?? 5_000);
    socket.on('message', (bytes, from) => {
      clearTimeout(timer);
      socket.close();
      const answer = decodeAnswer(bytes);
      if (!answer || from.address !== dnsIp) reject(new Error(`a bad answer from ${from.address}`));
      else resolve(answer);
    });
    const flags = { checkingDisabled: false, edns: o.edns ?? false, dnssecOk: false };
    socket.send(encodeQuestion(99, { name, type: o.type ?? 1, ...flags }), 53, dnsIp);
  });
}
const addresses = async (name: string): Promise<string[]> =>
  (await ask(name)).answers.map((r) => recordText(r).split(' ').at(-1) ?? '').sort();

describe('programs that ask', () => {
  it('busybox nslookup', async () => {
    const web = await lab.onNode('busybox', 'nslookup', `web.${app}`, dnsIp);
    expect(web).toContain('10.96.0.7');
    // It asks A and AAAA: an error for either would show.
    expect(web).not.toMatch(/can't|NXDOMAIN|No answer.*web/);
    expect(await lab.onNode('busybox', 'nslookup', `db-0.db.${app}`, dnsIp)).toContain('10.244.1.2');
    expect(await lab.onNode('busybox', 'nslookup', `nobody.${app}`, dnsIp)).toContain('NXDOMAIN');
    expect(await lab.onNode('busybox', 'nslookup', '10.96.0.7', dnsIp)).toContain(`web.${app}`);
  });

  it("Node's resolver (c-ares)", async () => {
    const script = `
      import { Resolver } from 'node:dns/promises';
      const r = new Resolver(); r.setServers(['${dnsIp}']);
      const code = (p) => p.catch((e) => e.code);
      console.log(JSON.stringify([
        (await r.resolve4('db.${app}')).sort(),
        (await r.resolveSrv('_http._tcp.web.${app}')).map((s) => s.priority + ' ' + s.weight + ' ' + s.port + ' ' + s.name),
        await r.resolveCname('out.${app}'),
        await r.resolveTxt('dns-version.cluster.local'),
        await r.reverse('10.244.1.2'),
        await code(r.resolve6('web.${app}')),
        await code(r.resolve4('none.${app}')),
        await r.resolve4('out.${app}'),
        await r.resolve4('in2.${app}'),
      ]))`;
    const out = await lab.onNode(process.execPath, '--input-type=module', '-e', script);
    expect(JSON.parse(out)).toEqual([
      ['10.244.1.2', '10.244.2.3', '10.244.2.4'],
      [`0 100 80 web.${app}`],
      ['api.example.com'],
      [['1.1.0']],
      [`db-0.db.${app}`],
      'ENODATA',
      'ENOTFOUND',
      ['192.0.2.1'],
      ['10.96.0.7'],
    ]);
  });

  it('python: several questions on one TCP connection, in pieces', async () => {
    const script = `
import socket, struct
def q(i, name):
    n = b''.join(bytes([len(l)]) + l.encode() for l in name.split('.')) + b'\\0'
    m = struct.pack('>6H', i, 0x100, 1, 0, 0, 0) + n + struct.pack('>2H', 1, 1)
    return struct.pack('>H', len(m)) + m
s = socket.create_connection(('${dnsIp}', 53), 5)
data = q(1, 'web.${app}') + q(2, 'db.${app}') + q(3, 'nobody.${app}')
s.sendall(data[:7]); s.sendall(data[7:40]); s.sendall(data[40:])
f = s.makefile('rb')
got = {}
for _ in range(3):
    m = f.read(struct.unpack('>H', f.read(2))[0])
    h = struct.unpack('>6H', m[:12])
    got[h[0]] = (h[1] & 15, h[3])
s.sendall(q(4, 'api.example.com'))
m = f.read(struct.unpack('>H', f.read(2))[0])
h = struct.unpack('>6H', m[:12]); got[h[0]] = (h[1] & 15, h[3])
s.sendall(b'\\0\\3abc')
print(sorted(got.items()), f.read(2))`;
    const out = await lab.onNode('python3', '-c', script);
    expect(out.trim()).toBe("[(1, (0, 1)), (2, (0, 3)), (3, (3, 0)), (4, (0, 1))] b''");
  });
});

describe('other names', () => {
  it('are asked of the host in its namespace, once while the answer is fresh', async () => {
    const before = lab.upstream.asked.length;
    expect(await addresses('api.example.com')).toEqual(['192.0.2.1']);
    expect(await addresses('API.example.com')).toEqual(['192.0.2.1']);
    expect(lab.upstream.asked.slice(before).length).toBeLessThanOrEqual(1);
    expect((await ask('nobody.example.com')).rcode).toBe(3);
  });

  it('of the search path never leave', async () => {
    for (const suffix of [app, 'svc.cluster.local', 'cluster.local']) {
      expect((await ask(`api.example.com.${suffix}`)).rcode).toBe(3);
    }
    expect(lab.upstream.asked.filter((q) => q.endsWith('local'))).toEqual([]);
  });

  it('with a long answer: TCP to the upstream, cut off for UDP, whole by TCP', async () => {
    const cut = await ask('big.example.com');
    expect([cut.truncated, cut.answers.length]).toEqual([true, 29]);
    const wider = await ask('big.example.com', { edns: true });
    expect([wider.truncated, wider.answers.length]).toEqual([true, 74]);
    expect(lab.upstream.asked).toContain('tcp big.example.com');
    const script = `const r = new (require('dns').promises.Resolver)();
      r.setServers(['${dnsIp}']); r.resolve4('big.example.com').then((a) => console.log(a.length))`;
    expect((await lab.onNode(process.execPath, '-e', script)).trim()).toBe('100');
  });

  it('that nobody answers about: SERVFAIL before the client gives up, other questions not held up', async () => {
    const startedMs = performance.now();
    const silent = ask('silent.example.com');
    await ask(`web.${app}`);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect((await silent).rcode).toBe(2);
    expect(performance.now() - startedMs).toBeLessThan(3_500);
  });

  it('go to the next nameserver at once when one is down, and nowhere without one', async () => {
    lab.useNameservers('10.199.2.3', '10.199.2.2');
    const startedMs = performance.now();
    expect((await ask('fresh.example.com')).rcode).toBe(3);
    expect(performance.now() - startedMs).toBeLessThan(350);
    lab.useNameservers(dnsIp);
    const refusedMs = performance.now();
    expect((await ask('fresher.example.com')).rcode).toBe(2);
    expect(performance.now() - refusedMs).toBeLessThan(350);
    lab.useNameservers('10.199.2.2');
  });
});

describe('changes', () => {
  /** Asks again until the answer is this; how long it took. */
  async function until(name: string, wanted: string[]): Promise<number> {
    const startedMs = performance.now();
    for (;;) {
      const got = await addresses(name);
      if (JSON.stringify(got) === JSON.stringify(wanted)) return performance.now() - startedMs;
      if (performance.now() - startedMs > 5_000) throw new Error(`${name} is still ${got.join(' ')}`);
    }
  }

  it('are answered within 50 ms: names that come, move and go', async () => {
    const name = 'new-0.new.fresh.svc.cluster.local';
    expect((await ask(name)).rcode).toBe(3);
    const took: number[] = [];
    lab.api.put(namespace('fresh'));
    lab.api.put(service('fresh/new', { clusterIP: 'None' }));
    for (let i = 1; i <= 10; i++) {
      const pods = slice('fresh/new-x', 'new', [endpoint(`10.244.7.${i}`, true, 'new-0')]);
      lab.api.put(pods);
      took.push(await until(name, [`10.244.7.${i}`]));
      lab.api.put(slice('fresh/new-x', 'new', [endpoint(`10.244.7.${i}`, false, 'new-0')]));
      took.push(await until(name, []));
    }
    took.sort((a, b) => a - b);
    expect(took[Math.floor(took.length / 2)]).toBeLessThan(50);
  });

  it('of a type: ExternalName becomes ClusterIP', async () => {
    lab.api.put(external('turns', 'api.example.com'));
    await until(`turns.${app}`, ['192.0.2.1', 'api.example.com']);
    lab.api.put(service('my-app/turns', { clusterIPs: ['10.96.0.77'] }));
    await until(`turns.${app}`, ['10.96.0.77']);
  });
});

describe('the thread', () => {
  it('counts', async () => {
    const before = await worker.counters();
    await ask(`web.${app}`);
    const { udp, rcodes } = await worker.counters();
    expect([udp - before.udp, (rcodes[0] ?? 0) - (before.rcodes[0] ?? 0)]).toEqual([1, 1]);
  });

  it('says in one line when its port is taken', async () => {
    const second = startDnsWorker({ ...options(), log: () => undefined });
    await expect(second.ready).rejects.toThrow(`dns: cannot listen on ${dnsIp}:53: EADDRINUSE`);
    await second.stop();
  });
});

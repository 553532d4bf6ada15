// The real server on loopback: who is let in, both versions of HTTP, many watches, and what an upgrade is answered.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiRequest } from '../api/http.ts';
import { serve } from './http.io.ts';
import { podDraft, type TestServer, testServer } from './testserver.ts';

interface Identity {
  cert: string;
  key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

async function authority(name: string): Promise<{ ca: string; issue(subject: string): Promise<Identity> }> {
  x509.cryptoProvider.set(webcrypto as never);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return {
    ca: ca.toString('pem'),
    async issue(subject) {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const cert = await x509.X509CertificateGenerator.create({
        subject,
        issuer: ca.subject,
        signingKey: keys.privateKey as never,
        publicKey: own.publicKey as never,
        signingAlgorithm: algorithm,
        extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
      });
      const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', own.privateKey);
      return { cert: cert.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') };
    },
  };
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('http server', () => {
  let s: TestServer;
  let ca: string;
  let admin: Identity;
  let stranger: Identity;
  let server: { close(): Promise<void> };
  let tls: { ca: string } & Identity;
  let port: number;
  const seen: ApiRequest[] = [];
  const nodes = {
    upgrade: (_r: unknown, socket: Duplex, _h: unknown, target: { path: string }) =>
      socket.end(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nx-path: ${target.path}\r\n\r\n`,
      ),
  };

  beforeAll(async () => {
    const own = await authority('ours');
    const other = await authority('theirs');
    ca = own.ca;
    admin = await own.issue('CN=admin, O=system:masters, O=people');
    stranger = await other.issue('CN=admin, O=system:masters');
    tls = { ca, ...(await own.issue('CN=kube-apiserver')) };
    s = await testServer();
    port = await freePort();
    server = await serve({
      handle: (request) => {
        seen.push(request);
        return s.api.handle(request);
      },
      nodes,
      tls,
      listen: [{ host: '127.0.0.1', port }],
      log: () => undefined,
    });
  });
  afterAll(() => server.close());

  const get = (path: string, who: Partial<Identity>, options: https.RequestOptions = {}): Promise<[number, string]> =>
    new Promise((resolve, reject) => {
      const request = https.request({ host: '127.0.0.1', port, path, ca, ...who, agent: false, ...options }, (res) => {
        let body = '';
        res.on('data', (d: Buffer) => (body += d.toString()));
        res.on('end', () => resolve([res.statusCode ?? 0, body]));
      });
      request.on('error', reject);
      request.end();
    });

  it('knows the user and the groups by the certificate, and nobody without one of ours', async () => {
    expect((await get('/api/v1/namespaces?limit=5', admin))[0]).toBe(200);
    expect(seen.at(-1)?.user).toEqual({ name: 'admin', groups: ['system:masters', 'people', 'system:authenticated'] });
    expect(seen.at(-1)?.query.get('limit')).toBe('5');
    for (const who of [{}, stranger]) {
      const [code, body] = await get('/api/v1/namespaces', who);
      expect([code, (JSON.parse(body) as { reason: string }).reason]).toEqual([401, 'Unauthorized']);
    }
  });

  it('carries a thousand watches on one connection, and ends them with it', { timeout: 15_000 }, async () => {
    const session = http2.connect(`https://127.0.0.1:${port}`, { ca, ...admin });
    session.setMaxListeners(0);
    // Frames of HTTP/2 may cut an event: what counts are the lines of each stream.
    const heard = Array.from({ length: 1000 }, () => '');
    const lines = (): number => heard.filter((h) => h.endsWith('}\n')).length;
    const opened: Promise<unknown>[] = [];
    for (let i = 0; i < 1000; i += 1) {
      const stream = session.request({ ':path': '/api/v1/configmaps?watch=true&resourceVersion=2' });
      opened.push(once(stream, 'response'));
      stream.on('data', (d: Buffer) => (heard[i] += d.toString()));
      stream.on('error', () => undefined);
    }
    await Promise.all(opened);
    await s.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'told' } });
    await expect.poll(lines, { timeout: 5_000 }).toBe(1000);
    expect(JSON.parse(heard[0] ?? '')).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'told' } } });
    session.destroy();
    const watches = async (): Promise<unknown> => (await s.call('GET', '/metrics')).body['text'];
    await expect.poll(watches, { timeout: 5_000 }).toContain('apiserver_watches 0\n');
  });

  it('takes bodies up to a limit', async () => {
    const session = http2.connect(`https://127.0.0.1:${port}`, { ca, ...admin });
    const post = async (body: string): Promise<number> => {
      const path = '/api/v1/namespaces/default/configmaps';
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' });
      stream.end(body);
      const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
      stream.resume();
      await once(stream, 'close');
      return headers[':status'];
    };
    expect(await post(JSON.stringify({ metadata: { name: 'small' }, data: { a: 'ä' } }))).toBe(201);
    expect(await post(`{"metadata":{"name":"big"},"data":{"a":"${'x'.repeat(4 << 20)}"}}`)).toBe(413);
    session.close();
    expect((await s.call('GET', '/api/v1/namespaces/default/configmaps/small')).body.data).toEqual({ a: 'ä' });
  });

  it('hands an upgrade to the node, and answers with a Status when there is none to hand it to', async () => {
    await s.call('POST', '/api/v1/nodes', {
      metadata: { name: 'n1' },
      status: {
        addresses: [{ type: 'InternalIP', address: '172.30.0.11' }],
        daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      },
    });
    await s.call('POST', '/api/v1/namespaces/default/pods', podDraft('p', {}, { nodeName: 'n1' }));
    const upgrade = (pod: string, who: Partial<Identity>): Promise<string> =>
      new Promise((resolve, reject) => {
        const request = https.request({
          host: '127.0.0.1',
          port,
          path: `/api/v1/namespaces/default/pods/${pod}/exec?command=id`,
          ca,
          ...who,
          agent: false,
          headers: { connection: 'Upgrade', upgrade: 'websocket' },
        });
        request.on('upgrade', (res) => resolve(`${res.statusCode} ${String(res.headers['x-path'])}`));
        request.on('response', (res) => resolve(`${res.statusCode}`));
        request.on('error', reject);
        request.end();
      });
    expect(await upgrade('p', admin)).toBe('101 /exec/default/p/c?command=id');
    expect(await upgrade('ghost', admin)).toBe('404');
    expect(await upgrade('p', {})).toBe('401');
  });

  it('says in one line that a port is taken', async () => {
    const again = serve({ handle: s.api.handle, nodes, tls, listen: [{ host: '127.0.0.1', port }], log: () => 0 });
    await expect(again).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: another process listens there`);
  });
});

import 'reflect-metadata';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { httpTransport } from './http.io.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

async function certificates() {
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + 3_600_000);
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const common = { notBefore, notAfter, signingAlgorithm: algorithm };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    name: 'CN=ca',
    keys,
    extensions: [new x509.BasicConstraintsExtension(true)],
  });
  const leafKeys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const leaf = await x509.X509CertificateGenerator.create({
    ...common,
    subject: 'CN=leaf',
    issuer: ca.subject,
    publicKey: leafKeys.publicKey,
    signingKey: keys.privateKey,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', leafKeys.privateKey);
  return { ca: ca.toString('pem'), cert: leaf.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}

describe('httpTransport', () => {
  let tls: Awaited<ReturnType<typeof certificates>>;
  let server: http2.Http2SecureServer;
  const sessions = new Set<http2.ServerHttp2Session>();
  let url = '';

  function start(port: number): Promise<void> {
    server = http2.createSecureServer({ ...tls, requestCert: true, rejectUnauthorized: true });
    server.on('session', (s) => {
      sessions.add(s);
      s.on('close', () => sessions.delete(s));
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      if (headers[':path']?.includes('watch=true')) {
        stream.respond({ ':status': 200 });
        // A line cut in two: the client puts it together.
        stream.write('{"type":"ADDED","object":{"kind":"Pod","metadata":{"na');
        setImmediate(() => stream.write('me":"ü","resourceVersion":"7"}}}\n'));
        return;
      }
      stream.respond({ ':status': headers[':path']?.includes('missing') ? 404 : 200 });
      stream.end(
        JSON.stringify({ kind: 'PodList', metadata: { resourceVersion: '5' }, items: [{ metadata: { name: 'x' } }] }),
      );
    });
    return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  }
  const cut = (): void => sessions.forEach((s) => s.destroy());

  beforeAll(async () => {
    tls = await certificates();
    await start(0);
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    cut();
    server.close();
  });

  it('carries calls and watches over one session', async () => {
    const transport = httpTransport({ server: url, ...tls });
    const client = createClient(transport);
    const list = await client.list('Pod');
    expect(list).toEqual({ resourceVersion: '5', items: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } }] });
    expect(await client.get('Pod', { namespace: 'a', name: 'missing' })).toBeUndefined();
    const stopping = new AbortController();
    for await (const event of client.watch('Pod', { resourceVersion: '5', signal: stopping.signal })) {
      expect(event).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'ü' } } });
      stopping.abort();
      break;
    }
    expect(sessions.size).toBe(1);
    transport.close();
  });

  it('fails what is under way when the server goes, and connects anew when it is back', async () => {
    const transport = httpTransport({ server: url, ...tls });
    const client = createClient(transport);
    const events = client.watch('Pod', { resourceVersion: '5', signal: new AbortController().signal });
    const watch = events[Symbol.asyncIterator]();
    await watch.next();
    const next = watch.next().then(
      (r) => (r.done ? 'ended' : 'an event'),
      () => 'failed',
    );
    const { port } = server.address() as AddressInfo;
    const closed = new Promise((resolve) => server.close(resolve));
    cut();
    await closed;
    expect(await next).not.toBe('an event');
    await expect(client.list('Pod')).rejects.toThrow();
    await start(port);
    expect((await client.list('Pod')).resourceVersion).toBe('5');
    transport.close();
    await expect(client.list('Pod')).rejects.toThrow('closed');
  });

  it('notices a peer that is gone without a word', async () => {
    // A link that swallows everything from a moment on.
    const { port } = server.address() as AddressInfo;
    const ends: net.Socket[] = [];
    let dead = false;
    const link = net.createServer((near) => {
      const far = net.connect(port, '127.0.0.1');
      ends.push(near, far);
      near.on('data', (d) => dead || far.write(d)).on('error', () => undefined);
      far.on('data', (d) => dead || near.write(d)).on('error', () => undefined);
    });
    await new Promise<void>((resolve) => link.listen(0, '127.0.0.1', resolve));
    const server2 = `https://127.0.0.1:${(link.address() as AddressInfo).port}`;
    const transport = httpTransport({ server: server2, ...tls, pingEveryMs: 20, pingTimeoutMs: 50 });
    const events = createClient(transport).watch('Pod', { resourceVersion: '5', signal: new AbortController().signal });
    const watch = events[Symbol.asyncIterator]();
    await watch.next();
    dead = true;
    await expect(watch.next()).rejects.toThrow();
    transport.close();
    for (const s of ends) s.destroy();
    link.close();
  });
});

// What `kubectl exec`, `logs` and `port-forward` need of an API server, and no more: discovery, one pod, and the way
// through createNodeProxy to a kubelet. With keys and certificates made for the test.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import * as x509 from '@peculiar/x509';
import { ApiError } from '../../src/api/status.ts';
import type { NodeProxyIo, NodeTarget } from '../../src/apiserver/nodeproxy.io.ts';

export interface Identity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export async function createIssuer(): Promise<(subject: string) => Promise<Identity>> {
  x509.cryptoProvider.set(webcrypto as unknown as typeof globalThis.crypto);
  const days = (n: number): Date => new Date(Date.now() + n * 86_400_000);
  const validity = { notBefore: days(-1), notAfter: days(2) };
  const caKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: '01',
    name: 'CN=test-ca',
    keys: caKeys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  });
  let serial = 2;
  return async (subject) => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const cert = await x509.X509CertificateGenerator.create({
      ...validity,
      serialNumber: `0${serial++}`,
      subject,
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
    });
    const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
    return { ca: ca.toString('pem'), cert: cert.toString('pem'), key };
  };
}

export interface Front {
  readonly kubeconfig: string;
  readonly port: number;
  /** Where the kubelet is; a test may point it elsewhere. */
  target: { host: string; port: number };
  close(): void;
}

const pod = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', uid: 'u' },
  spec: {
    nodeName: 'node-1',
    containers: [{ name: 'main', image: 'x', ports: [{ containerPort: 80 }], stdin: true, tty: name === 'terminal' }],
  },
  status: { phase: 'Running', containerStatuses: [{ name: 'main', ready: true, state: { running: {} } }] },
});

const discovery: Record<string, object> = {
  '/version': { major: '1', minor: '33', gitVersion: 'v1.33.0' },
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [
      { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', shortNames: ['po'], verbs: ['get', 'list'] },
    ],
  },
};

/** .../pods/<name>/<subresource>?query -> the kubelet's path. */
function kubeletPath(url: URL): string | undefined {
  const [, name, sub] = /^\/api\/v1\/namespaces\/default\/pods\/([^/]+)\/(\w+)$/.exec(url.pathname) ?? [];
  if (sub === 'portforward') return `/portForward/default/${name}${url.search}`;
  const verb = sub === 'log' ? 'containerLogs' : sub;
  return verb ? `/${verb}/default/${name}/main${url.search}` : undefined;
}

export async function startFront(o: {
  nodes: NodeProxyIo;
  identity: Identity;
  user: Identity;
  kubelet: { host: string; port: number };
}): Promise<Front> {
  const sendLog = async (target: NodeTarget, response: ServerResponse, signal: AbortSignal): Promise<void> => {
    try {
      const answer = await o.nodes.request(target, { method: 'GET', headers: {}, signal });
      response.writeHead(answer.code, answer.headers);
      response.flushHeaders();
      if (answer.body instanceof Uint8Array) response.end(answer.body);
      else Readable.from(answer.body, { objectMode: false }).pipe(response);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      response.writeHead(e.status.code, { 'content-type': 'application/json' }).end(JSON.stringify(e.status));
    }
  };
  const server = createServer(o.identity, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://front');
    const json = (code: number, body: object): void => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const path = kubeletPath(url);
    const found = discovery[url.pathname];
    const name = /^\/api\/v1\/namespaces\/default\/pods\/([^/]+)$/.exec(url.pathname)?.[1];
    if (found) json(200, found);
    else if (name) json(200, pod(name));
    else if (path) {
      const gone = new AbortController();
      response.on('close', () => gone.abort());
      void sendLog({ ...front.target, path }, response, gone.signal);
    } else json(404, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404, reason: 'NotFound' });
  });
  server.on('upgrade', (request, socket, head) => {
    const path = kubeletPath(new URL(request.url ?? '/', 'https://front'));
    const target: NodeTarget = { ...front.target, path: path ?? '/' };
    o.nodes.upgrade(request, socket, head, target);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const dir = mkdtempSync(join(tmpdir(), 'podlan-front-'));
  mkdirSync(join(dir, 'home'));
  const kubeconfig = join(dir, 'kubeconfig');
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(port, o.user)));
  const front: Front = {
    kubeconfig,
    port,
    target: o.kubelet,
    close: () => {
      server.close();
      server.closeAllConnections();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return front;
}

function kubeconfigOf(port: number, user: Identity): object {
  const b64 = (pem: string): string => Buffer.from(pem).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'c', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': b64(user.ca) } },
    ],
    users: [{ name: 'u', user: { 'client-certificate-data': b64(user.cert), 'client-key-data': b64(user.key) } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
}

/** kubectl on PATH; where several versions lie beside it (kubectl.1.NN), the oldest and the newest of them instead. */
export function kubectls(): string[] {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, 'kubectl');
    try {
      accessSync(path, constants.X_OK);
    } catch {
      continue;
    }
    const minor = (name: string): number => Number(name.split('.')[2]);
    const beside = dirname(realpathSync(path));
    const versioned = readdirSync(beside)
      .filter((name) => /^kubectl\.1\.\d+$/.test(name))
      .sort((a, b) => minor(a) - minor(b));
    const chosen = [...new Set([versioned.at(0), versioned.at(-1)])].filter((name) => name !== undefined);
    return chosen.length > 0 ? chosen.map((name) => join(beside, name)) : [path];
  }
  return [];
}

// The cluster's own certificate authority, and a certificate for whoever speaks to the API server.
// ECDSA P-256; names and groups as upstream's kubeadm gives them, so that roles mean the same.
// x509's injection container reads this polyfill when it loads: it must come first.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import type { ClusterSettings } from '../api/cluster.ts';
import { pkiDir } from './tls.io.ts';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const yearMs = 365 * 24 * 3600 * 1000;

interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

async function privatePem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
}

/** 20 random octets with the top bit clear, as RFC 5280 4.1.2.2 wants it: positive, at most 20 octets. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(20));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

// Clocks differ a little between who signs and who checks: valid from an hour ago.
const validity = (): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Date.now() - 3_600_000),
  notAfter: new Date(Date.now() + 10 * yearMs),
});

async function createAuthority(name: string): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=podlan-${name}`,
    ...validity(),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

interface Identity {
  readonly file: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
}

async function issue(authority: Authority, who: Identity): Promise<{ cert: string; key: string }> {
  const keys = await newKeys();
  const names = [
    ...(who.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(who.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [...who.groups.map((group) => ({ O: [group] })), { CN: [who.user] }],
    issuer: authority.certificate.subject,
    ...validity(),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { cert: certificate.toString('pem'), key: await privatePem(keys) };
}

/** Everybody who gets a certificate in this cluster. */
function identities(settings: ClusterSettings): Identity[] {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  return [
    {
      file: 'server',
      user: 'kube-apiserver',
      groups: ['system:masters'],
      dns: ['localhost', ...service, `kubernetes.default.svc.${settings.clusterDomain}`],
      ips: ['127.0.0.1', settings.hostIp, settings.apiServiceIp],
    },
    { file: 'admin', user: 'kubernetes-admin', groups: ['system:masters'] },
    ...settings.nodes.map((node) => ({
      file: node.name,
      user: `system:node:${node.name}`,
      groups: ['system:nodes'],
      dns: [node.name],
      ips: [node.ip],
    })),
  ];
}

/** Writes the authority and every identity's certificate and key (mode 0600) into stateDir/pki. */
export async function makePki(settings: ClusterSettings): Promise<void> {
  const dir = pkiDir(settings);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const authority = await createAuthority(settings.name);
  const write = (file: string, text: string): void => writeFileSync(join(dir, file), text, { mode: 0o600 });
  write('ca.crt', authority.certificate.toString('pem'));
  write('ca.key', await privatePem(authority.keys));
  await Promise.all(
    identities(settings).map(async (who) => {
      const { cert, key } = await issue(authority, who);
      write(`${who.file}.crt`, cert);
      write(`${who.file}.key`, key);
    }),
  );
}

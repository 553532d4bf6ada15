// `kubectl create` and what else kubectl does with typed clients. From 1.32 on these speak protobuf, and do not fall back.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, type Json, kubectlMinor, must, run, startCluster } from './cluster.ts';

/** The last that sends JSON, and those that send protobuf. */
const versions = ['1.31', '1.32', '1.33'].flatMap((version) => {
  const real = must('readlink', ['-f', must('which', ['kubectl'])]);
  const path = join(dirname(real), `kubectl.${version}`);
  return existsSync(path) ? [path] : [];
});
const kubectls = versions.length > 0 ? versions : ['kubectl'];

let cluster: Cluster;
let dir: string;
let pki: string;
beforeAll(() => {
  cluster = startCluster('cre', ['--nodes', '1']);
  pki = join(cluster.stateDir, 'pki');
  dir = mkdtempSync(join(tmpdir(), 'podlan-create-'));
  writeFileSync(join(dir, 'binary'), Buffer.from([0, 255, 128, 10]));
  writeFileSync(join(dir, 'bom'), '\ufeffline ü\r\n');
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
  cluster.down();
});

/** Arguments of create, without a name; what they make is made in a namespace of its own. */
const generators: readonly [kind: string, what: string, args: () => string[]][] = [
  ['configmap', 'configmap', () => ['configmap', 'x', '--from-literal=a=b', '--from-literal=empty=']],
  [
    'configmap',
    'configmap of files',
    () => ['configmap', 'x', `--from-file=${join(dir, 'binary')}`, `--from-file=${join(dir, 'bom')}`],
  ],
  [
    'secret',
    'secret generic',
    () => ['secret', 'generic', 'x', '--from-literal=a=b', `--from-file=${join(dir, 'binary')}`],
  ],
  ['secret', 'secret tls', () => ['secret', 'tls', 'x', `--cert=${pki}/admin.crt`, `--key=${pki}/admin.key`]],
  [
    'secret',
    'secret docker-registry',
    () => ['secret', 'docker-registry', 'x', '--docker-username=u', '--docker-password=p', '--docker-server=r.example'],
  ],
  ['serviceaccount', 'serviceaccount', () => ['serviceaccount', 'x']],
  [
    'deployment',
    'deployment',
    () => ['deployment', 'x', '--image=host', '--replicas=0', '--port=80', '--', 'sleep', '1'],
  ],
  ['service', 'service clusterip', () => ['service', 'clusterip', 'x', '--tcp=80:8080', '--tcp=443']],
  ['service', 'service clusterip headless', () => ['service', 'clusterip', 'x', '--clusterip=None', '--tcp=80']],
  ['service', 'service nodeport', () => ['service', 'nodeport', 'x', '--tcp=80:8080']],
  ['service', 'service externalname', () => ['service', 'externalname', 'x', '--external-name=example.org']],
];

/** What the server gives each object for itself, and nulls, which say nothing. */
function comparable(object: Json): Json {
  const own = ['uid', 'resourceVersion', 'creationTimestamp', 'namespace', 'managedFields', 'generation'];
  const plain: Json = JSON.parse(JSON.stringify(object), (_key, value: unknown) =>
    value === null ? undefined : value,
  );
  for (const key of own) delete plain.metadata[key];
  delete plain.status;
  if (plain.spec?.clusterIP !== 'None') for (const key of ['clusterIP', 'clusterIPs']) delete plain.spec?.[key];
  for (const port of plain.spec?.ports ?? []) delete port.nodePort;
  return plain;
}

const namespaceManifest = (name: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

describe.each(kubectls.map((path) => [path.split('/').at(-1) ?? '', path]))('%s create', (program, path) => {
  const env = (): Record<string, string> => ({ KUBECONFIG: cluster.kubeconfig });
  const kubectl = (...args: string[]): string => must(path, args, { env: env() });
  const json = (...args: string[]): Json => JSON.parse(kubectl(...args, '-o', 'json'));

  const typed = `${program.replaceAll('.', '-')}-typed`;
  const manifest = `${program.replaceAll('.', '-')}-manifest`;

  it('makes a namespace', () => {
    expect(kubectl('create', 'namespace', typed)).toBe(`namespace/${typed} created`);
    must(path, ['create', '-f', '-'], { env: env(), input: namespaceManifest(manifest) });
    const [one, other] = [typed, manifest].map((name) => comparable(json('get', 'namespace', name)));
    expect({ ...one, metadata: { labels: {} } }).toEqual({ ...other, metadata: { labels: {} } });
  });

  it.each(generators)('%s: %s is the object that its manifest makes', (kind, _what, args) => {
    const asked = kubectl('create', '--dry-run=client', '-o=json', ...args());
    expect(kubectl('create', `--namespace=${typed}`, ...args())).toMatch(/\/x created$/);
    must(path, ['create', '-n', manifest, '-f', '-'], { env: env(), input: asked });
    const made = comparable(json('get', kind, 'x', '-n', typed));
    expect(made).toMatchObject(comparable(JSON.parse(asked)));
    expect(made).toEqual(comparable(json('get', kind, 'x', '-n', manifest)));
    for (const space of [typed, manifest]) kubectl('delete', kind, 'x', '-n', space, '--wait=false');
  });

  it('server-side dry run, run, scale, expose, delete and drain', () => {
    const n = ['-n', typed];
    expect(json('create', 'configmap', 'dry', '--from-literal=a=b', '--dry-run=server', ...n)).toMatchObject({
      metadata: { name: 'dry', namespace: typed },
      data: { a: 'b' },
    });
    kubectl('create', 'deployment', 'd', '--image=host', '--port=80', ...n, '--', 'sleep', '1000');
    expect(kubectl('expose', 'deployment', 'd', ...n)).toBe('service/d exposed');
    expect(kubectl('scale', 'deployment', 'd', '--replicas=2', ...n)).toBe('deployment.apps/d scaled');
    expect(kubectl('rollout', 'status', 'deployment/d', '--timeout=60s', ...n)).toContain('successfully rolled out');
    expect(kubectl('describe', 'deployment', 'd', ...n)).toMatch(/Replicas: +2 desired/);
    expect(kubectl('run', 'p', '--image=host', '--env=A=B', ...n, '--command', '--', 'sleep', '1000')).toBe(
      'pod/p created',
    );
    expect(json('get', 'pod', 'p', ...n).spec.containers[0]).toMatchObject({
      command: ['sleep', '1000'],
      env: [{ name: 'A', value: 'B' }],
    });
    expect(kubectl('delete', 'pod', 'p', '--grace-period=0', '--force', ...n)).toContain('deleted');
    // 1.20 knows only an eviction API that v1.35 has no more: it deletes the pods, and says so of the node as well.
    expect(kubectl('drain', 'node-1', '--pod-selector=app=d', '--grace-period=1', '--timeout=60s')).toMatch(
      /^node\/node-1 (drained|deleted)$/m,
    );
    expect(kubectl('uncordon', 'node-1')).toBe('node/node-1 uncordoned');
  });

  it('says what it cannot create', () => {
    const failed = (...args: string[]): string => {
      const { code, err } = run(path, ['create', ...args], { env: env() });
      expect(code).toBe(1);
      return err;
    };
    expect(failed('configmap', 'A_B')).toContain('metadata.name: Invalid value: "A_B"');
    expect(failed('namespace', 'default')).toContain('namespaces "default" already exists');
    expect(failed('service', 'loadbalancer', 'l', '--tcp=80')).toContain(
      'spec.type: Unsupported value: "LoadBalancer"',
    );
  });

  it.runIf(kubectlMinor(path) >= 24)('says that there are no tokens yet', () => {
    const { code, err } = run(path, ['create', 'token', 'default'], { env: env() });
    expect(code).toBe(1);
    expect(err).toContain('the server could not find the requested resource');
  });
});

// Server-side apply with the real kubectl, from its own apply to the server's and between two owners.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, eventually, kubectlMinor, startCluster, yaml } from './cluster.ts';

let cluster: Cluster;
beforeAll(() => {
  cluster = startCluster('ssa', ['--nodes', '1']);
});
afterAll(() => cluster.down());

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
}
const owners = (...object: string[]): string[] =>
  (cluster.get(...object, '--show-managed-fields').metadata.managedFields as Entry[])
    .map((e) => [e.manager, e.operation, e.subresource].filter(Boolean).join(' '))
    .sort();

const map = (name: string, data: string): string =>
  yaml(`{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}, data: ${data}}`);
const apply = (input: string, ...args: string[]) =>
  cluster.tryKubectl(['apply', '--server-side', '-f', '-', ...args], { input });

// --show-managed-fields came with 1.21, the moving from kubectl's own apply to the server's with 1.26.
describe.runIf(kubectlMinor() >= 26)('kubectl apply --server-side', () => {
  it('applies, tells conflicts, and goes through them by --force-conflicts', () => {
    expect(apply(map('m', '{a: "1", b: "1"}')).out).toContain('configmap/m serverside-applied');
    const version = cluster.get('configmap', 'm').metadata.resourceVersion;
    expect(apply(map('m', '{a: "1", b: "1"}')).code).toBe(0);
    expect(cluster.get('configmap', 'm').metadata.resourceVersion).toBe(version);

    const other = apply(map('m', '{a: "2"}'), '--field-manager=other');
    expect(other.code).toBe(1);
    expect(other.err).toContain('Apply failed with 1 conflict: conflict with "kubectl": .data.a');
    expect(apply(map('m', '{a: "2"}'), '--field-manager=other', '--force-conflicts').code).toBe(0);
    expect(owners('configmap', 'm')).toEqual(['kubectl Apply', 'other Apply']);

    // a is another's now, and b is given up.
    expect(apply(map('m', '{c: "3"}')).code).toBe(0);
    expect(cluster.get('configmap', 'm').data).toEqual({ a: '2', c: '3' });
  });

  it('says what would change, and changes nothing', () => {
    const diff = cluster.tryKubectl(['diff', '--server-side', '-f', '-'], { input: map('m', '{c: "4"}') });
    expect(diff.code).toBe(1);
    expect(diff.out).toMatch(/^-\s+c: "3"\n\+\s+c: "4"/m);
    expect(apply(map('m', '{c: "4"}'), '--dry-run=server').out).toContain('serverside-applied (server dry run)');
    expect(cluster.get('configmap', 'm').data.c).toBe('3');
  });

  it('shows the owners only to who asks', () => {
    expect(cluster.kubectl('get', 'configmap', 'm', '-o', 'yaml')).not.toContain('managedFields');
    expect(cluster.kubectl('get', 'configmap', 'm', '-o', 'yaml', '--show-managed-fields')).toMatch(
      /fieldsV1:\n\s+f:data:/,
    );
  });

  it('takes over what kubectl applied from its own side', () => {
    const input = map('moved', '{a: "1", gone: "1"}');
    cluster.apply('{apiVersion: v1, kind: ConfigMap, metadata: {name: moved}, data: {a: "1", gone: "1"}}');
    expect(owners('configmap', 'moved')).toEqual(['kubectl-client-side-apply Update']);
    const first = apply(input);
    expect(first.err).not.toMatch(/[Ww]arning/);
    expect(first.code).toBe(0);
    expect(owners('configmap', 'moved')).not.toContain('kubectl-client-side-apply Update');
    expect(apply(map('moved', '{a: "2"}')).code).toBe(0);
    expect(cluster.get('configmap', 'moved').data).toEqual({ a: '2' });
    // And back: its own apply finds the annotation in step.
    expect(cluster.apply('{apiVersion: v1, kind: ConfigMap, metadata: {name: moved}, data: {a: "3"}}')).toContain(
      'configured',
    );
  });

  it('scales beside an applied Deployment; unknown fields and doubles are refused', async () => {
    const web = (spec: string): string =>
      yaml(
        `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: ${spec}}}}`,
      );
    const good = web('{containers: [{name: c, image: host, command: [sleep, "1000"], ports: [{containerPort: 80}]}]}');
    expect(apply(good)).toMatchObject({ code: 0 });
    cluster.kubectl('scale', 'deployment', 'web', '--replicas=2');
    expect(apply(good)).toMatchObject({ code: 0 });
    expect(cluster.get('deployment', 'web').spec.replicas).toBe(2);
    await eventually(() => {
      expect(owners('deployment', 'web')).toEqual(
        expect.arrayContaining(['kubectl Apply', 'kubectl Update scale', 'kube-controller-manager Update status']),
      );
      const pod = cluster.get('pods', '-l', 'app=web', '--show-managed-fields').items[0].metadata
        .managedFields as Entry[];
      expect(pod.map((e) => e.manager)).toEqual(['kube-controller-manager', 'kubelet']);
    });
    expect(apply(web('{containers: [{name: c}, {name: c}]}')).err).toContain('duplicate entries for key [name="c"]');
    expect(apply(web('{containers: [{name: c, imag: x}]}')).err).toContain('field not declared in schema');
  });
});

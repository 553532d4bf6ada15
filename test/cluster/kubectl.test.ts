// kubectl as it is, against the kinds served.
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, eventually, must, root, run, start, startCluster } from './cluster.ts';

let cluster: Cluster;
beforeAll(() => {
  cluster = startCluster('kub', ['--nodes', '2', '-f', join(root, 'examples/web.yaml')]);
});
afterAll(() => cluster.down());

const env = (): Record<string, string> => ({ KUBECONFIG: cluster.kubeconfig });

describe('kubectl get', () => {
  it('prints the columns that people know', () => {
    expect(cluster.kubectl('get', 'pods', '-n', 'my-app').split('\n')[0]).toMatch(
      /^NAME +READY +STATUS +RESTARTS +AGE$/,
    );
    expect(cluster.kubectl('get', 'pods', '-n', 'my-app', '-o', 'wide').split('\n')[0]).toMatch(
      /IP +NODE +NOMINATED NODE +READINESS GATES$/,
    );
    expect(cluster.kubectl('get', 'pods', 'client', '-n', 'my-app')).toMatch(/client +1\/1 +Running +0 +\d+/);
    expect(cluster.kubectl('get', 'nodes', '-o', 'wide')).toMatch(/node-1 +Ready .* 172\.\d+\.\d+\.11 .*runc:\/\//);
    expect(cluster.kubectl('get', 'svc', '-A')).toMatch(/kube-system +kube-dns/);
    expect(cluster.kubectl('get', 'deploy,rs,sts,ep,endpointslices,cm,sa,leases', '-A')).toContain(
      'deployment.apps/web',
    );
  });

  it('takes -l, -A, -o yaml and --field-selector', () => {
    expect(cluster.kubectl('get', 'pods', '-A', '-l', 'app=db', '-o', 'name').split('\n')).toEqual([
      'pod/db-0',
      'pod/db-1',
    ]);
    expect(cluster.kubectl('get', 'pods', '-n', 'my-app', '-l', 'app in (db,client),app!=db', '-o', 'name')).toBe(
      'pod/client',
    );
    expect(cluster.kubectl('get', 'service', 'web', '-n', 'my-app', '-o', 'yaml')).toMatch(/targetPort: 80/);
    expect(cluster.kubectl('get', 'pods', '-A', '--field-selector', 'metadata.name=client', '-o', 'name')).toBe(
      'pod/client',
    );
  });

  it('-w shows changes as they come', async () => {
    const watch = start('kubectl', ['get', 'configmaps', '-n', 'my-app', '-w', '-o', 'name'], env());
    await eventually(() =>
      expect(
        cluster.apply('{apiVersion: v1, kind: ConfigMap, metadata: {name: seen, namespace: my-app}, data: {a: b}}'),
      ).toContain('seen'),
    );
    await eventually(() => expect(watch.out()).toContain('configmap/seen'));
    await watch.end();
  });
});

describe('kubectl apply, scale, rollout, delete', () => {
  it('apply creates, configures and leaves alone', () => {
    const manifest = (value: string): string =>
      `{apiVersion: v1, kind: ConfigMap, metadata: {name: twice, namespace: my-app}, data: {key: ${value}}}`;
    expect(cluster.apply(manifest('one'))).toBe('configmap/twice created');
    expect(cluster.apply(manifest('one'))).toBe('configmap/twice unchanged');
    expect(cluster.apply(manifest('two'))).toBe('configmap/twice configured');
  });

  it('scale and rollout status follow the pods', () => {
    expect(cluster.kubectl('scale', 'deployment', 'web', '-n', 'my-app', '--replicas=5')).toBe(
      'deployment.apps/web scaled',
    );
    expect(cluster.kubectl('rollout', 'status', 'deployment/web', '-n', 'my-app', '--timeout=60s')).toContain(
      'successfully rolled out',
    );
    expect(cluster.get('deployment', 'web', '-n', 'my-app').status.readyReplicas).toBe(5);
    cluster.kubectl('set', 'env', 'deployment/web', '-n', 'my-app', 'GENERATION=2');
    expect(cluster.kubectl('rollout', 'status', 'deployment/web', '-n', 'my-app', '--timeout=60s')).toContain(
      'successfully rolled out',
    );
    expect(cluster.kubectl('get', 'rs', '-n', 'my-app', '-l', 'app=web-server', '-o', 'name').split('\n')).toHaveLength(
      2,
    );
    expect(cluster.kubectl('scale', 'statefulset', 'db', '-n', 'my-app', '--replicas=3')).toContain('scaled');
    expect(cluster.kubectl('rollout', 'status', 'statefulset/db', '-n', 'my-app', '--timeout=60s')).toMatch(
      /complete|roll out/,
    );
  });

  it('delete takes the object and what belongs to it', async () => {
    expect(cluster.kubectl('delete', 'statefulset', 'db', '-n', 'my-app')).toContain('"db" deleted');
    await eventually(() =>
      expect(cluster.kubectl('get', 'pods', '-n', 'my-app', '-l', 'app=db', '-o', 'name')).toBe(''),
    );
    cluster.apply('{apiVersion: v1, kind: Namespace, metadata: {name: short-lived}}');
    cluster.apply('{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: short-lived}}');
    expect(cluster.kubectl('delete', 'namespace', 'short-lived', '--timeout=30s')).toContain('deleted');
    expect(cluster.tryKubectl(['get', 'namespace', 'short-lived']).err).toContain('not found');
  });
});

describe('kubectl describe, logs, exec, port-forward', () => {
  it('describe shows the pod, its node and its events', () => {
    const text = cluster.kubectl('describe', 'pod', 'client', '-n', 'my-app');
    for (const word of ['Node:', 'IP:', 'Container ID:', 'runc://', 'Scheduled', 'Started'])
      expect(text).toContain(word);
    expect(cluster.kubectl('describe', 'node', 'node-1')).toMatch(/Non-terminated Pods/);
    expect(cluster.kubectl('describe', 'service', 'web', '-n', 'my-app')).toMatch(/Endpoints: +10\./);
  });

  it('logs and logs -f', async () => {
    cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: talker}
spec:
  restartPolicy: Never
  containers:
    - {name: talker, image: host, command: [sh, -c, 'for i in 1 2 3 4 5; do echo line $i; sleep 0.3; done; echo bad >&2; exit 3']}`);
    await eventually(() => expect(cluster.tryKubectl(['logs', 'talker']).out).toContain('line 1'));
    const follow = start('kubectl', ['logs', '-f', 'talker'], env());
    expect(await follow.ended).toBe(0);
    expect(follow.out().split('\n').sort()).toEqual(['', 'bad', 'line 1', 'line 2', 'line 3', 'line 4', 'line 5']);
    expect(cluster.kubectl('logs', 'talker', '--tail=1')).toBe('bad');
    await eventually(() =>
      expect(cluster.get('pod', 'talker').status.containerStatuses[0].state.terminated).toMatchObject({
        exitCode: 3,
        reason: 'Error',
      }),
    );
  });

  it('exec gives output, exit code and standard input; exec -it gives a terminal', () => {
    expect(cluster.inPod('client', 'hostname', { namespace: 'my-app' })).toBe('client');
    expect(cluster.tryInPod('client', 'exit 7', { namespace: 'my-app' }).code).toBe(7);
    const cat = cluster.tryKubectl(['exec', '-i', '-n', 'my-app', 'client', '--', 'cat'], {
      input: 'through and back',
    });
    expect(cat.out).toBe('through and back');
    // `script` gives kubectl the terminal that -t asks for.
    const terminal = run(
      'script',
      ['-qec', 'kubectl exec -it -n my-app client -- sh -c "tty; stty size"', '/dev/null'],
      { env: env() },
    );
    expect(terminal.out, terminal.err).toMatch(/\/dev\/pts\/\d/);
    const missing = cluster.tryKubectl(['exec', '-n', 'my-app', 'client', '--', 'no-such-program']);
    expect(missing.code).not.toBe(0);
    expect(missing.err).toContain('no-such-program');
  });

  it('port-forward reaches a pod from the host', async () => {
    const forward = start('kubectl', ['port-forward', '-n', 'my-app', 'deployment/web', ':80'], env());
    try {
      const port = await eventually(() => {
        const found = /127\.0\.0\.1:(\d+)/.exec(forward.out());
        expect(found, forward.err()).not.toBeNull();
        return found?.[1] ?? '';
      });
      expect(must('curl', ['-s', '--max-time', '5', `http://127.0.0.1:${port}`])).toMatch(/^web-/);
      expect(must('curl', ['-s', '--max-time', '5', `http://127.0.0.1:${port}`])).toMatch(/^web-/);
    } finally {
      await forward.end();
    }
  });
});

describe('kubectl explain, api-resources, and who may ask', () => {
  it('explain knows the fields', () => {
    const text = cluster.kubectl('explain', 'pod.spec.containers');
    expect(text).toMatch(/image\s+<string>/);
    // Before 1.27 kubectl reads the older document, in which it is a string.
    expect(cluster.kubectl('explain', 'service.spec.ports')).toMatch(/targetPort\s+<(IntOrString|string)>/);
    expect(cluster.tryKubectl(['explain', 'pod.spec.nonsense']).code).not.toBe(0);
  });

  it('api-resources lists exactly the kinds served', () => {
    const kinds = cluster
      .kubectl('api-resources', '--no-headers')
      .split('\n')
      .map((line) => line.trim().split(/\s+/).at(-1) ?? '')
      .sort();
    expect(kinds).toEqual(
      [
        'ConfigMap',
        'ControllerRevision',
        'Deployment',
        'EndpointSlice',
        'Endpoints',
        'Event',
        'Lease',
        'Namespace',
        'NetworkPolicy',
        'Node',
        'Pod',
        'ReplicaSet',
        'Secret',
        'Service',
        'ServiceAccount',
        'StatefulSet',
      ].sort(),
    );
  });

  it('answers 401 to who shows no certificate', async () => {
    const server = cluster.kubectl('config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}');
    const answer = await new Promise<{ code?: number; body: string }>((resolve, reject) => {
      const asked = request(`${server}/api/v1/namespaces`, { rejectUnauthorized: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
        response.on('end', () => resolve({ code: response.statusCode, body }));
      });
      asked.on('error', reject).end();
    });
    expect(answer.code).toBe(401);
    expect(JSON.parse(answer.body)).toMatchObject({ kind: 'Status', reason: 'Unauthorized', code: 401 });
  });
});

const versions = ['1.27', '1.30', '1.33']
  .map((v) => `kubectl.${v}`)
  .filter((name) => run('sh', ['-c', `command -v ${name}`]).code === 0);
describe.runIf(versions.length > 0)('other versions of kubectl', () => {
  it.each(versions)('%s gets, applies and executes', (version) => {
    expect(must(version, ['get', 'pods', '-n', 'my-app', 'client', '-o', 'name'], { env: env() })).toBe('pod/client');
    expect(must(version, ['exec', '-n', 'my-app', 'client', '--', 'hostname'], { env: env() })).toBe('client');
  });
});

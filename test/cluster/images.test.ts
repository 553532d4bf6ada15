// Images from files: an OCI layout and a `docker save` archive that the test makes itself from this machine's busybox.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, eventually, must, startCluster } from './cluster.ts';

let cluster: Cluster;
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'podlan-image-'));
  cluster = startCluster('img', ['--nodes', '2']);
});
afterAll(() => {
  cluster.down();
  rmSync(dir, { recursive: true });
});

const digest = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A layer tar: busybox with the links it needs, and a file that says which image this is. */
function layer(name: string, says: string): Buffer {
  const root = join(dir, `${name}-root`);
  mkdirSync(join(root, 'bin'), { recursive: true });
  copyFileSync('/usr/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of ['sh', 'cat', 'sleep', 'ls', 'id']) symlinkSync('busybox', join(root, 'bin', applet));
  writeFileSync(join(root, 'says'), `${says}\n`);
  must('tar', ['-C', root, '-cf', join(dir, `${name}.tar`), '.']);
  return readFileSync(join(dir, `${name}.tar`));
}
/** A second layer that takes a file of the first away, in the way of the image specification. */
function whiteout(name: string): Buffer {
  const root = join(dir, `${name}-root`);
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, '.wh.gone'), '');
  writeFileSync(join(root, 'added'), 'second layer\n');
  must('tar', ['-C', root, '-cf', join(dir, `${name}.tar`), '.']);
  return readFileSync(join(dir, `${name}.tar`));
}
const config = (layers: Buffer[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {
        Entrypoint: ['/bin/sh', '-c'],
        Cmd: ['cat /says; sleep 3600'],
        Env: ['PATH=/bin', 'FROM_IMAGE=yes'],
        WorkingDir: '/tmp/work',
        User: '65534',
      },
      rootfs: { type: 'layers', diff_ids: layers.map(digest) },
    }),
  );

function ociLayout(name: string): string {
  const at = join(dir, 'layout');
  mkdirSync(join(at, 'blobs/sha256'), { recursive: true });
  const blob = (bytes: Buffer, mediaType: string): object => {
    writeFileSync(join(at, 'blobs/sha256', digest(bytes).slice(7)), bytes);
    return { mediaType, digest: digest(bytes), size: bytes.length };
  };
  const layers = [layer('oci', 'from an OCI layout'), whiteout('oci2')];
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: blob(config(layers), 'application/vnd.oci.image.config.v1+json'),
      layers: layers.map((l) => blob(l, 'application/vnd.oci.image.layer.v1.tar')),
    }),
  );
  const entry = {
    ...blob(manifest, 'application/vnd.oci.image.manifest.v1+json'),
    annotations: { 'org.opencontainers.image.ref.name': name },
  };
  writeFileSync(join(at, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(join(at, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return at;
}

function dockerArchive(name: string): string {
  const at = join(dir, 'docker');
  mkdirSync(at);
  const bytes = layer('docker', 'from docker save');
  writeFileSync(join(at, 'layer.tar'), bytes);
  writeFileSync(join(at, 'config.json'), config([bytes]));
  writeFileSync(
    join(at, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]),
  );
  const file = join(dir, 'docker.tar.gz');
  must('tar', ['-C', at, '-czf', file, '.']);
  return file;
}

const runPod = (name: string, image: string): void => {
  cluster.apply(
    `{apiVersion: v1, kind: Pod, metadata: {name: ${name}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "${image}", imagePullPolicy: IfNotPresent}]}}`,
  );
  cluster.kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s');
};

describe('podlan load', () => {
  it('an OCI layout becomes an image: entrypoint, environment, user, working directory, layers', () => {
    const loaded = cluster.podlan(['load', ociLayout('example.test/busy:v1')]);
    expect(loaded.code, loaded.err).toBe(0);
    expect(loaded.err).toContain('example.test/busy:v1');
    runPod('oci', 'example.test/busy:v1');
    expect(cluster.kubectl('logs', 'oci')).toBe('from an OCI layout');
    expect(cluster.inPod('oci', 'echo $FROM_IMAGE $(pwd) $(id -u) $(cat /added)')).toBe(
      'yes /tmp/work 65534 second layer',
    );
  });

  it('so does a gzipped docker save archive, with -o json', () => {
    const loaded = cluster.podlan(['load', dockerArchive('busy:v2'), '-o', 'json']);
    expect(loaded.code, loaded.err).toBe(0);
    expect(JSON.parse(loaded.out)[0].names[0]).toContain('busy:v2');
    runPod('docker', 'busy:v2');
    expect(cluster.kubectl('logs', 'docker')).toBe('from docker save');
  });

  it('what is not an image is refused in one line', () => {
    const file = join(dir, 'nonsense.tar');
    writeFileSync(file, 'this is no archive');
    const result = cluster.podlan(['load', file]);
    expect(result.code).toBe(1);
    expect(result.err).toContain('nonsense.tar');
    expect(cluster.podlan(['load', '/no/such/file']).code).toBe(1);
  });

  it('an image that is not here keeps the pod waiting, and the pod says how to bring it', async () => {
    cluster.apply(
      '{apiVersion: v1, kind: Pod, metadata: {name: absent}, spec: {containers: [{name: c, image: "nowhere:v1"}]}}',
    );
    await eventually(() => {
      const waiting = cluster.get('pod', 'absent').status.containerStatuses[0].state.waiting as {
        reason: string;
        message: string;
      };
      expect(waiting.reason).toMatch(/^(ErrImagePull|ImagePullBackOff)$/);
      expect(waiting.message).toContain('podlan load');
    });
  });
});

// Images from archives as other tools make them, unpacked, layered and run.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadImage } from '../../src/kubelet/image/load.io.ts';
import { openImageStore } from '../../src/kubelet/image/store.io.ts';
import { openLab } from './kubelet-lab.ts';
import type { Lab } from './kubelet-lab.ts';

let dir: string;
let lab: Lab;
let images: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'podlan-image-'));
  lab = await openLab('image');
  images = lab.imagesDir;
  makeLayout();
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await lab.close();
});

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const tar = (from: string, file: string): Buffer => {
  execFileSync('tar', ['-C', from, '-cf', file, '--sort=name', '--mtime=@0', '--numeric-owner', '.']);
  return readFileSync(file);
};

interface Made {
  readonly layout: string;
  readonly config: string;
  readonly layers: readonly { readonly digest: string; readonly path: string }[];
}
let made: Made;

/** Two layers: busybox with files, then one that deletes a file, empties a directory and replaces another. */
function makeLayout(): void {
  const base = join(dir, 'base');
  for (const d of ['bin', 'etc', 'data', 'old', 'proc', 'dev', 'sys', 'tmp'])
    mkdirSync(join(base, d), { recursive: true });
  copyFileSync('/bin/busybox', join(base, 'bin/busybox'));
  chmodSync(join(base, 'bin/busybox'), 0o755);
  for (const applet of ['sh', 'cat', 'ls', 'id', 'echo', 'sleep', 'pwd'])
    symlinkSync('busybox', join(base, 'bin', applet));
  writeFileSync(join(base, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n');
  writeFileSync(join(base, 'etc/group'), 'root:x:0:\nweb:x:1000:\nextra:x:77:web\n');
  writeFileSync(join(base, 'data/keep'), 'kept\n');
  writeFileSync(join(base, 'data/drop'), 'dropped\n');
  writeFileSync(join(base, 'old/file'), 'hidden\n');
  const top = join(dir, 'top');
  for (const d of ['data', 'old']) mkdirSync(join(top, d), { recursive: true });
  writeFileSync(join(top, 'data/.wh.drop'), '');
  writeFileSync(join(top, 'data/new'), 'new\n');
  writeFileSync(join(top, 'old/.wh..wh..opq'), '');
  const layout = join(dir, 'web');
  const blobs = join(layout, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (bytes: Uint8Array): string => {
    writeFileSync(join(blobs, sha(bytes)), bytes);
    return `sha256:${sha(bytes)}`;
  };
  const layers = [base, top].map((from, i) => {
    const plain = tar(from, join(dir, `${i}.tar`));
    execFileSync('gzip', ['-nkf', join(dir, `${i}.tar`)]);
    return { diff: `sha256:${sha(plain)}`, digest: put(readFileSync(join(dir, `${i}.tar.gz`))) };
  });
  const config = put(
    Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: {
          Entrypoint: ['/bin/sh', '-c'],
          Cmd: ['id; pwd; ls /data /old; cat /data/new; echo $GREETING'],
          Env: ['PATH=/bin', 'GREETING=hi'],
          User: 'web',
          WorkingDir: '/tmp',
        },
        rootfs: { type: 'layers', diff_ids: layers.map((l) => l.diff) },
      }),
    ),
  );
  const descriptor = (digest: string) => ({ digest, size: statSync(join(blobs, digest.slice(7))).size });
  const manifest = put(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: { ...descriptor(config), mediaType: 'application/vnd.oci.image.config.v1+json' },
        layers: layers.map(({ digest }) => ({
          ...descriptor(digest),
          mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        })),
      }),
    ),
  );
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const entry = {
    ...descriptor(manifest),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    annotations: { 'org.opencontainers.image.ref.name': 'v1' },
  };
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  made = {
    layout,
    config: join(blobs, config.slice(7)),
    layers: layers.map(({ digest }) => ({ digest, path: join(blobs, digest.slice(7)) })),
  };
}

/** As `docker save` wrote before it wrote OCI layouts too: plain layers, and their order in manifest.json. */
function dockerSave(name: string): string {
  const out = join(dir, 'saved');
  mkdirSync(out);
  const config = readFileSync(made.config);
  writeFileSync(join(out, `${sha(config)}.json`), config);
  const layers = [0, 1].map((i) => {
    mkdirSync(join(out, `layer${i}`));
    copyFileSync(join(dir, `${i}.tar`), join(out, `layer${i}/layer.tar`));
    return `layer${i}/layer.tar`;
  });
  writeFileSync(
    join(out, 'manifest.json'),
    JSON.stringify([{ Config: `${sha(config)}.json`, RepoTags: [name], Layers: layers }]),
  );
  tar(out, join(dir, 'saved.tar'));
  execFileSync('gzip', ['-f', join(dir, 'saved.tar')]);
  return join(dir, 'saved.tar.gz');
}

describe('podlan load', () => {
  it('an OCI layout: its config, whiteouts and user come out in the container', async () => {
    const loaded = await loadImage(made.layout, images);
    expect(loaded).toEqual({
      names: ['docker.io/library/web:v1'],
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    await lab.pod('web', { restartPolicy: 'Never', containers: [{ name: 'main', image: 'web:v1' }] });
    const pod = await lab.until('web', (p) => p.status?.phase === 'Succeeded');
    expect(lab.log('web').split('\n')).toEqual([
      'uid=1000(web) gid=1000(web) groups=77(extra),1000(web)',
      '/tmp',
      '/data:',
      'keep',
      'new',
      '',
      '/old:',
      'new',
      'hi',
      '',
    ]);
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({
      image: 'docker.io/library/web:v1',
      imageID: expect.stringMatching(/^sha256:/),
    });
  });

  it('a pod that waits for its image starts when it is loaded', async () => {
    await lab.pod('early', {
      restartPolicy: 'Never',
      containers: [{ name: 'main', image: 'me/saved:2', imagePullPolicy: 'IfNotPresent', args: ['echo loaded'] }],
    });
    await lab.until('early', (p) => p.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImagePull');
    const file = dockerSave('me/saved:2');
    expect((await loadImage(file, images)).names).toEqual(['docker.io/me/saved:2']);
    await lab.until('early', (p) => p.status?.phase === 'Succeeded');
    expect(lab.log('early')).toBe('loaded\n');
    // The same layers are there once.
    expect(readdirSync(join(images, 'layers'))).toHaveLength(2);
  });

  it('an OCI archive with a full name', async () => {
    const copy = join(dir, 'renamed');
    cpSync(made.layout, copy, { recursive: true });
    writeFileSync(
      join(copy, 'index.json'),
      readFileSync(join(copy, 'index.json'), 'utf8').replace('"v1"', '"ghcr.io/me/app:3"'),
    );
    const file = join(dir, 'x.tar');
    tar(copy, file);
    expect((await loadImage(file, images)).names).toEqual(['ghcr.io/me/app:3']);
  });

  it('refuses what is damaged, foreign or no image, in one line, and leaves nothing half there', async () => {
    const fresh = join(dir, 'fresh');
    const failure = (file: string): Promise<string> =>
      loadImage(file, fresh).then(
        () => 'loaded',
        (e: Error) => e.message,
      );
    expect(await failure(join(dir, 'absent.tar'))).toBe('there is no such file');
    writeFileSync(join(dir, 'junk.tar'), 'this is no archive');
    expect(await failure(join(dir, 'junk.tar'))).toMatch(/^not an image archive/);
    execFileSync('tar', ['-C', join(dir, 'base'), '-cf', join(dir, 'plain.tar'), 'etc']);
    expect(await failure(join(dir, 'plain.tar'))).toMatch(/neither index.json/);
    const [first] = made.layers;
    const bytes = readFileSync(first?.path ?? '');
    writeFileSync(first?.path ?? '', Buffer.concat([bytes.subarray(0, -20), Buffer.alloc(20)]));
    expect(await failure(made.layout)).not.toContain('loaded');
    rmSync(first?.path ?? '');
    expect(await failure(made.layout)).toMatch(/no such file|incomplete/);
    writeFileSync(first?.path ?? '', bytes);
    expect(readdirSync(join(fresh, 'layers'))).toEqual([]);
    expect(readdirSync(join(fresh, 'tmp'))).toEqual([]);
    expect(await failure(made.layout)).toBe('loaded');
  });

  it('says when a name has come', async () => {
    const store = openImageStore(join(dir, 'fresh'));
    const told = new Promise<void>((resolve) => store.onChange(resolve));
    expect(store.find('docker.io/library/host:latest')?.layers).toEqual(['/']);
    expect(store.find('docker.io/library/none:latest')).toBeUndefined();
    await loadImage(made.layout, join(dir, 'fresh'));
    await told;
    store.close();
  });
});

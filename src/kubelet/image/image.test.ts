import { describe, expect, it } from 'vitest';
import { argvOf, blobPath, forMachine, imageEnv, layerName } from './image.ts';
import { archivedName, HOST_IMAGE, normalImageName } from './name.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('normalImageName', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['host', HOST_IMAGE],
    ['host:latest', HOST_IMAGE],
    ['docker.io/library/host:latest', HOST_IMAGE],
    ['me/web:1.0', 'docker.io/me/web:1.0'],
    ['localhost:5000/web', 'localhost:5000/web:latest'],
    ['localhost/web:x', 'localhost/web:x'],
    ['ghcr.io/a/b/c:v1', 'ghcr.io/a/b/c:v1'],
    [`web:1@${digest}`, `docker.io/library/web@${digest}`],
    ['Web', undefined],
    ['web:', undefined],
    ['', undefined],
    ['web@sha256:12', undefined],
  ])('%s', (name, wanted) => expect(normalImageName(name)).toBe(wanted));
});

describe('archivedName', () => {
  it.each([
    [{}, 'web.tar', 'docker.io/library/web:latest'],
    [{ 'org.opencontainers.image.ref.name': 'v1' }, 'web.tar.gz', 'docker.io/library/web:v1'],
    [{ 'org.opencontainers.image.ref.name': 'me/web:2' }, 'x.tar', 'docker.io/me/web:2'],
    [
      { 'io.containerd.image.name': 'docker.io/me/web:3', 'org.opencontainers.image.ref.name': '3' },
      'x',
      'docker.io/me/web:3',
    ],
    [{}, '_.tar', undefined],
  ])('%o in %s', (annotations, file, wanted) => expect(archivedName(annotations, file)).toBe(wanted));
});

describe('argvOf', () => {
  const config = { Entrypoint: ['/e'], Cmd: ['c'] };
  it.each([
    [{}, ['/e', 'c']],
    [{ args: ['a'] }, ['/e', 'a']],
    [{ command: ['/x'] }, ['/x']],
    [{ command: ['/x'], args: ['a'] }, ['/x', 'a']],
  ])('%o', (container, argv) => expect(argvOf(container, config)).toEqual(argv));
  it('is empty where there is nothing', () => expect(argvOf({}, { Entrypoint: null })).toEqual([]));
});

describe('archives', () => {
  it('a digest leads nowhere else', () => {
    expect(blobPath(digest)).toBe(`blobs/sha256/${'a'.repeat(64)}`);
    expect(() => blobPath('sha256:../../etc/passwd')).toThrow('not a sha256');
    expect(layerName(digest)).toHaveLength(32);
  });
  it('takes the manifest for this machine', () => {
    const arm = { digest: '1', platform: { os: 'linux', architecture: 'arm64' } };
    const amd = { digest: '2', platform: { os: 'linux', architecture: 'amd64' } };
    expect(forMachine([arm, amd], 'amd64')).toBe(amd);
    expect(forMachine([arm], 'amd64')).toBeUndefined();
  });
  it('always gives a PATH', () => {
    expect(imageEnv({})[0]).toMatch(/^PATH=/);
    expect(imageEnv({ Env: ['PATH=/x', 'A=b'] })).toEqual(['PATH=/x', 'A=b']);
  });
});

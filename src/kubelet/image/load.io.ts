// Images from files into the machine's image directory:
//
//   <imagesDir>/layers/<first 32 of the diff id>/   one unpacked layer, complete or not there
//   <imagesDir>/names/<name, percent-encoded>.json  what a name means
//   <imagesDir>/tmp/<pid>-<n>/                      work in progress; removed at the end, or by the next load after a crash
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, normalize } from 'node:path';
import { blobPath, forMachine, isIndex, layerName } from './image.ts';
import type { ConfigFile, Descriptor, DockerManifest, Image, OciIndex, OciManifest } from './image.ts';
import { compare, unpackLayer } from './layer.io.ts';
import { archivedName, HOST_IMAGE, normalImageName } from './name.ts';

export interface LoadedImage {
  readonly names: string[];
  readonly digest: string;
}

/** One image of an archive, found and not yet unpacked. */
interface Found {
  readonly names: readonly string[];
  readonly digest: string;
  readonly id: string;
  readonly config: ConfigFile;
  readonly layers: readonly { readonly blob: string; readonly digest?: string }[];
}

const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

/** An OCI layout (directory or tar) or a `docker save` archive, .gz or not. Of several images in it every one is loaded. */
export async function loadImage(archivePath: string, imagesDir: string): Promise<LoadedImage> {
  if (!existsSync(archivePath)) throw new Error('there is no such file');
  for (const part of ['layers', 'names', 'tmp']) mkdirSync(join(imagesDir, part), { recursive: true });
  sweep(join(imagesDir, 'tmp'));
  const work = mkdtempSync(join(imagesDir, 'tmp', `${process.pid}-`));
  try {
    const dir = statSync(archivePath).isDirectory() ? archivePath : await untar(archivePath, join(work, 'archive'));
    const found = findImages(dir, basename(archivePath));
    for (const image of found) await store(image, imagesDir, work);
    return { names: found.flatMap((f) => f.names), digest: found[0]?.digest ?? '' };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Work of processes that are gone. */
function sweep(tmp: string): void {
  for (const entry of readdirSync(tmp)) {
    if (!existsSync(`/proc/${entry.split('-')[0]}`)) rmSync(join(tmp, entry), { recursive: true, force: true });
  }
}

async function untar(file: string, dir: string): Promise<string> {
  mkdirSync(dir);
  const child = spawn('tar', ['-x', '-f', file, '-C', dir], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`not an image archive (${said.trim().split('\n')[0] ?? 'tar refused it'})`);
  return dir;
}

function findImages(dir: string, fileName: string): Found[] {
  // docker save writes both since version 25; manifest.json has the names in full.
  if (existsSync(join(dir, 'manifest.json')))
    return (readJson(dir, 'manifest.json') as DockerManifest[]).map((m) => fromDocker(dir, m));
  if (existsSync(join(dir, 'index.json'))) return fromLayout(dir, fileName);
  throw new Error('not an image archive: neither index.json (OCI layout) nor manifest.json (docker save) is in it');
}

function fromDocker(dir: string, manifest: DockerManifest): Found {
  const text = readFileSync(inside(dir, manifest.Config));
  const id = digestOf(text);
  const named = /([0-9a-f]{64})/.exec(manifest.Config)?.[1];
  if (named !== undefined) compare(`the config ${manifest.Config}`, id, `sha256:${named}`);
  const names = (manifest.RepoTags ?? []).map((tag) => requireName(tag));
  if (names.length === 0) throw new Error('an image in it has no name: save it by name, not by id');
  const layers = manifest.Layers.map((path) => ({ blob: inside(dir, path) }));
  return { names, digest: id, id, config: JSON.parse(text.toString()) as ConfigFile, layers };
}

function fromLayout(dir: string, fileName: string): Found[] {
  const { manifests } = readJson(dir, 'index.json') as OciIndex;
  return manifests
    .filter((d) => d.platform?.architecture !== 'unknown')
    .map((entry) => {
      const descriptor = isIndex(entry) ? pick(dir, entry) : entry;
      const manifest = JSON.parse(readBlob(dir, descriptor).toString()) as OciManifest;
      const config = JSON.parse(readBlob(dir, manifest.config).toString()) as ConfigFile;
      const layers = manifest.layers.map(({ digest }) => ({ blob: join(dir, blobPath(digest)), digest }));
      const name = archivedName(entry.annotations ?? {}, fileName);
      if (name === undefined) throw new Error(`no name can be made of ${fileName}: give the image a reference`);
      return { names: [name], digest: descriptor.digest, id: manifest.config.digest, config, layers };
    });
}

function pick(dir: string, index: Descriptor): Descriptor {
  const { manifests } = JSON.parse(readBlob(dir, index).toString()) as OciIndex;
  const fitting = forMachine(manifests, architecture);
  if (!fitting) throw new Error(`no image for linux/${architecture} is in it`);
  return isIndex(fitting) ? pick(dir, fitting) : fitting;
}

async function store(found: Found, imagesDir: string, work: string): Promise<void> {
  const diffIds = found.config.rootfs?.diff_ids ?? [];
  const name = found.names[0] ?? '';
  if (found.names.includes(HOST_IMAGE)) throw new Error(`the name ${HOST_IMAGE} is taken by the built-in image`);
  if (diffIds.length !== found.layers.length)
    throw new Error(`${name} is damaged: ${found.layers.length} layers, ${diffIds.length} in its config`);
  if (found.config.architecture !== undefined && found.config.architecture !== architecture)
    throw new Error(`${name} is for ${found.config.architecture}, this machine is ${architecture}`);
  const layers: string[] = [];
  for (const [i, layer] of found.layers.entries()) {
    const diffId = diffIds[i] ?? '';
    const target = join(imagesDir, 'layers', layerName(diffId));
    if (!existsSync(target)) await placeLayer(layer, diffId, target, join(work, `layer-${i}`));
    layers.push(target);
  }
  const { id, digest, config } = found;
  for (const each of found.names) {
    const image: Image = { name: each, id, digest, layers, config: config.config ?? {} };
    const path = join(imagesDir, 'names', `${encodeURIComponent(each)}.json`);
    writeFileSync(join(work, 'name'), JSON.stringify(image));
    renameSync(join(work, 'name'), path);
  }
}

async function placeLayer(layer: Found['layers'][number], diffId: string, target: string, dir: string): Promise<void> {
  mkdirSync(dir, { mode: 0o755 });
  await unpackLayer(layer.blob, dir, { digest: layer.digest, diffId });
  try {
    renameSync(dir, target);
  } catch (e) {
    // Another load was quicker with the same layer.
    const code = (e as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw e;
  }
}

function readBlob(dir: string, descriptor: Descriptor): Buffer {
  const path = join(dir, blobPath(descriptor.digest));
  if (!existsSync(path)) throw new Error(`the archive is incomplete: ${descriptor.digest} is not in it`);
  const bytes = readFileSync(path);
  compare(`a file of it`, digestOf(bytes), descriptor.digest);
  return bytes;
}

function readJson(dir: string, file: string): unknown {
  try {
    return JSON.parse(readFileSync(join(dir, file), 'utf8'));
  } catch (e) {
    throw new Error(`not an image archive: ${file}: ${(e as Error).message}`, { cause: e });
  }
}

function inside(dir: string, path: string): string {
  const clean = normalize(path);
  if (clean.startsWith('..') || clean.startsWith('/')) throw new Error(`a path leads out of the archive: ${path}`);
  if (!existsSync(join(dir, clean))) throw new Error(`the archive is incomplete: ${path} is not in it`);
  return join(dir, clean);
}

function requireName(tag: string): string {
  const name = normalImageName(tag);
  if (name === undefined) throw new Error(`not an image name: ${tag}`);
  return name;
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

// One layer from its blob into a directory that overlay can use.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { makeWhiteout, markOpaque } from '../../linux/mount/mount.io.ts';

/** A hash that data flows through. */
function tap(): { stream: Transform; digest(): string } {
  const hash = createHash('sha256');
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  return { stream, digest: () => `sha256:${hash.digest('hex')}` };
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** By its first bytes, not by its media type: archives in the wild get that wrong. */
async function decompressor(path: string) {
  const magic = (await firstBytes(path)).toString('hex');
  if (magic.startsWith('1f8b')) return createGunzip();
  if (magic === '28b52ffd') return createZstdDecompress();
  return undefined;
}

/** Unpacks the blob into the empty directory; throws when its bytes are not those of the digests. */
export async function unpackLayer(
  blob: string,
  dir: string,
  wanted: { digest?: string; diffId: string },
): Promise<void> {
  const packed = tap();
  const plain = tap();
  const unpack = await decompressor(blob);
  const child = spawn('tar', ['-x', '-p', '--numeric-owner', '--xattrs', '--xattrs-include=*', '-f', '-', '-C', dir], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const stages: [Readable, ...Transform[]] = [
    createReadStream(blob),
    packed.stream,
    ...(unpack ? [unpack] : []),
    plain.stream,
  ];
  await pipeline([...stages, (source: AsyncIterable<Buffer>) => feed(source, child.stdin)] as never);
  const code = await ended;
  if (code !== 0) throw new Error(`tar: ${said.trim().split('\n')[0] ?? `ended with ${code}`}`);
  if (wanted.digest !== undefined) compare('a layer', packed.digest(), wanted.digest);
  compare('a layer', plain.digest(), wanted.diffId);
  convertWhiteouts(dir);
}

/** tar stops reading at the archive's end mark; what comes after it must be hashed all the same. */
async function feed(source: AsyncIterable<Buffer>, into: Writable): Promise<void> {
  let open = true;
  const closed = new Promise<void>((resolve) => {
    const stop = (): void => {
      open = false;
      resolve();
    };
    into.on('error', stop).on('close', stop);
  });
  for await (const chunk of source) {
    if (open && !into.write(chunk)) await Promise.race([closed, new Promise((resolve) => into.once('drain', resolve))]);
  }
  into.end();
}

export function compare(what: string, seen: string, wanted: string): void {
  if (seen !== wanted) throw new Error(`${what} is damaged: its digest is ${seen}, not ${wanted}`);
}

const OPAQUE = '.wh..wh..opq';
const PREFIX = '.wh.';

/** The tar format's marks for "deleted" into overlay's. */
function convertWhiteouts(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.name === OPAQUE) {
      rmSync(path);
      markOpaque(dir);
    } else if (entry.name.startsWith(PREFIX)) {
      rmSync(path, { recursive: true });
      // '.wh..wh.plnk' and the like are aufs' own and hide nothing.
      if (!entry.name.startsWith('.wh..wh.')) makeWhiteout(join(dir, entry.name.slice(PREFIX.length)));
    } else if (entry.isDirectory()) {
      convertWhiteouts(path);
    }
  }
}

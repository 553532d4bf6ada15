// The machine's images as a node sees them.
import { mkdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { hostImage } from './image.ts';
import type { Image } from './image.ts';
import { HOST_IMAGE } from './name.ts';

export interface ImageStore {
  /** By its full name. */
  find(name: string): Image | undefined;
  /** A name came, changed or went. */
  onChange(listener: () => void): void;
  close(): void;
}

export function openImageStore(imagesDir: string): ImageStore {
  const names = join(imagesDir, 'names');
  mkdirSync(names, { recursive: true });
  const listeners = new Set<() => void>();
  const watcher = watch(names, () => {
    for (const listener of listeners) listener();
  });
  return {
    find(name) {
      if (name === HOST_IMAGE) return hostImage;
      try {
        return JSON.parse(readFileSync(join(names, `${encodeURIComponent(name)}.json`), 'utf8')) as Image;
      } catch (e) {
        if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw e;
      }
    },
    onChange: (listener) => void listeners.add(listener),
    close: () => watcher.close(),
  };
}

// Bundles the processes of podlan into dist/: one module graph, split so that each process loads only its own part.
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });

const bundle = await rolldown({
  input: {
    podlan: join(root, 'src/cmd/podlan.io.ts'),
    'store-worker': join(root, 'src/cmd/store-worker.io.ts'),
    'dns-worker': join(root, 'src/cmd/dns-worker.io.ts'),
  },
  platform: 'node',
  // koffi loads its prebuilt library from its own folder.
  external: ['koffi', /^node:/],
  checks: { pluginTimings: false },
  onLog(level, log, handle) {
    if (log.code === 'EVAL' || log.code === 'CIRCULAR_DEPENDENCY') return;
    handle(level, log);
  },
});
await bundle.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].mjs',
  chunkFileNames: '[name]-[hash].mjs',
  minify: false,
  sourcemap: true,
});
await bundle.close();
writeFileSync(join(dist, '.built'), '');

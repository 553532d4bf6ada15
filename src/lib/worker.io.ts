// Where a worker's code lies: beside the bundle when built, in src/cmd when run from source.

/** URL for `new Worker(...)` of src/cmd/<name>-worker.io.ts. */
export function workerUrl(name: 'store' | 'dns'): URL {
  const bundled = !import.meta.url.endsWith('.ts');
  return new URL(bundled ? `./${name}-worker.mjs` : `../cmd/${name}-worker.io.ts`, import.meta.url);
}

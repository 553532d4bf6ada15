import { defineConfig } from 'vitest/config';

// Suites in the order in which they run: `unit` needs nothing of the machine; `linux` needs root and a kernel, in
// namespaces of its own; `cluster` starts real clusters. The last two share a machine, so their files run one by one.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts', 'test/{tidy,sim}/**/*.test.ts'] } },
      { test: { name: 'linux', include: ['test/linux/**/*.test.ts'], fileParallelism: false, testTimeout: 30_000 } },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});

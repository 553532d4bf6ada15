// Runs the suites one after the other and closes with one line that counts all of them together.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const suites = ['unit', 'linux', 'cluster'] as const;
const words = process.argv.slice(2);
const chosen = suites.filter((suite) => words.includes(suite));
const more = words.filter((word) => !suites.includes(word as (typeof suites)[number]));
const results = mkdtempSync(join(tmpdir(), 'podlan-test-'));

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  success: boolean;
}

let passed = 0;
let failed = 0;
let skipped = 0;
for (const suite of chosen.length > 0 ? chosen : suites) {
  const file = join(results, `${suite}.json`);
  const sinceMs = performance.now();
  console.log(`\n== ${suite} ==`);
  const run = spawnSync(
    'vitest',
    ['run', '--project', suite, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...more],
    { stdio: 'inherit' },
  );
  const report = read(file);
  passed += report?.numPassedTests ?? 0;
  skipped += report?.numPendingTests ?? 0;
  // A suite that could not even be loaded fails without a failed test: it counts as one.
  const broken = run.status !== 0 || report === undefined;
  failed += Math.max(report?.numFailedTests ?? 0, broken ? 1 : 0);
  console.log(`${suite}: ${((performance.now() - sinceMs) / 1000).toFixed(1)} s`);
}
rmSync(results, { recursive: true, force: true });
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

function read(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

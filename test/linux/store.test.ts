// The store on a real disk that fills up: a tmpfs of two megabytes.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite.io.ts';

describe('a full disk', () => {
  let disk: string;
  beforeAll(() => {
    disk = mkdtempSync(join(tmpdir(), 'podlan-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'podlan-store-test', disk]);
  });
  afterAll(() => {
    execFileSync('umount', [disk]);
    rmdirSync(disk);
  });

  it('is said clearly, loses no acknowledged write, and is over when there is room again', async () => {
    const path = join(disk, 'store.db');
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(500_000));
    let store = await openSqliteStore(path);
    const value = 'x'.repeat(1000);
    const acknowledged: string[] = [];
    const fill = async (): Promise<void> => {
      for (let i = 0; ; i += 1) {
        await store.put(`/k/${i}`, value, 0);
        acknowledged.push(`/k/${i}`);
      }
    };
    const failure: unknown = await fill().catch((e: unknown) => e);
    expect(failure).toMatchObject({ name: 'StoreError', code: 'Full' });
    expect((failure as Error).message).toContain('no space left for the store');
    expect(acknowledged.length).toBeGreaterThan(50);
    const kept = async (): Promise<Set<string>> => new Set((await store.range('')).entries.map((e) => e.key));
    expect([...(await kept())].sort()).toEqual([...acknowledged].sort());

    rmSync(ballast);
    expect(await store.put('/later', value, 0)).toEqual({ ok: true, revision: acknowledged.length + 2 });
    await store.close();
    store = await openSqliteStore(path);
    expect((await kept()).size).toBe(acknowledged.length + 1);
    await store.close();
  });
});

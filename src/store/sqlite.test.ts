import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeContract } from './contract.ts';
import { openSqliteStore } from './sqlite.io.ts';

storeContract('sqlite', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'podlan-store-'));
  const path = join(dir, 'store.db');
  return {
    open: () => openSqliteStore(path),
    async reopen(store) {
      await store.close();
      return openSqliteStore(path);
    },
    remove: () => rm(dir, { recursive: true }),
  };
});

describe('sqlite store', () => {
  let dir: string;
  let path: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'podlan-store-'));
    path = join(dir, 'store.db');
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('continues with the same revision when its last event was a deletion that is compacted away', async () => {
    const first = await openSqliteStore(path);
    await first.put('/a', '1', 0);
    await first.delete('/a', undefined);
    await first.compact(3);
    await first.close();
    const second = await openSqliteStore(path);
    expect(second.revision()).toBe(3);
    expect(await second.put('/a', '2', 0)).toEqual({ ok: true, revision: 4 });
    await second.close();
  });

  it('refuses to be opened twice', async () => {
    const store = await openSqliteStore(path);
    await expect(openSqliteStore(path)).rejects.toMatchObject({ name: 'StoreError', code: 'Locked' });
    expect(await store.put('/a', '1', 0)).toMatchObject({ ok: true });
    await store.close();
  });

  it('says that the disk is full, loses nothing it has acknowledged, and goes on when there is room', async () => {
    const store = await openSqliteStore(path, { maxBytes: 400_000 });
    const value = 'x'.repeat(2000);
    let acknowledged = 0;
    const fill = async (): Promise<void> => {
      for (;;) {
        await store.put(`/k/${acknowledged}`, value, 0);
        acknowledged += 1;
      }
    };
    const failure: unknown = await fill().catch((e: unknown) => e);
    expect(failure).toMatchObject({ name: 'StoreError', code: 'Full' });
    expect(acknowledged).toBeGreaterThan(50);
    expect(store.revision()).toBe(acknowledged + 1);
    expect((await store.range('')).entries).toHaveLength(acknowledged);
    await store.close();
    const again = await openSqliteStore(path);
    expect((await again.range('')).entries).toHaveLength(acknowledged);
    expect(await again.put('/more', value, 0)).toEqual({ ok: true, revision: acknowledged + 2 });
    await again.close();
  });

  it('has every write that it acknowledged after a kill without warning', async () => {
    const script = `
      import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite.io.ts', import.meta.url).href)};
      const store = await openSqliteStore(${JSON.stringify(path)});
      for (let i = 0; ; i += 1) {
        const done = await Promise.all([0, 1, 2, 3].map((n) => store.put('/k/' + i + '-' + n, 'v', 0)));
        process.stdout.write(done.map((d) => d.revision).join('\\n') + '\\n');
      }`;
    const file = join(dir, 'writer.mts');
    await writeFile(file, script);
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (d: Buffer) => {
      out += d.toString();
      if (out.split('\n').length > 200) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const acknowledged = out.trim().split('\n').slice(0, -1).map(Number);
    const store = await openSqliteStore(path);
    const kept = new Set((await store.range('')).entries.map((e) => e.revision));
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(acknowledged.filter((r) => !kept.has(r))).toEqual([]);
    await store.close();
  });
});

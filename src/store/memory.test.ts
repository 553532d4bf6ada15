import { describe, expect, it } from 'vitest';
import { storeContract } from './contract.ts';
import { memoryStore } from './memory.ts';
import { StoreError } from './types.ts';

storeContract('memory', async () => ({ open: async () => memoryStore(), remove: async () => undefined }));

describe('memory store', () => {
  it('fails a write as it is told to, and leaves nothing of it', async () => {
    let full = true;
    const store = memoryStore({ write: () => (full ? new StoreError('Full', 'no space') : undefined) });
    await expect(store.put('/a', '1', 0)).rejects.toMatchObject({ code: 'Full' });
    expect(store.revision()).toBe(1);
    full = false;
    expect(await store.put('/a', '1', 0)).toEqual({ ok: true, revision: 2 });
  });
});

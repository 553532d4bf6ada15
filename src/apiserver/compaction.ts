// Old revisions are forgotten from time to time. A page of a list, or a watch that starts over, may be as old as one to
// two rounds; later it is told 410 and lists again.
import { StoreError } from '../store/types.ts';
import type { Context } from './context.ts';

const everyMs = 300_000;

/** Returns how to stop. */
export function compactRegularly({ store, env }: Context): () => void {
  let roundBefore = store.revision();
  let stopped = false;
  let cancel = env.after(everyMs, next);
  function next(): void {
    void round();
  }
  async function round(): Promise<void> {
    const now = store.revision();
    try {
      await store.compact(roundBefore);
    } catch (e) {
      const error = e instanceof StoreError ? e.message : String(e);
      env.log('warn', 'old revisions were not removed', { error });
    }
    roundBefore = now;
    if (!stopped) cancel = env.after(everyMs, next);
  }
  return () => {
    stopped = true;
    cancel();
  };
}

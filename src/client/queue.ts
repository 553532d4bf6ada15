// Keys waiting to be looked at: each at most once, some only from a time on, failing ones later and later. No clock inside.

const backoffFirstMs = 20;
const backoffMaxMs = 30_000;

export class WorkQueue {
  /** Key -> from when on. */
  readonly #waiting = new Map<string, number>();
  readonly #working = new Set<string>();
  /** Changed while being worked on: looked at again right after. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  /** Appointments made while being worked on. */
  readonly #later = new Map<string, number>();

  /** Look at the key now; it replaces a later appointment. */
  add(key: string, nowMs: number): void {
    if (this.#working.has(key)) this.#again.add(key);
    else this.#wait(key, nowMs);
  }

  /** Look at the key at that time, or before when something changes. */
  addAt(key: string, atMs: number): void {
    if (this.#working.has(key)) this.#later.set(key, Math.min(atMs, this.#later.get(key) ?? atMs));
    else this.#wait(key, atMs);
  }

  /** The next key that is due, now being worked on; or when the next will be due; or undefined: nothing waits. */
  take(nowMs: number, order?: (key: string) => number): { key: string } | { dueMs: number } | undefined {
    let best: string | undefined;
    let bestRank = Number.POSITIVE_INFINITY;
    let dueMs = Number.POSITIVE_INFINITY;
    // A Map keeps the order of arrival.
    for (const [key, atMs] of this.#waiting) {
      if (atMs > nowMs) {
        dueMs = Math.min(dueMs, atMs);
        continue;
      }
      const rank = order ? order(key) : 0;
      if (best === undefined || rank < bestRank) {
        best = key;
        bestRank = rank;
        if (!order) break;
      }
    }
    if (best !== undefined) {
      this.#waiting.delete(best);
      this.#working.add(best);
      return { key: best };
    }
    return dueMs === Number.POSITIVE_INFINITY ? undefined : { dueMs };
  }

  /** Worked on with success: forgets its failures. */
  done(key: string, nowMs: number): void {
    this.#failures.delete(key);
    this.#finish(key, nowMs);
  }

  /** Worked on in vain: again after a growing delay, or when the next change comes. Returns that delay. */
  failed(key: string, nowMs: number): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const delayMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** (failures - 1));
    this.#working.delete(key);
    this.#again.delete(key);
    this.#later.delete(key);
    this.#wait(key, nowMs + delayMs);
    return delayMs;
  }

  get idle(): boolean {
    return this.#working.size === 0 && this.#waiting.size === 0;
  }

  #finish(key: string, nowMs: number): void {
    this.#working.delete(key);
    const atMs = this.#later.get(key);
    this.#later.delete(key);
    if (this.#again.delete(key)) this.#wait(key, nowMs);
    else if (atMs !== undefined) this.#wait(key, atMs);
  }

  #wait(key: string, atMs: number): void {
    const known = this.#waiting.get(key);
    if (known === undefined || atMs < known) this.#waiting.set(key, atMs);
  }
}

// A pod's status on its way to the API: written when it differs from what the API has, one write at a time.
import type { Pod } from '../api/types.ts';
import type { NodeContext } from './node.io.ts';
import { podWords, statusPatch } from './status.ts';
import type { PodStatus } from './status.ts';

const RETRY_MS = 500;

export class StatusReport {
  readonly #node: NodeContext;
  readonly #done: (pod: Pod | undefined) => void;
  #answered: { readonly patch: string; readonly version: string } | undefined;
  #writing = false;
  #retryAtMs = 0;

  /** `done` is told after each write, with the pod as the API then had it. */
  constructor(node: NodeContext, done: (pod: Pod | undefined) => void) {
    this.#node = node;
    this.#done = done;
  }

  /** After a failure: when to write again. */
  get retryAtMs(): number | undefined {
    return this.#retryAtMs > this.#node.env.nowMs() ? this.#retryAtMs : undefined;
  }

  /** The API has exactly this. */
  isWritten(pod: Pod, status: PodStatus): boolean {
    if (this.#writing) return false;
    const patch = statusPatch(pod, status);
    return patch === undefined || this.#isAnswered(pod, patch);
  }

  /** The server has taken this and holds it in words of its own: writing it again would change nothing. */
  #isAnswered(pod: Pod, patch: unknown): boolean {
    return this.#answered?.version === pod.metadata.resourceVersion && this.#answered.patch === JSON.stringify(patch);
  }

  write(pod: Pod, status: PodStatus): void {
    if (this.#writing || this.retryAtMs !== undefined) return;
    const patch = statusPatch(pod, status);
    if (patch === undefined || this.#isAnswered(pod, patch)) return;
    this.#writing = true;
    void this.#send(pod, patch, status)
      .catch((e: unknown) => {
        this.#node.env.log('debug', `status of ${podWords(pod)}: ${String(e)}`);
        this.#retryAtMs = this.#node.env.nowMs() + RETRY_MS;
        return undefined;
      })
      .then((answer) => {
        this.#writing = false;
        return this.#done(answer);
      });
  }

  async #send(pod: Pod, patch: unknown, status: PodStatus): Promise<Pod | undefined> {
    const { name, namespace, uid } = pod.metadata;
    const change = { op: 'patch', why: 'status', kind: 'Pod', namespace, name, patch, subresource: 'status' } as const;
    await this.#node.execute(change);
    const now = this.#node.cache.get('Pod', namespace, name);
    if (now?.metadata.uid !== uid) return undefined;
    const rest = statusPatch(now, status);
    this.#answered = { patch: JSON.stringify(rest), version: now.metadata.resourceVersion };
    return now;
  }
}

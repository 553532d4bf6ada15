// A pod's status on its way to the API: written when it differs from what the API has, one write at a time.
import type { Pod } from '../api/types.ts';
import type { NodeContext } from './node.io.ts';
import { podWords, statusPatch } from './status.ts';
import type { PodStatus } from './status.ts';

const RETRY_MS = 500;

export class StatusReport {
  readonly #node: NodeContext;
  #answered: { readonly patch: string; readonly version: string } | undefined;
  #writing = false;
  #retryAtMs = 0;

  constructor(node: NodeContext) {
    this.#node = node;
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

  /** `done` comes after a write that was begun, with the pod as the API then had it. */
  write(pod: Pod, status: PodStatus, done: (pod: Pod | undefined) => void): void {
    if (this.#writing || this.retryAtMs !== undefined) return;
    const patch = statusPatch(pod, status);
    if (patch === undefined || this.#isAnswered(pod, patch)) return;
    this.#writing = true;
    const { name, namespace, uid } = pod.metadata;
    const sent = async (): Promise<Pod | undefined> => {
      await this.#node.execute({
        op: 'patch',
        why: 'status',
        kind: 'Pod',
        namespace,
        name,
        patch,
        subresource: 'status',
      });
      const now = this.#node.cache.get('Pod', namespace, name);
      if (now?.metadata.uid !== uid) return undefined;
      const rest = statusPatch(now, status);
      this.#answered = { patch: JSON.stringify(rest), version: now.metadata.resourceVersion };
      return now;
    };
    void sent()
      .catch((e: unknown) => {
        this.#node.env.log('debug', `status of ${podWords(pod)}: ${String(e)}`);
        this.#retryAtMs = this.#node.env.nowMs() + RETRY_MS;
        return undefined;
      })
      .then((answer) => {
        this.#writing = false;
        return done(answer);
      });
  }
}

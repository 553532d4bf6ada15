// Runs a Controller: changes of objects -> keys -> plan -> executor. On failure it looks again, never resumes.
import { isAlreadyExists, isConflict, isNamespaceTerminating, isNotFound } from '../api/status.ts';
import type { Kind } from '../api/types.ts';
import { createExecutor, type Executor } from './executor.ts';
import { WorkQueue } from './queue.ts';
import type { Cache, Change, Client, Controller, Env, ObjectChange } from './types.ts';

export interface Running {
  stop(): void;
}

/** What is told of every change carried out (or refused by the API): the simulation's trace, a debug log. */
export type Trace = (controller: string, key: string, change: Change, error?: unknown) => void;

export function runController(
  controller: Controller,
  o: { readonly client: Client; readonly cache: Cache; readonly env: Env; readonly trace?: Trace },
): Running {
  const loop = new Loop(controller, o.client, o.cache, o.env, createExecutor(o.client, o.cache, o.env), o.trace);
  void o.cache.synced.then(() => loop.start());
  return { stop: () => loop.stop() };
}

class Loop {
  readonly #controller: Controller;
  readonly #client: Client;
  readonly #cache: Cache;
  readonly #env: Env;
  readonly #executor: Executor;
  readonly #trace: Trace | undefined;
  readonly #queue = new WorkQueue();
  readonly #watched: ReadonlySet<string>;
  readonly #declared: ReadonlySet<string>;
  #unsubscribe: (() => void) | undefined;
  #free: number;
  #stopped = false;
  #awake = false;
  #cancelTimer: (() => void) | undefined;

  constructor(
    controller: Controller,
    client: Client,
    cache: Cache,
    env: Env,
    executor: Executor,
    trace: Trace | undefined,
  ) {
    this.#controller = controller;
    this.#client = client;
    this.#cache = cache;
    this.#env = env;
    this.#executor = executor;
    this.#trace = trace;
    this.#watched = new Set(controller.watches);
    this.#declared = new Set(controller.writes);
    this.#free = controller.concurrency ?? 4;
  }

  start(): void {
    if (this.#stopped) return;
    this.#unsubscribe = this.#cache.onChange((change) => this.#changed(change));
    for (const key of this.#controller.startKeys ?? []) this.#queue.add(key, this.#env.nowMs());
    for (const kind of this.#controller.watches) {
      for (const object of this.#cache.list(kind)) this.#changed({ kind, type: 'added', object });
    }
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe?.();
    this.#cancelTimer?.();
  }

  #changed(change: ObjectChange): void {
    if (!this.#watched.has(change.kind)) return;
    try {
      const nowMs = this.#env.nowMs();
      for (const key of this.#controller.keys(change, this.#cache)) this.#queue.add(key, nowMs);
    } catch (e) {
      // A bug in one controller must not end the watch that all of them share.
      this.#env.log('error', `${this.#controller.name}: keys: ${describe(e)}`, { object: change.object.metadata.name });
    }
    this.#wake();
  }

  /** Starts work in a microtask of its own: a burst of changes is one look. */
  #wake(): void {
    if (this.#awake || this.#stopped) return;
    this.#awake = true;
    queueMicrotask(() => {
      this.#awake = false;
      this.#work();
    });
  }

  #work(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const controller = this.#controller;
    const rank = controller.order ? (key: string): number => controller.order?.(this.#cache, key) ?? 0 : undefined;
    while (this.#free > 0 && !this.#stopped) {
      const next = this.#queue.take(this.#env.nowMs(), rank);
      if (!next) return;
      if ('dueMs' in next) {
        this.#cancelTimer = this.#env.after(Math.max(0, next.dueMs - this.#env.nowMs()), () => this.#work());
        return;
      }
      this.#free--;
      void this.#look(next.key);
    }
  }

  async #look(key: string): Promise<void> {
    try {
      for (const read of this.#controller.reads?.(this.#cache, key) ?? []) await this.#read(read);
      const plan = this.#controller.plan(this.#cache, key, this.#env.nowMs());
      for (const change of plan.changes) this.#check(change);
      for (const change of plan.changes) {
        if (this.#stopped) return;
        await this.#execute(key, change);
      }
      this.#queue.done(key, this.#env.nowMs());
      // An appointment in the past would make a loop that never lets go.
      if (plan.requeueAt !== undefined) this.#queue.addAt(key, Math.max(plan.requeueAt, this.#env.nowMs() + 1));
    } catch (e) {
      // Asking again would be refused again; the end of the namespace's objects is a change that is looked at anyway.
      if (isNamespaceTerminating(e)) return this.#queue.done(key, this.#env.nowMs());
      const delayMs = this.#queue.failed(key, this.#env.nowMs());
      const behind = isConflict(e) || isNotFound(e) || isAlreadyExists(e);
      const level = behind && delayMs < 1000 ? 'debug' : 'warn';
      this.#env.log(level, `${this.#controller.name} ${key}: ${describe(e)}`, { againInMs: delayMs });
    } finally {
      this.#free++;
      this.#wake();
    }
  }

  async #read({ kind, namespace, name }: { kind: Kind; namespace?: string; name?: string }): Promise<void> {
    if (name === undefined) return this.#cache.refresh(kind, namespace);
    const object = await this.#client.get(kind, { namespace, name });
    if (object) this.#cache.observe(kind, object);
  }

  async #execute(key: string, change: Change): Promise<void> {
    try {
      await this.#executor.execute(change);
      this.#trace?.(this.#controller.name, key, change);
    } catch (e) {
      this.#trace?.(this.#controller.name, key, change, e);
      if (!isNamespaceTerminating(e)) await this.#tell(key, change, e);
      throw e;
    }
  }

  /** What the controller has to say about a refused change; that this fails too is not worth more than a line. */
  async #tell(key: string, change: Change, error: unknown): Promise<void> {
    if (!(error instanceof Error)) return;
    try {
      for (const more of this.#controller.failed?.(this.#cache, key, change, error, this.#env.nowMs()) ?? []) {
        this.#check(more);
        await this.#executor.execute(more);
      }
    } catch (e) {
      this.#env.log('debug', `${this.#controller.name} ${key}: ${describe(e)}`);
    }
  }

  #check(change: Change): void {
    const target = targetOf(change);
    if (!this.#declared.has(target)) {
      throw new Error(
        `${this.#controller.name} may not write ${target}; it declares ${[...this.#declared].join(', ')}`,
      );
    }
  }
}

/** What a change writes, as `writes` of a controller names it. */
export function targetOf(change: Change): string {
  if (change.op === 'event') return 'Event';
  if (change.op === 'bind') return 'Pod/binding';
  const subresource = 'subresource' in change ? change.subresource : undefined;
  return subresource ? `${change.kind}/${subresource}` : change.kind;
}

function describe(e: unknown): string {
  if (!(e instanceof Error)) return String(e);
  return e.name === 'ApiError' ? e.message : (e.stack ?? e.message);
}

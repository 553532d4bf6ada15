// The containers of one pod: their starts, ends, probes and hooks, and what is known of each. The pod's worker (pod.io.ts)
// says which step comes next; this takes it.
import { rm } from 'node:fs/promises';
import type { Pod } from '../api/types.ts';
import type { Exit } from '../linux/oci/runtime.ts';
import { RuntimeError } from '../linux/oci/runtime.ts';
import { containersOf, currentOf, isRunning, START_ERROR_CODE } from './containers.ts';
import type { Container } from './containers.ts';
import { discard, signalNumber, startKill, terminationMessage } from './end.io.ts';
import type { Kill } from './end.io.ts';
import type { EnvSources } from './env.ts';
import { ask } from './hooks.io.ts';
import type { Asked } from './hooks.io.ts';
import type { NodeContext } from './node.io.ts';
import { startProber } from './prober.io.ts';
import type { Prober } from './prober.io.ts';
import { podFiles } from './sandbox.io.ts';
import type { PodSandbox } from './sandbox.io.ts';
import type { ContainerRecord, ContainerSeen, PodStep, ProbeResults, Waiting } from './seen.ts';
import { createContainer, findImage, logFile, NotStartable } from './start.io.ts';
import type { PodVolumes } from './volumes.io.ts';

const WAIT_RETRY_MS = 1_000;
const WAIT_BASE_MS = 10_000;
const WAIT_MAX_MS = 300_000;
/** postStart has no time limit of its own. */
const HOOK_LIMIT_MS = 24 * 3_600_000;
const SIGKILL = 9;

type StepOf<Op extends PodStep['op']> = Extract<PodStep, { op: Op }>;

/** The pod around them. */
export interface Surroundings {
  readonly node: NodeContext;
  readonly dir: string;
  readonly volumes: PodVolumes;
  pod(): Pod;
  sandbox(): PodSandbox | undefined;
  sources(): EnvSources;
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** Work that takes time: busy under that key until its end, which wakes the pod. */
  track(key: string, work: () => Promise<unknown>): void;
  wake(): void;
}

export class PodContainers {
  readonly #in: Surroundings;
  #seen: ContainerSeen[] = [];
  readonly #probers = new Map<string, Prober>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #kills = new Map<string, Kill>();
  readonly #exits = new Map<string, { readonly promise: Promise<void>; readonly resolve: () => void }>();
  /** Ends that came before the container was listed: within its start or its hook. */
  readonly #early = new Map<string, Exit>();

  constructor(surroundings: Surroundings) {
    this.#in = surroundings;
  }

  get seen(): readonly ContainerSeen[] {
    return this.#seen;
  }

  get waiting(): ReadonlyMap<string, Waiting> {
    return this.#waiting;
  }

  probes(): ReadonlyMap<string, ProbeResults> {
    return new Map([...this.#probers].map(([id, prober]) => [id, prober.results]));
  }

  current(name: string): ContainerSeen | undefined {
    return currentOf({ containers: this.#seen }, name);
  }

  log(name: string, attempt: number): string {
    return logFile(this.#in.dir, name, attempt);
  }

  owns(id: string): boolean {
    return this.#exits.has(id);
  }

  /** Resolves when that container has ended and its log is whole. */
  ended(id: string): Promise<void> {
    return this.#exits.get(id)?.promise ?? Promise.resolve();
  }

  /** Those that the process before this one left, running or ended. */
  adopt(containers: readonly ContainerSeen[]): void {
    for (const c of [...containers].sort((a, b) => a.record.attempt - b.record.attempt)) {
      this.#seen.push(c);
      if (isRunning(c)) {
        this.#expectExit(c.id);
        this.#startProbes(c);
      } else this.#giveBack(c);
    }
  }

  /** What waits for an image or an object tries again now. */
  retry(): void {
    for (const [name, w] of this.#waiting) this.#waiting.set(name, { ...w, retryAtMs: 0 });
  }

  stopProbes(): void {
    for (const prober of this.#probers.values()) prober.stop();
  }

  async discardAll(): Promise<void> {
    for (const c of this.#seen) await discard(this.#in.node, c.id);
  }

  async removeAll(): Promise<void> {
    for (const c of this.#seen) await this.#in.node.runtime.remove(c.id);
  }

  /** From the runtime: the end of one of them. */
  onExit(id: string, exit: Exit): void {
    if (this.#seen.some((c) => c.id === id)) return this.#exited(id, exit);
    this.#early.set(id, exit);
    this.#exits.get(id)?.resolve();
  }

  #exited(id: string, exit: Exit): void {
    const at = this.#seen.findIndex((c) => c.id === id);
    const c = this.#seen[at];
    if (!c || c.exit) return;
    const { runtime } = this.#in.node;
    const container = this.#spec(c.record.name);
    const log = this.log(c.record.name, c.record.attempt);
    const message = container && terminationMessage(runtime.dir(id), container, log, exit.code !== 0);
    const record = message ? { ...c.record, message } : c.record;
    if (message) runtime.remember(id, record);
    const ended: ContainerSeen = { ...c, record, state: 'exited', exit };
    this.#seen[at] = ended;
    this.#exits.get(id)?.resolve();
    this.#giveBack(ended);
    this.#in.wake();
  }

  #giveBack(c: ContainerSeen): void {
    this.#probers.get(c.id)?.stop();
    this.#probers.delete(c.id);
    this.#in.track(`discard ${c.id}`, () => discard(this.#in.node, c.id));
  }

  // --- starts ---

  async start(step: StepOf<'start'>): Promise<void> {
    const container = this.#spec(step.name);
    const sandbox = this.#in.sandbox();
    if (!container || !sandbox) return;
    const { node } = this.#in;
    const id = node.env.uuid().replaceAll('-', '');
    let record: ContainerRecord | undefined;
    try {
      const image = findImage(node, container, this.#waiting.get(step.name)?.failures ?? 0);
      this.#in.event('Normal', 'Pulled', `Container image "${container.image}" already present on machine`);
      const pod = this.#in.pod();
      const { op: _op, ...counts } = step;
      const { uid, namespace = '', name } = pod.metadata;
      const words = { image: container.image ?? '', imageName: image.name, imageId: image.id };
      record = { podUid: uid, namespace, pod: name, ...counts, ...words, createdMs: node.env.nowMs() };
      const { dir, volumes } = this.#in;
      const parts = { id, pod, container, image, record, sandbox, files: podFiles(dir), volumes };
      await createContainer(node, { ...parts, sources: this.#in.sources() });
      this.#in.event('Normal', 'Created', `Created container: ${step.name}`);
      await this.#run(id, record, container);
      this.#waiting.delete(step.name);
    } catch (e) {
      if (e instanceof RuntimeError && record) this.#refused(id, record, e);
      else await this.#notStarted(id, step.name, e as Error);
    }
  }

  async #run(id: string, record: ContainerRecord, container: Container): Promise<void> {
    const { node } = this.#in;
    this.#expectExit(id);
    const { startedMs } = await node.runtime.start(id);
    this.#in.event('Normal', 'Started', `Started container ${record.name}`);
    const hook = container.lifecycle?.postStart;
    if (hook && !this.#early.has(id)) {
      // It shows as running only after its hook.
      const answer = await ask(hook, this.#asked(id, container), HOOK_LIMIT_MS).catch((e: Error) => e.message);
      if (answer !== undefined) {
        this.#in.event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${answer}`);
        node.runtime.signal(id, SIGKILL);
      }
    }
    const running: ContainerSeen = { id, record, state: 'running', startedMs };
    this.#add(running);
    const exit = this.#early.get(id);
    if (exit) this.#exited(id, exit);
    else this.#startProbes(running);
  }

  #add(c: ContainerSeen): void {
    const older = this.#seen.filter((x) => x.record.name === c.record.name);
    // The current run and the one before it are shown; older ones go with their logs.
    const old = new Set(older.slice(0, -1));
    this.#seen = [...this.#seen.filter((x) => !old.has(x)), c];
    for (const each of old) this.#in.track(`remove ${each.id}`, () => this.#remove(each));
  }

  async #remove(c: ContainerSeen): Promise<void> {
    const { runtime } = this.#in.node;
    await discard(this.#in.node, c.id);
    await runtime.remove(c.id);
    await rm(this.log(c.record.name, c.record.attempt), { force: true });
    this.#exits.delete(c.id);
    this.#early.delete(c.id);
  }

  /** The runtime would not have it: that counts as a run that has failed. */
  #refused(id: string, record: ContainerRecord, e: RuntimeError): void {
    const { env, runtime } = this.#in.node;
    const startError = `failed to create container: ${e.message}`;
    this.#in.event('Warning', 'Failed', `Error: ${startError}`);
    const exit = { code: START_ERROR_CODE, finishedMs: env.nowMs(), oomKilled: false, unseen: false };
    const failed: ContainerSeen = { id, record: { ...record, startError }, state: 'exited', exit };
    runtime.remember(id, failed.record);
    this.#exits.get(id)?.resolve();
    this.#add(failed);
    this.#waiting.delete(record.name);
    this.#giveBack(failed);
  }

  /** Something that it needs is not there: it waits and tries again. */
  async #notStarted(id: string, name: string, e: Error): Promise<void> {
    const { node } = this.#in;
    this.#exits.delete(id);
    await discard(node, id);
    await node.runtime.remove(id);
    const known = e instanceof NotStartable;
    const reason = known ? e.reason : 'CreateContainerError';
    const event = known ? e.event : { reason: 'Failed', message: `Error: ${e.message}` };
    if (event) this.#in.event(event.reason === 'BackOff' ? 'Normal' : 'Warning', event.reason, event.message);
    if (/^(ErrImagePull|ImagePullBackOff)$/.test(reason)) this.#in.event('Warning', 'Failed', `Error: ${reason}`);
    const failures = (this.#waiting.get(name)?.failures ?? 0) + 1;
    const laterMs = Math.min(WAIT_MAX_MS, WAIT_BASE_MS * 2 ** Math.min(failures - 2, 10));
    const retryAtMs = node.env.nowMs() + (failures === 1 ? WAIT_RETRY_MS : laterMs);
    this.#waiting.set(name, { reason, message: e.message, failures, retryAtMs });
  }

  #expectExit(id: string): void {
    let resolve!: () => void;
    const promise = new Promise<void>((done) => (resolve = done));
    this.#exits.set(id, { promise, resolve });
  }

  #spec(name: string): Container | undefined {
    return containersOf(this.#in.pod()).find((c) => c.name === name);
  }

  #asked(id: string, container: Container): Asked {
    const { exec, runcRoot } = this.#in.node;
    return { container, containerId: id, podIp: this.#in.sandbox()?.ips[0] ?? '127.0.0.1', runcRoot, exec };
  }

  #startProbes(c: ContainerSeen): void {
    const container = this.#spec(c.record.name);
    if (!container) return;
    const prober = startProber(this.#asked(c.id, container), c.startedMs ?? 0, this.#in.node.env, (failure) => {
      if (failure) this.#in.event('Warning', 'Unhealthy', failure.message);
      this.#in.wake();
    });
    this.#probers.set(c.id, prober);
  }

  // --- ends ---

  kill(step: StepOf<'kill'>, key: string): void {
    const known = this.#kills.get(step.id);
    if (known) return known.shorten(step.graceSeconds);
    const c = this.#seen.find((x) => x.id === step.id);
    if (!c) return;
    const { node } = this.#in;
    const container = this.#spec(step.name);
    this.#in.event('Normal', 'Killing', step.why);
    const hook = container?.lifecycle?.preStop;
    const image = node.images.find(c.record.imageName);
    const own = (container?.lifecycle as { stopSignal?: string } | undefined)?.stopSignal;
    const kill = startKill(node, {
      id: step.id,
      graceSeconds: step.graceSeconds,
      signal: signalNumber(own ?? image?.config.StopSignal),
      ...(hook && container ? { preStop: { hook, asked: this.#asked(step.id, container) } } : {}),
      exited: this.ended(step.id),
      hookFailed: (message) => this.#in.event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${message}`),
    });
    this.#kills.set(step.id, kill);
    this.#in.track(key, () => kill.ended.finally(() => this.#kills.delete(step.id)));
  }
}

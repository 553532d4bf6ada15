// One pod's worker: it sees, plans (plan.ts), takes the steps, tells the API, and comes back whenever something has happened.
// Steps under way are known by their keys, so that an event during one of them can start another: a deletion during a start.
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod, Service } from '../api/types.ts';
import type { EnvSources } from './env.ts';
import type { NodeContext } from './node.io.ts';
import { planPod } from './plan.ts';
import { PodContainers } from './podcontainers.io.ts';
import { StatusReport } from './report.io.ts';
import { foundSandbox, makeSandbox, removeSandbox, writeJson } from './sandbox.io.ts';
import type { PodSandbox } from './sandbox.io.ts';
import { stepKey } from './seen.ts';
import type { PodSeen, PodStep, Verdict } from './seen.ts';
import { podStatus, podWords } from './status.ts';
import type { PodStatus } from './status.ts';
import { PodVolumes } from './volumes.io.ts';

const SETUP_RETRY_MS = 1_000;
const SETUP_RETRY_MAX_MS = 30_000;
const STEP_RETRY_MS = 500;

export class PodWorker {
  readonly containers: PodContainers;
  readonly #node: NodeContext;
  readonly #dir: string;
  readonly #volumes: PodVolumes;
  readonly #report: StatusReport;
  readonly #gone: () => void;
  #pod: Pod;
  readonly #busy = new Set<string>();
  /** Waits of which an event has told. */
  readonly #backedOff = new Set<string>();
  #sandbox: PodSandbox | undefined;
  readonly #sandboxesLost: number;
  #volumesReady = false;
  #setupRetryAtMs: number | undefined;
  #setupFailures = 0;
  #stepRetryAtMs = 0;
  #verdict: Verdict | undefined;
  #released = false;
  #forgotten = false;
  #shutdown: { graceSeconds: number } | undefined;
  #turnAsked = false;
  #stopped = false;
  #cancelTimer: () => void = () => {};

  constructor(node: NodeContext, pod: Pod, gone: () => void) {
    this.#node = node;
    this.#pod = pod;
    this.#gone = gone;
    this.#dir = join(node.dir, 'pods', pod.metadata.uid);
    mkdirSync(this.#dir, { recursive: true, mode: 0o755 });
    writeJson(join(this.#dir, 'pod.json'), pod);
    this.#volumes = new PodVolumes(this.#dir, node.mounts);
    this.#report = new StatusReport(node, (answer) => {
      if (answer) this.#pod = answer;
      this.wake();
    });
    this.containers = new PodContainers({
      node,
      dir: this.#dir,
      volumes: this.#volumes,
      pod: () => this.#pod,
      sandbox: () => this.#sandbox,
      sources: () => this.#sources(),
      event: (type, reason, message) => this.#event(type, reason, message),
      track: (key, work) => void this.#track(key, work),
      wake: () => this.wake(),
    });
    const found = foundSandbox(node, pod, this.#dir);
    this.#sandbox = found.sandbox;
    this.#sandboxesLost = found.lost;
  }

  get pod(): Pod {
    return this.#pod;
  }

  get sandbox(): PodSandbox | undefined {
    return this.#sandbox;
  }

  /** Nothing of it is left to do: ended, given back, told. */
  get settled(): boolean {
    return this.#released && this.#report.isWritten(this.#pod, this.#status());
  }

  update(pod: Pod): void {
    const before = this.#pod.metadata;
    this.#pod = pod;
    const { labels, annotations } = pod.metadata;
    // Files of the downward API follow these two.
    if (JSON.stringify([before.labels, before.annotations]) !== JSON.stringify([labels, annotations])) this.#renew();
    this.wake();
  }

  /** The object is gone from the API. */
  forget(): void {
    this.#forgotten = true;
    this.wake();
  }

  shutdown(graceSeconds: number): void {
    this.#shutdown = { graceSeconds };
    this.wake();
  }

  /** Images or objects came: what waits for one of them tries again now, and files follow their objects. */
  retry(): void {
    this.containers.retry();
    this.#setupRetryAtMs = undefined;
    this.#renew();
    this.wake();
  }

  /** No more steps; what runs runs on. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.containers.stopProbes();
  }

  wake(): void {
    if (this.#turnAsked || this.#stopped) return;
    this.#turnAsked = true;
    queueMicrotask(() => {
      this.#turnAsked = false;
      if (!this.#stopped) this.#turn();
    });
  }

  #turn(): void {
    const nowMs = this.#node.env.nowMs();
    const held = this.#stepRetryAtMs > nowMs;
    const { steps, requeueAtMs } = planPod(this.#pod, this.#seen(), nowMs);
    if (!held) for (const step of steps) this.#take(step);
    if (!this.#forgotten) this.#report.write(this.#pod, this.#status());
    this.#cancelTimer();
    const times = [requeueAtMs, this.#report.retryAtMs, held ? this.#stepRetryAtMs : undefined];
    const next = Math.min(...times.map((t) => t ?? Infinity));
    if (next < Infinity) this.#cancelTimer = this.#node.env.after(Math.max(1, next - nowMs), () => this.wake());
  }

  #seen(): PodSeen {
    const seen = this.#seenHere();
    return { ...seen, statusWritten: seen.released && this.#report.isWritten(this.#pod, this.#status()) };
  }

  #seenHere(): PodSeen {
    return {
      sandbox: this.#sandbox,
      sandboxesLost: this.#sandboxesLost,
      volumesReady: this.#volumesReady,
      setupRetryAtMs: this.#setupRetryAtMs,
      containers: this.containers.seen,
      waiting: this.containers.waiting,
      probes: this.containers.probes(),
      busy: this.#busy,
      verdict: this.#verdict,
      released: this.#released,
      statusWritten: false,
      networkReady: this.#node.network.ready(),
      shutdown: this.#shutdown,
      forgotten: this.#forgotten,
    };
  }

  #status(): PodStatus {
    return podStatus(this.#pod, this.#seenHere(), this.#node.node, this.#node.env.nowMs());
  }

  #take(step: PodStep): void {
    const key = stepKey(step);
    switch (step.op) {
      case 'refuse':
        this.#verdict = step.verdict;
        this.#event('Warning', step.verdict.reason, step.verdict.message);
        return this.wake();
      case 'backOff':
        return this.#sayBackOff(step.id, step.name);
      case 'kill':
        return this.containers.kill(step, key);
      case 'volumes':
        return void this.#track(key, async () => this.#setUpVolumes());
      case 'sandbox':
        return void this.#track(key, () => this.#makeSandbox(step.attempt));
      case 'start':
        return void this.#track(key, () => this.containers.start(step));
      case 'release':
        return void this.#track(key, () => this.#release());
      case 'finish':
        return void this.#track(key, () => this.#finish());
    }
  }

  /** Runs a step that takes time; its key is busy meanwhile, and its end wakes the pod. */
  async #track(key: string, work: () => Promise<unknown>): Promise<void> {
    this.#busy.add(key);
    try {
      await work();
    } catch (e) {
      this.#node.env.log('error', `${key} of pod ${podWords(this.#pod)}: ${String(e)}`);
      this.#stepRetryAtMs = this.#node.env.nowMs() + STEP_RETRY_MS;
    } finally {
      this.#busy.delete(key);
      this.wake();
    }
  }

  // --- volumes and sandbox ---

  #setUpVolumes(): void {
    try {
      this.#volumes.setUp(this.#pod, this.#sources());
      this.#volumesReady = true;
      this.#setupFailures = 0;
    } catch (e) {
      this.#setupFailed('FailedMount', (e as Error).message);
    }
  }

  #renew(): void {
    const ending = this.#forgotten || this.#verdict || this.#pod.metadata.deletionTimestamp !== undefined;
    if (!this.#volumesReady || this.#released || ending) return;
    try {
      this.#volumes.setUp(this.#pod, this.#sources());
    } catch (e) {
      // What is there stays as it was.
      this.#event('Warning', 'FailedMount', (e as Error).message);
    }
  }

  async #makeSandbox(attempt: number): Promise<void> {
    try {
      this.#sandbox = await makeSandbox(this.#node, this.#pod, this.#dir, attempt);
      this.#setupFailures = 0;
    } catch (e) {
      this.#setupFailed('FailedCreatePodSandBox', `Failed to create pod sandbox: ${(e as Error).message}`);
    }
  }

  #setupFailed(reason: string, message: string): void {
    this.#event('Warning', reason, message);
    const delayMs = Math.min(SETUP_RETRY_MAX_MS, SETUP_RETRY_MS * 2 ** Math.min(this.#setupFailures++, 10));
    this.#setupRetryAtMs = this.#node.env.nowMs() + delayMs;
  }

  #sources(): EnvSources {
    const { cache, facts } = this.#node;
    const { namespace } = this.#pod.metadata;
    const kubernetes = namespace === 'default' ? undefined : cache.get('Service', 'default', 'kubernetes');
    const services: readonly Service[] = [...cache.list('Service', namespace), ...(kubernetes ? [kubernetes] : [])];
    return {
      ...facts,
      podIps: this.#sandbox?.ips ?? [],
      configMap: (name) => cache.get('ConfigMap', namespace, name),
      secret: (name) => cache.get('Secret', namespace, name),
      services,
    };
  }

  // --- the end ---

  async #release(): Promise<void> {
    await this.containers.discardAll();
    await removeSandbox(this.#node, this.#pod, this.#dir);
    this.#volumes.tearDown();
    this.#released = true;
  }

  async #finish(): Promise<void> {
    const { name, namespace, uid } = this.#pod.metadata;
    if (!this.#forgotten) {
      const why = 'its containers have ended';
      await this.#node.execute({ op: 'delete', why, kind: 'Pod', name, namespace, uid, gracePeriodSeconds: 0 });
    }
    this.stop();
    await this.containers.removeAll();
    await rm(this.#dir, { recursive: true, force: true });
    this.#gone();
  }

  #sayBackOff(id: string, name: string): void {
    if (this.#backedOff.has(id)) return;
    this.#backedOff.add(id);
    this.#event('Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${podWords(this.#pod)}`);
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#node.event(this.#pod, type, reason, message);
  }
}

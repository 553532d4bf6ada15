// One pod's worker: it sees, plans (plan.ts), takes the steps, tells the API, and comes back whenever something has happened.
// Steps under way are known by their keys, so that an event during one of them can start another: a deletion during a start.
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod, Service } from '../api/types.ts';
import type { Exit } from '../linux/oci/runtime.ts';
import { RuntimeError } from '../linux/oci/runtime.ts';
import { containersOf, currentOf, isRunning } from './containers.ts';
import type { Container } from './containers.ts';
import { discard, signalNumber, startKill, terminationMessage } from './end.io.ts';
import type { Kill } from './end.io.ts';
import type { EnvSources } from './env.ts';
import { ask } from './hooks.io.ts';
import type { Asked } from './hooks.io.ts';
import type { NodeContext } from './node.io.ts';
import { planPod } from './plan.ts';
import { startProber } from './prober.io.ts';
import type { Prober } from './prober.io.ts';
import { foundSandbox, makeSandbox, podFiles, removeSandbox, writeJson } from './sandbox.io.ts';
import type { PodSandbox } from './sandbox.io.ts';
import { stepKey } from './seen.ts';
import type { ContainerRecord, ContainerSeen, PodSeen, PodStep, Verdict, Waiting } from './seen.ts';
import { createContainer, findImage, logFile, NotStartable } from './start.io.ts';
import { podStatus, podWords, statusPatch } from './status.ts';
import { PodVolumes } from './volumes.io.ts';

const SETUP_RETRY_MS = 1_000;
const SETUP_RETRY_MAX_MS = 30_000;
const WAIT_RETRY_MS = 1_000;
const WAIT_BASE_MS = 10_000;
const WAIT_MAX_MS = 300_000;
const API_RETRY_MS = 500;

type StepOf<Op extends PodStep['op']> = Extract<PodStep, { op: Op }>;

export class PodWorker {
  readonly #node: NodeContext;
  readonly #dir: string;
  readonly #volumes: PodVolumes;
  readonly #gone: () => void;
  #pod: Pod;
  #containers: ContainerSeen[] = [];
  readonly #probers = new Map<string, Prober>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #busy = new Set<string>();
  readonly #kills = new Map<string, Kill>();
  readonly #exits = new Map<string, { readonly promise: Promise<void>; readonly resolve: () => void }>();
  readonly #backedOff = new Set<string>();
  #sandbox: PodSandbox | undefined;
  #sandboxesLost = 0;
  #volumesReady = false;
  #setupRetryAtMs: number | undefined;
  #setupFailures = 0;
  #verdict: Verdict | undefined;
  #released = false;
  #forgotten = false;
  #shutdown: { graceSeconds: number } | undefined;
  #written: { patch: string; answered: string } | undefined;
  #writing = false;
  #apiRetryAtMs = 0;
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

  get released(): boolean {
    return this.#released;
  }

  /** Nothing of it is left to do: ended, given back, told. */
  get settled(): boolean {
    return this.#released && !this.#writing && statusPatch(this.#pod, this.#status()) === undefined;
  }

  container(name: string): ContainerSeen | undefined {
    return currentOf(this.#seen(), name);
  }

  waiting(name: string): Waiting | undefined {
    return this.#waiting.get(name);
  }

  /** Resolves when that container has ended and its log is whole. */
  ended(id: string): Promise<void> {
    return this.#exits.get(id)?.promise ?? Promise.resolve();
  }

  log(name: string, attempt: number): string {
    return logFile(this.#dir, name, attempt);
  }

  /** Containers that the process before this one left, running or ended. */
  adopt(containers: readonly ContainerSeen[]): void {
    for (const c of [...containers].sort((a, b) => a.record.attempt - b.record.attempt)) {
      this.#containers.push(c);
      if (isRunning(c)) {
        this.#expectExit(c.id);
        this.#startProbes(c);
      } else this.#afterExit(c);
    }
  }

  update(pod: Pod): void {
    this.#pod = pod;
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

  /** Images or objects came: what waits for one of them tries again now. */
  retry(): void {
    for (const [name, w] of this.#waiting) this.#waiting.set(name, { ...w, retryAtMs: 0 });
    this.#setupRetryAtMs = undefined;
    if (this.#volumesReady && !this.#released && !this.#stopping()) this.#renewVolumes();
    this.wake();
  }

  /** No more steps; what runs runs on. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    for (const prober of this.#probers.values()) prober.stop();
  }

  exited(id: string, exit: Exit): void {
    const at = this.#containers.findIndex((c) => c.id === id);
    const c = this.#containers[at];
    if (!c || c.exit) return;
    const container = this.#spec(c.record.name);
    const logPath = this.log(c.record.name, c.record.attempt);
    const message = container && terminationMessage(this.#node.runtime.dir(id), container, logPath, exit.code !== 0);
    const record = message ? { ...c.record, message } : c.record;
    if (message) this.#node.runtime.remember(id, record);
    const ended: ContainerSeen = { ...c, record, state: 'exited', exit };
    this.#containers[at] = ended;
    this.#exits.get(id)?.resolve();
    this.#afterExit(ended);
    this.wake();
  }

  #afterExit(c: ContainerSeen): void {
    this.#probers.get(c.id)?.stop();
    this.#probers.delete(c.id);
    const work = discard(this.#node, c.id).catch((e: unknown) =>
      this.#node.env.log('warn', `container ${c.id} of ${podWords(this.#pod)}: ${String(e)}`),
    );
    void this.#track(`discard ${c.id}`, () => work);
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
    const { steps, requeueAtMs } = planPod(this.#pod, this.#seen(), nowMs);
    for (const step of steps) this.#take(step);
    this.#writeStatus();
    this.#cancelTimer();
    const next = Math.min(requeueAtMs ?? Infinity, this.#apiRetryAtMs > nowMs ? this.#apiRetryAtMs : Infinity);
    if (next < Infinity) this.#cancelTimer = this.#node.env.after(Math.max(1, next - nowMs), () => this.wake());
  }

  #seen(): PodSeen {
    return {
      ...(this.#sandbox ? { sandbox: this.#sandbox } : {}),
      sandboxesLost: this.#sandboxesLost,
      volumesReady: this.#volumesReady,
      ...(this.#setupRetryAtMs === undefined ? {} : { setupRetryAtMs: this.#setupRetryAtMs }),
      containers: this.#containers,
      waiting: this.#waiting,
      probes: new Map([...this.#probers].map(([id, p]) => [id, p.results])),
      busy: this.#busy,
      ...(this.#verdict ? { verdict: this.#verdict } : {}),
      released: this.#released,
      statusWritten: this.#released && !this.#writing && this.#isWritten(),
      networkReady: this.#node.network.ready(),
      ...(this.#shutdown ? { shutdown: this.#shutdown } : {}),
      forgotten: this.#forgotten,
    };
  }

  #take(step: PodStep): void {
    switch (step.op) {
      case 'refuse':
        this.#verdict = step.verdict;
        this.#event('Warning', step.verdict.reason, step.verdict.message);
        return this.wake();
      case 'backOff':
        return this.#sayBackOff(step);
      case 'kill':
        return this.#kill(step);
      case 'volumes':
        return void this.#track(stepKey(step), async () => this.#setUpVolumes());
      case 'sandbox':
        return void this.#track(stepKey(step), () => this.#makeSandbox(step.attempt));
      case 'start':
        return void this.#track(stepKey(step), () => this.#start(step));
      case 'release':
        return void this.#track(stepKey(step), () => this.#release());
      case 'finish':
        return void this.#track(stepKey(step), () => this.#finish());
    }
  }

  /** Runs a step that takes time; its key is busy meanwhile, and its end wakes the pod. */
  async #track(key: string, work: () => Promise<unknown>): Promise<void> {
    this.#busy.add(key);
    try {
      await work();
    } catch (e) {
      this.#node.env.log('error', `${key} of pod ${podWords(this.#pod)}: ${String(e)}`);
      this.#apiRetryAtMs = this.#node.env.nowMs() + API_RETRY_MS;
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

  #renewVolumes(): void {
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

  // --- containers ---

  async #start(step: StepOf<'start'>): Promise<void> {
    const container = this.#spec(step.name);
    const sandbox = this.#sandbox;
    if (!container || !sandbox) return;
    const id = this.#node.env.uuid().replaceAll('-', '');
    let created: ContainerRecord | undefined;
    try {
      const image = findImage(this.#node, container, this.#waiting.get(step.name)?.failures ?? 0);
      this.#event('Normal', 'Pulled', `Container image "${container.image}" already present on machine`, container);
      const { op: _op, ...counts } = step;
      const { uid, namespace = '', name: pod } = this.#pod.metadata;
      const createdMs = this.#node.env.nowMs();
      const imageWords = { image: container.image ?? '', imageName: image.name, imageId: image.id };
      const record: ContainerRecord = { podUid: uid, namespace, pod, ...counts, ...imageWords, createdMs };
      const files = podFiles(this.#dir);
      const parts = { id, pod: this.#pod, container, image, record, sandbox, files, volumes: this.#volumes };
      created = record;
      await createContainer(this.#node, { ...parts, sources: this.#sources() });
      this.#event('Normal', 'Created', `Created container: ${step.name}`, container);
      await this.#run(id, record, container);
      this.#waiting.delete(step.name);
    } catch (e) {
      await this.#startFailed(id, step, container, created, e as Error);
    }
  }

  async #run(id: string, record: ContainerRecord, container: Container): Promise<void> {
    this.#expectExit(id);
    const { startedMs } = await this.#node.runtime.start(id);
    this.#event('Normal', 'Started', `Started container ${record.name}`, container);
    const running: ContainerSeen = { id, record, state: 'running', startedMs };
    const early = this.#earlyExits.get(id);
    const hook = container.lifecycle?.postStart;
    if (hook && !early) {
      // It shows as running only after its hook.
      const answer = await ask(hook, this.#asked(id, container), 24 * 3600_000).catch((e: Error) => e.message);
      if (answer !== undefined) {
        this.#event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${answer}`, container);
        this.#node.runtime.signal(id, 9);
      }
    }
    this.#add(running);
    const exit = this.#earlyExits.get(id);
    if (exit) this.exited(id, exit);
    else this.#startProbes(running);
  }

  /** Ends that came before the container was listed: within its start or its hook. */
  readonly #earlyExits = new Map<string, Exit>();

  /** From the runtime: an end of one of this pod's containers. */
  onExit(id: string, exit: Exit): void {
    if (this.#containers.some((c) => c.id === id)) this.exited(id, exit);
    else {
      this.#earlyExits.set(id, exit);
      this.#exits.get(id)?.resolve();
    }
  }

  owns(id: string): boolean {
    return this.#exits.has(id);
  }

  #add(c: ContainerSeen): void {
    const older = this.#containers.filter((x) => x.record.name === c.record.name);
    // The current run and the one before it are shown; older ones go with their logs.
    for (const old of older.slice(0, Math.max(0, older.length - 1))) {
      this.#containers = this.#containers.filter((x) => x !== old);
      void this.#remove(old);
    }
    this.#containers.push(c);
  }

  async #remove(c: ContainerSeen): Promise<void> {
    await discard(this.#node, c.id);
    await this.#node.runtime.remove(c.id);
    await rm(this.log(c.record.name, c.record.attempt), { force: true });
  }

  async #startFailed(
    id: string,
    step: StepOf<'start'>,
    container: Container,
    record: ContainerRecord | undefined,
    e: Error,
  ): Promise<void> {
    const failures = (this.#waiting.get(step.name)?.failures ?? 0) + 1;
    const nowMs = this.#node.env.nowMs();
    if (e instanceof RuntimeError && record) {
      const message = `failed to create containerd task: ${e.message}`.replace('containerd task', 'container');
      this.#event('Warning', 'Failed', `Error: ${message}`, container);
      const failed: ContainerSeen = {
        id,
        record: { ...record, startError: message },
        state: 'exited',
        exit: { code: 128, finishedMs: nowMs, oomKilled: false, unseen: false },
      };
      this.#node.runtime.remember(id, failed.record);
      this.#exits.get(id)?.resolve();
      this.#add(failed);
      this.#waiting.delete(step.name);
      return this.#afterExit(failed);
    }
    await this.#discardUnborn(id);
    const reason = e instanceof NotStartable ? e.reason : 'CreateContainerError';
    const event = e instanceof NotStartable ? e.event : { reason: 'Failed', message: `Error: ${e.message}` };
    if (event) this.#event(event.reason === 'BackOff' ? 'Normal' : 'Warning', event.reason, event.message, container);
    if (reason === 'ErrImagePull') this.#event('Warning', 'Failed', 'Error: ErrImagePull', container);
    if (reason === 'ImagePullBackOff') this.#event('Warning', 'Failed', 'Error: ImagePullBackOff', container);
    const delayMs =
      failures === 1 ? WAIT_RETRY_MS : Math.min(WAIT_MAX_MS, WAIT_BASE_MS * 2 ** Math.min(failures - 2, 10));
    this.#waiting.set(step.name, { reason, message: e.message, failures, retryAtMs: nowMs + delayMs });
  }

  async #discardUnborn(id: string): Promise<void> {
    this.#exits.delete(id);
    await discard(this.#node, id);
    await this.#node.runtime.remove(id);
  }

  #expectExit(id: string): void {
    let resolve!: () => void;
    const promise = new Promise<void>((done) => (resolve = done));
    this.#exits.set(id, { promise, resolve });
  }

  #spec(name: string): Container | undefined {
    return containersOf(this.#pod).find((c) => c.name === name);
  }

  #asked(id: string, container: Container): Asked {
    const { exec, runcRoot } = this.#node;
    return { container, containerId: id, podIp: this.#sandbox?.ips[0] ?? '127.0.0.1', runcRoot, exec };
  }

  #startProbes(c: ContainerSeen): void {
    const container = this.#spec(c.record.name);
    if (!container) return;
    const prober = startProber(this.#asked(c.id, container), c.startedMs ?? 0, this.#node.env, (failure) => {
      if (failure) this.#event('Warning', 'Unhealthy', failure.message, container);
      this.wake();
    });
    this.#probers.set(c.id, prober);
  }

  #kill(step: StepOf<'kill'>): void {
    const known = this.#kills.get(step.id);
    if (known) return known.shorten(step.graceSeconds);
    const c = this.#containers.find((x) => x.id === step.id);
    if (!c) return;
    const container = this.#spec(step.name);
    this.#event('Normal', 'Killing', step.why, container);
    const hook = container?.lifecycle?.preStop;
    const image = this.#node.images.find(c.record.imageName);
    const own = (container?.lifecycle as { stopSignal?: string } | undefined)?.stopSignal;
    const kill = startKill(this.#node, {
      id: step.id,
      graceSeconds: step.graceSeconds,
      signal: signalNumber(own ?? image?.config.StopSignal),
      ...(hook && container ? { preStop: { hook, asked: this.#asked(step.id, container) } } : {}),
      exited: this.ended(step.id),
      hookFailed: (message) => this.#event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${message}`, container),
    });
    this.#kills.set(step.id, kill);
    void this.#track(stepKey(step), () => kill.ended.finally(() => this.#kills.delete(step.id)));
  }

  #sayBackOff(step: StepOf<'backOff'>): void {
    if (this.#backedOff.has(step.id)) return;
    this.#backedOff.add(step.id);
    const message = `Back-off restarting failed container ${step.name} in pod ${podWords(this.#pod)}`;
    this.#event('Warning', 'BackOff', message, this.#spec(step.name));
  }

  // --- the end ---

  #stopping(): boolean {
    return this.#forgotten || this.#verdict !== undefined || this.#pod.metadata.deletionTimestamp !== undefined;
  }

  async #release(): Promise<void> {
    for (const c of this.#containers) await discard(this.#node, c.id);
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
    for (const c of this.#containers) await this.#node.runtime.remove(c.id);
    await rm(this.#dir, { recursive: true, force: true });
    this.#gone();
  }

  // --- what the API is told ---

  #event(type: 'Normal' | 'Warning', reason: string, message: string, _container?: Container): void {
    this.#node.event(this.#pod, type, reason, message);
  }

  #status(): ReturnType<typeof podStatus> {
    return podStatus(this.#pod, this.#seenForStatus(), this.#node.node, this.#node.env.nowMs());
  }

  /** #seen() asks whether the status is written: this one does not. */
  #seenForStatus(): PodSeen {
    const waiting = new Map([...this.#waiting]);
    return { ...this.#bareSeen(), waiting };
  }

  #bareSeen(): PodSeen {
    return {
      ...(this.#sandbox ? { sandbox: this.#sandbox } : {}),
      sandboxesLost: this.#sandboxesLost,
      volumesReady: this.#volumesReady,
      containers: this.#containers,
      waiting: this.#waiting,
      probes: new Map([...this.#probers].map(([id, p]) => [id, p.results])),
      busy: this.#busy,
      ...(this.#verdict ? { verdict: this.#verdict } : {}),
      released: this.#released,
      statusWritten: false,
      networkReady: true,
      forgotten: this.#forgotten,
    };
  }

  #isWritten(): boolean {
    const patch = statusPatch(this.#pod, this.#status());
    return patch === undefined || this.#answered(patch);
  }

  /** The server has taken exactly this and holds it in words of its own: writing it again would change nothing. */
  #answered(patch: unknown): boolean {
    return (
      this.#written?.answered === this.#pod.metadata.resourceVersion && this.#written.patch === JSON.stringify(patch)
    );
  }

  #writeStatus(): void {
    if (this.#writing || this.#forgotten || this.#node.env.nowMs() < this.#apiRetryAtMs) return;
    const sent = this.#status();
    const patch = statusPatch(this.#pod, sent);
    if (patch === undefined || this.#answered(patch)) return;
    this.#writing = true;
    const { name, namespace, uid } = this.#pod.metadata;
    this.#node
      .execute({ op: 'patch', why: 'status', kind: 'Pod', namespace, name, patch, subresource: 'status' })
      .then(() => {
        const now = this.#node.cache.get('Pod', namespace, name);
        if (now?.metadata.uid === uid) this.#pod = now;
        const rest = statusPatch(this.#pod, sent);
        this.#written = { patch: JSON.stringify(rest), answered: this.#pod.metadata.resourceVersion };
      })
      .catch((e: unknown) => {
        this.#node.env.log('debug', `status of ${podWords(this.#pod)}: ${String(e)}`);
        this.#apiRetryAtMs = this.#node.env.nowMs() + API_RETRY_MS;
      })
      .finally(() => {
        this.#writing = false;
        this.wake();
      });
  }
}

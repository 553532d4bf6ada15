// The kubelet: a worker for each pod of this node, fed by the cache, by ends of containers and by images that come.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../api/types.ts';
import type { ObjectChange } from '../client/types.ts';
import { removeCgroupTree } from '../linux/cgroup/cgroup.io.ts';
import { kernelMounts } from '../linux/mount/mount.io.ts';
import { openRuntime } from '../linux/oci/runtime.io.ts';
import type { Exit, RuntimeContainer } from '../linux/oci/runtime.ts';
import { podAccess } from './access.io.ts';
import type { PodAccess } from './access.ts';
import { discard } from './end.io.ts';
import { startHeartbeat } from './heartbeat.io.ts';
import { openImageStore } from './image/store.io.ts';
import { nodeContext, nodeDir } from './node.io.ts';
import type { KubeletOptions, NodeContext } from './node.io.ts';
import { PodWorker } from './pod.io.ts';
import type { ContainerRecord, ContainerSeen } from './seen.ts';
import { objectsReadBy } from './volumes.ts';

export type { KubeletOptions } from './node.io.ts';

/** In an orderly end of the node a pod gets this long, however long its own grace is. */
const SHUTDOWN_GRACE_SECONDS = 5;

export async function startKubelet(
  o: KubeletOptions,
): Promise<{ pods: PodAccess; stop(graceful: boolean): Promise<void> }> {
  const dir = nodeDir(o);
  mkdirSync(join(dir, 'pods'), { recursive: true, mode: 0o711 });
  const node = nodeContext(o, {
    runtime: openRuntime({
      containersDir: join(dir, 'containers'),
      exitDir: join(dir, 'exits'),
      runcRoot: join(o.settings.runDir, 'runc', o.node.name),
      nowMs: () => o.env.nowMs(),
    }),
    images: openImageStore(join(o.settings.stateDir, 'images')),
    mounts: kernelMounts,
  });
  const workers = new Map<string, PodWorker>();
  let adopted = false;
  // It registers at once, because its podCIDR comes of that; it is ready when the leftovers of its last life are sorted.
  const ready = (): boolean => adopted && o.network.ready();
  const heartbeat = startHeartbeat(node, ready, () => {
    for (const worker of workers.values()) worker.wake();
  });
  await o.cache.synced;
  const ends = new Map<string, Exit>();
  const tell = (id: string, exit: Exit): boolean => {
    const owner = [...workers.values()].find((w) => w.containers.owns(id));
    owner?.containers.onExit(id, exit);
    return owner !== undefined;
  };
  // Ends that come before their pod has its worker are told when it has.
  node.runtime.onExit((id, exit) => void (tell(id, exit) || adopted || ends.set(id, exit)));
  await adoptAll(node, workers);
  for (const [id, exit] of ends) tell(id, exit);
  adopted = true;
  node.images.onChange(() => {
    for (const worker of workers.values()) worker.retry();
  });
  const forget = o.cache.onChange((change) => route(node, workers, change));
  for (const pod of o.cache.podsOn(o.node.name)) workerFor(node, workers, pod).update(pod);

  return {
    pods: podAccess(node, workers),
    async stop(graceful) {
      if (graceful) {
        await heartbeat.shutdown();
        await settle(node, workers);
      }
      heartbeat.stop();
      forget();
      for (const worker of workers.values()) worker.stop();
      node.runtime.close();
      node.images.close();
    },
  };
}

function workerFor(node: NodeContext, workers: Map<string, PodWorker>, pod: Pod): PodWorker {
  const { uid } = pod.metadata;
  let worker = workers.get(uid);
  if (!worker) workers.set(uid, (worker = new PodWorker(node, pod, () => workers.delete(uid))));
  return worker;
}

function route(node: NodeContext, workers: Map<string, PodWorker>, change: ObjectChange): void {
  const { kind, object } = change;
  if (kind === 'Pod') {
    const pod = object as Pod;
    const held = workers.get(pod.metadata.uid);
    if (change.type === 'deleted') held?.forget();
    else if (held) held.update(pod);
    else if (pod.spec.nodeName === node.node.name) workerFor(node, workers, pod).update(pod);
  } else if (kind === 'ConfigMap' || kind === 'Secret') {
    const key = `${kind}/${object.metadata.name}`;
    for (const worker of workers.values()) {
      const { pod } = worker;
      if (pod.metadata.namespace === object.metadata.namespace && objectsReadBy(pod).has(key)) worker.retry();
    }
  }
}

/**
 * What the process before this one left: containers that run go on under their workers; those of a pod that the API does not
 * know any more end; ends that nobody saw are in their records.
 */
async function adoptAll(node: NodeContext, workers: Map<string, PodWorker>): Promise<void> {
  const found = new Map<string, ContainerSeen[]>();
  for (const container of node.runtime.list()) {
    const seen = asSeen(container);
    if (!seen) {
      // Cut off between create and start.
      await discard(node, container.id);
      await node.runtime.remove(container.id);
      continue;
    }
    const of = found.get(seen.record.podUid) ?? [];
    found.set(seen.record.podUid, [...of, seen]);
  }
  const known = new Map(node.cache.podsOn(node.node.name).map((pod) => [pod.metadata.uid, pod]));
  const podsDir = join(node.dir, 'pods');
  const uids = new Set([...readdirSync(podsDir), ...found.keys(), ...node.network.attached().keys()]);
  for (const uid of uids) {
    const pod = known.get(uid) ?? readPod(join(podsDir, uid, 'pod.json'));
    if (!pod) {
      await removeStranger(node, uid, found.get(uid) ?? []);
      continue;
    }
    const worker = workerFor(node, workers, pod);
    worker.containers.adopt(found.get(uid) ?? []);
    if (!known.has(uid)) worker.forget();
  }
}

function asSeen(c: RuntimeContainer): ContainerSeen | undefined {
  const record = c.record as ContainerRecord;
  if (c.state === 'created') {
    if (record.startError === undefined) return undefined;
    const exit = { code: 128, finishedMs: record.createdMs, oomKilled: false, unseen: false };
    return { id: c.id, record, state: 'exited', exit };
  }
  return { id: c.id, record, state: c.state, startedMs: c.startedMs, ...(c.exit ? { exit: c.exit } : {}) };
}

/** A pod of which not even its object is on disk: a crash in its first moment. */
async function removeStranger(node: NodeContext, uid: string, containers: readonly ContainerSeen[]): Promise<void> {
  for (const c of containers) {
    node.runtime.signal(c.id, 9);
    await discard(node, c.id);
    await node.runtime.remove(c.id);
  }
  await node.network.detach(uid);
  node.mounts.unmountBelow(join(node.dir, 'pods', uid));
  await removeCgroupTree(`${node.cgroup}/pod${uid}`);
  rmSync(join(node.dir, 'pods', uid), { recursive: true, force: true });
}

const readPod = (path: string): Pod | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Pod) : undefined;

/** All pods end, and the API hears of it, as far as it listens. */
async function settle(node: NodeContext, workers: ReadonlyMap<string, PodWorker>): Promise<void> {
  for (const worker of workers.values()) worker.shutdown(SHUTDOWN_GRACE_SECONDS);
  const deadlineMs = node.env.nowMs() + (SHUTDOWN_GRACE_SECONDS + 3) * 1000;
  const done = (): boolean => [...workers.values()].every((w) => w.settled);
  while (!done() && node.env.nowMs() < deadlineMs) await new Promise<void>((next) => void node.env.after(10, next));
}

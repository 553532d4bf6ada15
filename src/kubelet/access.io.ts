// What the kubelet's server may use of the pods: the workers' knowledge, as access.ts describes it.
import { join } from 'node:path';
import type { ContainerHandle, PodAccess, Refusal } from './access.ts';
import { containersOf, initContainersOf, isRunning } from './containers.ts';
import type { NodeContext } from './node.io.ts';
import type { PodWorker } from './pod.io.ts';

export function podAccess(node: NodeContext, workers: ReadonlyMap<string, PodWorker>): PodAccess {
  return {
    find(namespace, name, container) {
      const same = [...workers.values()].filter(
        ({ pod }) => pod.metadata.namespace === namespace && pod.metadata.name === name,
      );
      // A StatefulSet's next pod may be here while its namesake ends.
      const worker = same.findLast(({ pod }) => pod.metadata.deletionTimestamp === undefined) ?? same.at(-1);
      if (!worker) return { refusal: `pods "${name}" not found`, code: 404 };
      return handleOf(node, worker, container);
    },
  };
}

function handleOf(node: NodeContext, worker: PodWorker, wanted: string | undefined): ContainerHandle | Refusal {
  const { pod } = worker;
  const name = wanted ?? pod.spec.containers[0]?.name ?? '';
  const container = containersOf(pod).find((c) => c.name === name);
  if (!container) return { refusal: `container ${name} is not valid for pod ${pod.metadata.name}`, code: 400 };
  const current = worker.containers.current(name);
  if (!current) {
    const usual = initContainersOf(pod).length > 0 ? 'PodInitializing' : 'ContainerCreating';
    const reason = worker.containers.waiting.get(name)?.reason ?? usual;
    const refusal = `container "${name}" in pod "${pod.metadata.name}" is waiting to start: ${reason}`;
    return { refusal, code: 400 };
  }
  const running = isRunning(current);
  const { attempt } = current.record;
  return {
    runcRoot: node.runcRoot,
    ...(running ? { containerId: current.id, attachSocket: join(node.runtime.dir(current.id), 'attach') } : {}),
    netnsPath: worker.sandbox?.netnsPath ?? '',
    logPath: worker.containers.log(name, attempt),
    ...(attempt > 0 ? { previousLogPath: worker.containers.log(name, attempt - 1) } : {}),
    running,
    terminal: container.tty ?? false,
    stdin: container.stdin ?? false,
    ended: worker.containers.ended(current.id),
    restartCount: attempt,
  };
}

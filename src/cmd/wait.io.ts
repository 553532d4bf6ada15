// Waiting for nodes and workloads, with news for the progress list at every change.
import type { ClusterSettings } from '../api/cluster.ts';
import { matchLabelSelector } from '../api/selectors.ts';
import type { Deployment, KubeObject, Pod } from '../api/types.ts';
import { conditionOf, isReady } from '../client/pods.ts';
import type { Cache } from '../client/types.ts';
import { UserError } from '../cli/errors.ts';
import { seconds } from '../cli/progress.ts';
import { readiness, workloadKinds } from '../cli/readiness.ts';
import type { Applied } from './apply.io.ts';
import type { Progress } from './progress.io.ts';
import { isDown, logFile, runningPid } from './state.io.ts';

/** Calls `look` at once and after every change of the cache until it says 'done'; what it last missed goes into the error. */
function untilDone(cache: Cache, deadlineMs: number, look: () => 'done' | { missing: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing = '';
    const end = (): void => {
      stop();
      clearInterval(timer);
    };
    const check = (): void => {
      try {
        const seen = look();
        if (seen === 'done') {
          end();
          resolve();
        } else {
          missing = seen.missing;
          if (performance.now() > deadlineMs) throw new UserError(`not ready in time: ${missing}`, 5);
        }
      } catch (error) {
        end();
        reject(error);
      }
    };
    const stop = cache.onChange(check);
    // A process that died sends no change: look from time to time as well.
    const timer = setInterval(check, 250);
    check();
  });
}

/** Resolves when every node that should run is Ready. */
export function waitForNodes(
  settings: ClusterSettings,
  cache: Cache,
  deadlineMs: number,
  progress: Progress,
): Promise<void> {
  const wanted = settings.nodes.filter((node) => !isDown(settings, node.name));
  return untilDone(cache, deadlineMs, () => {
    const missing: string[] = [];
    for (const { name, ip } of wanted) {
      const node = cache.get('Node', undefined, name);
      // A node that was killed a moment ago is still said to be Ready; its process tells.
      if (runningPid(settings, name) === undefined)
        throw new UserError(`${name} ended; its log: ${logFile(settings, name)}`);
      if (node && isReady(node)) {
        progress.set(name, 'done', ip);
      } else {
        const why = (node && conditionOf(node, 'Ready')?.message) ?? 'registering';
        progress.set(name, 'working', why);
        missing.push(`${name} (${why})`);
      }
    }
    return missing.length === 0 ? 'done' : { missing: missing.join(', ') };
  });
}

/** Resolves when every workload among the applied objects is ready. */
export function waitForWorkloads(
  cache: Cache,
  applied: readonly Applied[],
  deadlineMs: number,
  progress: Progress,
): Promise<void> {
  const workloads = applied.filter(({ manifest }) => workloadKinds.includes(manifest.kind));
  const sinceMs = performance.now();
  return untilDone(cache, deadlineMs, () => {
    const missing: string[] = [];
    for (const { manifest } of workloads) {
      const { namespace = 'default', name } = manifest.object.metadata;
      const row = `${manifest.kind.toLowerCase()} ${namespace}/${name}`;
      const object = cache.get(manifest.kind, namespace, name);
      const state = object ? readiness(object, podsOf(cache, object)) : { ready: false, detail: 'waiting' };
      if (state.hopeless !== undefined) {
        progress.set(row, 'failed', state.hopeless);
        throw new UserError(`${row} will not get ready: ${state.hopeless}`, 5);
      }
      progress.set(row, state.ready ? 'done' : 'working', state.detail);
      if (!state.ready) missing.push(`${row}: ${state.detail} after ${seconds(performance.now() - sinceMs)}`);
    }
    return missing.length === 0 ? 'done' : { missing: missing.join('; ') };
  });
}

function podsOf(cache: Cache, object: KubeObject): readonly Pod[] {
  if (object.kind === 'Pod') return [object as Pod];
  const selector = (object as Deployment).spec.selector;
  return cache
    .list('Pod', object.metadata.namespace)
    .filter((pod) => matchLabelSelector(selector, pod.metadata.labels));
}

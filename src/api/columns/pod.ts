// A pod's line in `kubectl get pods`: STATUS is the one word that says most about what holds the pod up.
import { humanDuration, parseTime } from '../time.ts';
import type { core, Pod } from '../types.ts';
import { AGE, type Column, column, NAME, NONE, wide } from './column.ts';

interface Summary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: number;
  /** NaN: never. */
  readonly lastRestartMs: number;
}

const conditionIs = (pod: Pod, type: string): boolean =>
  pod.status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;

const ended = ({ reason, signal, exitCode }: core.ContainerStateTerminated): string =>
  reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);

/** Restarts of a set of containers, and when the last one was. */
class Restarts {
  count = 0;
  lastMs = Number.NaN;
  add(status: core.ContainerStatus): void {
    this.count += status.restartCount ?? 0;
    const finished = status.lastState?.terminated?.finishedAt;
    if (!finished) return;
    const ms = parseTime(finished);
    if (!(this.lastMs >= ms)) this.lastMs = ms;
  }
}

interface InitProgress {
  /** 'Init:0/2', 'Init:Error'; undefined: nothing holds up the containers proper. */
  readonly status?: string;
  readonly all: Restarts;
  readonly sidecars: Restarts;
  readonly readySidecars: number;
}

function initProgress(pod: Pod, sidecarNames: ReadonlySet<string>): InitProgress {
  const [all, sidecars] = [new Restarts(), new Restarts()];
  let readySidecars = 0;
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const isSidecar = sidecarNames.has(container.name);
    all.add(container);
    if (isSidecar) sidecars.add(container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (isSidecar && container.started) {
      if (container.ready) readySidecars += 1;
      continue;
    }
    const why = terminated
      ? ended(terminated)
      : waiting?.reason && waiting.reason !== 'PodInitializing'
        ? waiting.reason
        : `${index}/${pod.spec.initContainers?.length ?? 0}`;
    return { status: `Init:${why}`, all, sidecars, readySidecars };
  }
  return { all, sidecars, readySidecars };
}

/** The first container with something to say wins, so later ones are looked at first. */
function containersStatus(pod: Pod, before: string): { status: string; ready: number } {
  let status = before;
  let ready = 0;
  let running = false;
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    const { waiting, terminated, running: runs } = container.state ?? {};
    if (waiting?.reason) status = waiting.reason;
    else if (terminated) status = ended(terminated);
    else if (container.ready && runs) {
      running = true;
      ready += 1;
    }
  }
  if (status === 'Completed' && running) status = conditionIs(pod, 'Ready') ? 'Running' : 'NotReady';
  return { status, ready };
}

function summary(pod: Pod): Summary {
  const { spec, status = {}, metadata } = pod;
  const sidecarNames = new Set(
    (spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  const gated = status.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated');
  let word = gated ? 'SchedulingGated' : status.reason || status.phase || '';
  const init = initProgress(pod, sidecarNames);
  let restarts = init.all;
  let ready = init.readySidecars;
  if (init.status !== undefined) word = init.status;
  if (init.status === undefined || conditionIs(pod, 'Initialized')) {
    restarts = init.sidecars;
    for (const container of status.containerStatuses ?? []) restarts.add(container);
    const now = containersStatus(pod, word);
    word = now.status;
    ready += now.ready;
  }
  const finished = status.phase === 'Succeeded' || status.phase === 'Failed';
  if (metadata.deletionTimestamp && status.reason === 'NodeLost') word = 'Unknown';
  else if (metadata.deletionTimestamp && !finished) word = 'Terminating';
  return {
    ready: `${ready}/${(spec.containers ?? []).length + sidecarNames.size}`,
    status: word,
    restarts: restarts.count,
    lastRestartMs: restarts.lastMs,
  };
}

/** STATUS as kubectl shows it; `podlan status` shows the same word. */
export const podStatusWord = (pod: Pod): string => summary(pod).status;

function restartsCell(pod: Pod, nowMs: number): string {
  const { restarts, lastRestartMs } = summary(pod);
  if (restarts === 0 || Number.isNaN(lastRestartMs)) return String(restarts);
  return `${restarts} (${humanDuration(nowMs - lastRestartMs)} ago)`;
}

function gatesCell({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  const open = gates.filter((gate) =>
    status?.conditions?.some((c) => c.type === gate.conditionType && c.status === 'True'),
  );
  return `${open.length}/${gates.length}`;
}

export const POD: readonly Column<Pod>[] = [
  NAME,
  column('Ready', 'Containers that are ready, of all.', (pod) => summary(pod).ready),
  column('Status', 'What the pod is doing, or what holds it up.', (pod) => summary(pod).status),
  column('Restarts', 'How often its containers were restarted, and when last.', restartsCell),
  AGE,
  wide('IP', 'Address of the pod.', ({ status }) => status?.podIPs?.[0]?.ip || status?.podIP || NONE),
  wide('Node', 'Node that the pod runs on.', ({ spec }) => spec.nodeName || NONE),
  wide('Nominated Node', 'Node on which room is being made for it.', ({ status }) => status?.nominatedNodeName || NONE),
  wide('Readiness Gates', 'Conditions that must hold beside its containers, and do.', gatesCell),
];

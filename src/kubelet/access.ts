// What the kubelet's server may know of the pods: where a container's files and namespaces are, or why it cannot be used.

export interface PodAccess {
  /** container absent: the pod itself (port-forward), or its only container. */
  find(namespace: string, pod: string, container?: string): ContainerHandle | Refusal;
}

/** code: HTTP; refusal: upstream's text, e.g. `container "x" in pod "y" is waiting to start: ContainerCreating`. */
export interface Refusal {
  readonly refusal: string;
  readonly code: number;
}

export interface ContainerHandle {
  /** `runc --root` of the node. */
  readonly runcRoot: string;
  /** The running one; absent: nothing to exec in. */
  readonly containerId?: string;
  /** /run/netns/... of the pod. */
  readonly netnsPath: string;
  /** CRI log of the current run of the container. */
  readonly logPath: string;
  /** The run before that; absent: there was none, or it is gone. */
  readonly previousLogPath?: string;
  readonly running: boolean;
  /** conmon's `attach` socket; its control fifo `ctl` lies beside it. */
  readonly attachSocket?: string;
  /** spec: tty */
  readonly terminal: boolean;
  /** spec: stdin */
  readonly stdin: boolean;
  /** Resolves when the container with that log has ended and everything is written (for logs -f). */
  readonly ended: Promise<void>;
  readonly restartCount: number;
}

export function isRefusal(found: ContainerHandle | Refusal): found is Refusal {
  return 'refusal' in found;
}

// What the kubelet sees of one pod on its node, and the steps that it may take. plan.ts goes from the one to the other.
import type { Sandbox } from './inputs.ts';

export type ContainerKind = 'init' | 'sidecar' | 'app';

/** Written to disk beside each container: what must be known of it after a restart of this process. */
export interface ContainerRecord {
  readonly podUid: string;
  readonly namespace: string;
  readonly pod: string;
  readonly name: string;
  readonly kind: ContainerKind;
  /** restartCount of the status while this one is the current. */
  readonly attempt: number;
  /** How many before it ended in short succession: how long the next one waits. */
  readonly crashes: number;
  /** Which sandbox of the pod it belongs to. */
  readonly sandbox: number;
  /** As in the pod's spec. */
  readonly image: string;
  /** As in the status: full name and id. */
  readonly imageName: string;
  readonly imageId: string;
  readonly createdMs: number;
  /** It never ran, because the runtime refused it: this is why. */
  readonly startError?: string;
  /** From terminationMessagePath or the log, once it has ended. */
  readonly message?: string;
}

export interface ContainerSeen {
  readonly id: string;
  readonly record: ContainerRecord;
  readonly state: 'running' | 'exited';
  readonly startedMs?: number;
  readonly exit?: {
    readonly code: number;
    readonly finishedMs: number;
    readonly oomKilled: boolean;
    readonly unseen: boolean;
  };
}

/** Why a container does not run yet. */
export interface Waiting {
  readonly reason: string;
  readonly message?: string;
  /** When to try again at the latest; images and objects that come wake the pod before. */
  readonly retryAtMs: number;
  readonly failures: number;
}

export interface ProbeResults {
  /** Startup probe passed, or there is none. */
  readonly started: boolean;
  readonly ready: boolean;
  /** Set once the startup or liveness probe has failed for good: the event's text. */
  readonly unhealthy?: string;
}

/** A verdict over the whole pod that no container's end explains. */
export interface Verdict {
  readonly reason: string;
  readonly message: string;
}

export interface PodSeen {
  readonly sandbox?: Sandbox & { readonly attempt: number };
  /** Sandboxes that the pod has had before and that are gone (a node that went down). */
  readonly sandboxesLost: number;
  readonly volumesReady: boolean;
  /** Volumes or sandbox could not be had: not before then again. */
  readonly setupRetryAtMs?: number;
  /** Oldest first; per container name attempts rise. */
  readonly containers: readonly ContainerSeen[];
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeResults>;
  /** Keys of the steps under way. */
  readonly busy: ReadonlySet<string>;
  readonly verdict?: Verdict;
  /** Network and volumes have been given back; nothing runs and nothing will. */
  readonly released: boolean;
  /** The API has the status that follows from all this. */
  readonly statusWritten: boolean;
  readonly networkReady: boolean;
  /** The node is going down in order: pods end. */
  readonly shutdown?: { readonly graceSeconds: number };
  /** The object is gone from the API: nobody waits for a word about it. */
  readonly forgotten: boolean;
}

export type PodStep =
  | { readonly op: 'refuse'; readonly verdict: Verdict }
  | { readonly op: 'volumes' }
  | { readonly op: 'sandbox'; readonly attempt: number }
  | {
      readonly op: 'start';
      readonly name: string;
      readonly kind: ContainerKind;
      readonly attempt: number;
      readonly crashes: number;
      readonly sandbox: number;
    }
  /** It waits for its next start: said once per wait, as an event. */
  | { readonly op: 'backOff'; readonly name: string; readonly id: string; readonly untilMs: number }
  | {
      readonly op: 'kill';
      readonly id: string;
      readonly name: string;
      readonly graceSeconds: number;
      readonly why: string;
    }
  /** Network and volumes are given back. */
  | { readonly op: 'release' }
  /** The API hears that the pod is gone from here, and its files go. */
  | { readonly op: 'finish' };

export interface PodPlan {
  readonly steps: readonly PodStep[];
  /** Look again then, even if nothing happens. */
  readonly requeueAtMs?: number;
}

/** A step that is under way is not begun again: this says which it is. */
export function stepKey(step: PodStep): string {
  switch (step.op) {
    case 'start':
      return `start ${step.name}`;
    case 'kill':
      return `kill ${step.id}`;
    case 'backOff':
      return `backOff ${step.id}`;
    default:
      return step.op;
  }
}

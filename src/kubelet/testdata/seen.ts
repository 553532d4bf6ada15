// For tests: what is seen of a pod that has its sandbox and volumes, and no container yet.
import type { PodSeen } from '../seen.ts';

export const sandboxOnly: PodSeen = {
  sandbox: { netnsPath: '/run/netns/x', ips: ['10.0.0.2'], attempt: 0 },
  sandboxesLost: 0,
  volumesReady: true,
  containers: [],
  waiting: new Map(),
  probes: new Map(),
  busy: new Set(),
  released: false,
  statusWritten: false,
  networkReady: true,
  forgotten: false,
};

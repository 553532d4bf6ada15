// A table of connections in memory: what a test puts in, until it is deleted.
import type { Conntrack, Flow } from './flow.ts';
import { printFlow } from './flow.ts';

export interface FakeConntrack extends Conntrack {
  add(flow: Flow): void;
}

export function fakeConntrack(): FakeConntrack {
  const flows = new Map<string, Flow>();
  return {
    add: (flow) => void flows.set(printFlow(flow), flow),
    list: () => [...flows.values()],
    delete: (gone) => gone.filter((flow) => flows.delete(printFlow(flow))).length,
    close: () => flows.clear(),
  };
}

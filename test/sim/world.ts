// A whole control plane in one process: store, API server, cache, controllers, scheduler and nodes, on one fake clock.
import type { Transport } from '../../src/api/http.ts';
import { clusterSettings as settings } from '../../src/api/testdata/cluster.ts';
import type { KubeObject } from '../../src/api/types.ts';
import { createApiServer } from '../../src/apiserver/server.ts';
import { createCache } from '../../src/client/cache.ts';
import { createClient } from '../../src/client/client.ts';
import { runController } from '../../src/client/run.ts';
import type { Cache, Change, Client } from '../../src/client/types.ts';
import { cachedKinds, controllers } from '../../src/controllers/index.ts';
import { scheduler } from '../../src/scheduler/scheduler.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { type Clock, createClock } from './clock.ts';
import { type FakeKubelet, fakeKubelet } from './kubelet.ts';

export interface World {
  readonly clock: Clock;
  /** What people do, and the checks: never disturbed. */
  readonly client: Client;
  /** What the store says, seen from outside the control plane. */
  readonly seen: Cache;
  readonly kubelets: readonly FakeKubelet[];
  /** Every write of the control plane. */
  readonly trace: string[];
  /** Share of the control plane's calls that fail, half of them after they were carried out. */
  faults: number;
  restartControlPlane(): void;
}

export async function createWorld(seed: number, nodes: number): Promise<World> {
  const clock = createClock(seed);
  const store = memoryStore();
  const { serviceNetwork, nodePorts, clusterDomain, apiServiceIp, dnsIp, timeouts } = settings;
  const server = await createApiServer({
    store,
    env: clock,
    settings: {
      serviceNetwork,
      nodePorts,
      clusterDomain,
      reservedIps: [apiServiceIp, dnsIp],
      evictAfterSeconds: timeouts.evictAfterSeconds,
    },
  });
  const user = { name: 'sim', groups: ['system:masters'] };
  const client = createClient(server.handle, user);
  const trace: string[] = [];
  const world: World = {
    clock,
    client,
    seen: createCache(client, clock, cachedKinds),
    kubelets: Array.from({ length: nodes }, (_, i) =>
      fakeKubelet(`node-${i + 1}`, client, clock, timeouts.leaseRenewMs),
    ),
    trace,
    faults: 0,
    restartControlPlane,
  };
  // Calls and events take their time, each its own: a watch lags behind the answers of writes, as on a real network.
  const pause = (maxMs: number): Promise<void> =>
    new Promise((resolve) => clock.after(clock.random() * maxMs, resolve));
  async function* late(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      await pause(30);
      yield chunk;
    }
  }
  const flaky: Transport = async (request) => {
    if (request.query.has('watch')) {
      const answer = await server.handle(request);
      return answer.body instanceof Uint8Array ? answer : { ...answer, body: late(answer.body) };
    }
    const fails = world.faults > 0 && clock.random() < world.faults;
    const lost = fails && clock.random() < 0.5;
    await pause(2);
    if (fails && !lost) throw new Error('the call was lost');
    const answer = await server.handle(request);
    await pause(2);
    if (lost) throw new Error('the answer was lost');
    return answer;
  };
  let stop = (): void => undefined;
  function restartControlPlane(): void {
    stop();
    const own = createClient(flaky, { name: 'system:control-plane', groups: ['system:masters'] });
    const cache = createCache(own, clock, cachedKinds);
    const told = (controller: string, key: string, change: Change, error?: unknown): void => {
      trace.push(
        `${clock.nowMs()} ${controller} ${key}: ${change.op} ${change.why}${error instanceof Error ? ` -> ${error.message}` : ''}`,
      );
    };
    const running = [...controllers(settings), scheduler()].map((c) =>
      runController(c, { client: own, cache, env: clock, trace: told }),
    );
    stop = () => {
      for (const r of running) r.stop();
      cache.close();
    };
  }
  restartControlPlane();
  for (const kubelet of world.kubelets) kubelet.start();
  return world;
}

export const uidOf = (o: KubeObject): string => o.metadata.uid;

// The server process: API server, store, scheduler and controllers, wired together.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterSettings } from '../api/cluster.ts';
import { createNodeProxy } from '../apiserver/nodeproxy.io.ts';
import { serve } from '../apiserver/http.io.ts';
import { createApiServer } from '../apiserver/server.ts';
import { createCache } from '../client/cache.ts';
import { createClient } from '../client/client.ts';
import { runController } from '../client/run.ts';
import type { Client, Env } from '../client/types.ts';
import { cachedKinds, controllers } from '../controllers/index.ts';
import { scheduler } from '../scheduler/scheduler.ts';
import { openSqliteStore } from '../store/sqlite.io.ts';
import { realEnv, stderrLog } from './env.io.ts';
import { readTls } from './tls.io.ts';
import { onStop, sayReady } from './process.io.ts';

export async function runServer(settingsPath: string): Promise<void> {
  const settings = JSON.parse(readFileSync(settingsPath, 'utf8')) as ClusterSettings;
  const env = realEnv(stderrLog());
  const tls = readTls(settings, 'server');
  const store = await openSqliteStore(join(settings.stateDir, 'store.db'));
  const nodes = createNodeProxy(tls);
  const api = await createApiServer({
    store,
    env,
    nodes,
    settings: {
      serviceNetwork: settings.serviceNetwork,
      reservedIps: [settings.apiServiceIp, settings.dnsIp],
      nodePorts: settings.nodePorts,
      clusterDomain: settings.clusterDomain,
      evictAfterSeconds: settings.timeouts.evictAfterSeconds,
    },
  });
  const listen = (host: string): Promise<{ close(): Promise<void> }> =>
    serve({ handle: api.handle, nodes, tls, listen: [{ host, port: settings.apiPort }], log: env.log });
  const local = await listen('127.0.0.1');
  const control = startControl(settings, env, api.handle);
  sayReady();
  const forNodes = await listenOnBridge(() => listen(settings.hostIp));
  onStop(async () => {
    control.stop();
    await Promise.all([local.close(), forNodes.close()]);
    await api.close();
    await store.close();
  });
}

/** Scheduler and controllers speak to the API server in-process, over one cache. */
function startControl(
  settings: ClusterSettings,
  env: Env,
  handle: Parameters<typeof createClient>[0],
): { stop(): void } {
  // Under upstream's names: they stand in managedFields.
  const clientOf = (name: string): Client =>
    createClient(handle, { name: `system:${name}`, groups: ['system:masters'] }, name);
  const client = clientOf('kube-controller-manager');
  const cache = createCache(client, env, cachedKinds);
  const running = [
    ...controllers(settings).map((controller) => runController(controller, { client, cache, env })),
    runController(scheduler(), { client: clientOf('kube-scheduler'), cache, env }),
  ];
  return {
    stop() {
      for (const controller of running) controller.stop();
      cache.close();
    },
  };
}

// The bridge comes with the first node; until then its address cannot be bound (EADDRNOTAVAIL).
async function listenOnBridge<T>(listen: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await listen();
    } catch (error) {
      const text = `${(error as NodeJS.ErrnoException).code} ${String(error)} ${String((error as Error).cause)}`;
      if (!text.includes('EADDRNOTAVAIL')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }
}

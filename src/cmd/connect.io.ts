// A command's connection to the cluster: the same client and cache that every component uses, as the admin user.
import type { ClusterSettings } from '../api/cluster.ts';
import type { Transport } from '../api/http.ts';
import type { Kind } from '../api/types.ts';
import { UserError } from '../cli/errors.ts';
import { createCache } from '../client/cache.ts';
import { createClient } from '../client/client.ts';
import { httpTransport } from '../client/http.io.ts';
import type { Cache, Client } from '../client/types.ts';
import { realEnv } from './env.io.ts';
import { readTls } from './tls.io.ts';
import { logFile, runningPid } from './state.io.ts';

export interface Connection {
  readonly client: Client;
  /** Resolves when every kind named has been listed; throws in one line if the server does not answer. */
  cache(): Promise<Cache>;
  close(): void;
}

const answerWithinMs = 10_000;

export function connectCluster(settings: ClusterSettings, kinds: readonly Kind[]): Connection {
  if (runningPid(settings, 'server') === undefined) {
    const name = settings.name === 'podlan' ? '' : ` --name ${settings.name}`;
    throw new UserError(
      `the server of cluster '${settings.name}' does not run; podlan up${name} starts it again with the same objects`,
      3,
    );
  }
  const transport = httpTransport({ server: `https://127.0.0.1:${settings.apiPort}`, ...readTls(settings, 'admin') });
  const client = createClient(strictly(transport));
  let cache: Cache | undefined;
  return {
    client,
    async cache() {
      cache ??= createCache(
        client,
        realEnv(() => {}),
        kinds.map((kind) => ({ kind })),
      );
      const late = new Promise<never>((_, reject) => {
        const timer = setTimeout(() => reject(new UserError(silent(settings))), answerWithinMs);
        timer.unref();
      });
      await Promise.race([cache.synced, late]);
      return cache;
    },
    close() {
      cache?.close();
      transport.close();
    },
  };
}

/** As kubectl does: a field that the server does not know is an error, not a warning that nobody reads. */
const strictly =
  (transport: Transport): Transport =>
  (request) => {
    if (request.method === 'GET' || request.method === 'DELETE') return transport(request);
    const query = new URLSearchParams(request.query);
    query.set('fieldValidation', 'Strict');
    return transport({ ...request, query });
  };

const silent = (settings: ClusterSettings): string =>
  `the API server at https://127.0.0.1:${settings.apiPort} did not answer within ${answerWithinMs / 1000} s; its log: ${logFile(settings, 'server')}`;

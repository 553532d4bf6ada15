// A node process: kubelet, pod network, Service proxy and policy in its main thread; DNS in a thread of its own.
// The main thread lives in the node's network namespace from its first step on.
import { readFileSync } from 'node:fs';
import type { ClusterSettings, NodeSettings } from '../api/cluster.ts';
import { createCache } from '../client/cache.ts';
import { createClient } from '../client/client.ts';
import { httpTransport } from '../client/http.io.ts';
import { startKubelet } from '../kubelet/kubelet.io.ts';
import { serveKubelet } from '../kubelet/server/server.io.ts';
import { execInContainer } from '../linux/oci/exec.io.ts';
import { openNft } from '../linux/nft/nft.io.ts';
import { startNetworkAgent } from '../network/agent.io.ts';
import { startDnsWorker } from '../network/dns/start.io.ts';
import { enterNode } from '../network/node.io.ts';
import { realEnv, stderrLog } from './env.io.ts';
import { readTls } from './tls.io.ts';
import { onStop, sayReady } from './process.io.ts';

const kubeletPort = 10_250;

export async function runNode(nodeName: string, settingsPath: string): Promise<void> {
  const settings = JSON.parse(readFileSync(settingsPath, 'utf8')) as ClusterSettings;
  const node = nodeOf(settings, nodeName);
  const env = realEnv(stderrLog());
  const tls = readTls(settings, node.name);
  const entered = enterNode(settings, node);
  const apiServer = `https://${settings.hostIp}:${settings.apiPort}`;
  const dns = startDnsWorker({
    settings,
    node,
    tls,
    apiServer,
    nodeNetns: `/run/netns/${entered.netns}`,
    // The namespace that the process came from, by the descriptor that it keeps open.
    hostNetns: `/proc/self/fd/${entered.fd}`,
    log: env.log,
  });
  const transport = httpTransport({ server: apiServer, ...tls });
  const client = createClient(transport, undefined, 'kubelet');
  const cache = createCache(client, env, [
    { kind: 'Node' },
    { kind: 'Pod' },
    { kind: 'Service' },
    { kind: 'EndpointSlice' },
    { kind: 'NetworkPolicy' },
    { kind: 'Namespace' },
    { kind: 'ConfigMap' },
    { kind: 'Secret' },
  ]);
  const network = await startNetworkAgent({ settings, node, cache, client, env, nft: openNft, entered });
  const kubelet = await startKubelet({ settings, node, client, cache, env, network, exec: execInContainer });
  const server = await serveKubelet({
    listen: { host: node.ip, port: kubeletPort },
    tls,
    pods: kubelet.pods,
    log: env.log,
  });
  await dns.ready;
  sayReady();
  onStop(async (signal) => {
    // SIGHUP lets containers run on, for a restart of this process alone; anything else ends the node in order.
    await kubelet.stop(signal !== 'SIGHUP');
    await Promise.all([server.close(), dns.stop(), network.stop()]);
    cache.close();
    transport.close();
  });
}

function nodeOf(settings: ClusterSettings, name: string): NodeSettings {
  const node = settings.nodes.find((n) => n.name === name);
  if (!node) throw new Error(`the cluster ${settings.name} has no node ${name}`);
  return node;
}

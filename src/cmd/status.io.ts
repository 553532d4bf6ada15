// podlan status: nodes, pods and Services, as the API server has them, and which processes run.
import { statusReport, statusText } from '../cli/status.ts';
import { connectCluster } from './connect.io.ts';
import { clusterNames, isDown, kubeconfigFile, readSettings, requireSettings, runningPid } from './state.io.ts';

export async function status(options: { name: string; output: 'text' | 'json' }): Promise<number> {
  const settings = requireSettings(options.name);
  const connection = connectCluster(settings, ['Node', 'Pod', 'Service']);
  try {
    const cache = await connection.cache();
    const report = statusReport({
      settings,
      kubeconfig: kubeconfigFile(settings),
      processes: ['server', ...settings.nodes.map((node) => node.name)].map((name) => ({
        name,
        pid: runningPid(settings, name),
        stopped: isDown(settings, name),
      })),
      nodes: cache.list('Node'),
      pods: cache.list('Pod'),
      services: cache.list('Service'),
      nowMs: Date.now(),
    });
    process.stdout.write(
      options.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : `${statusText(report)}\n`,
    );
    return 0;
  } finally {
    connection.close();
  }
}

/** podlan clusters: what is on this machine. */
export function clusters(options: { output: 'text' | 'json' }): number {
  const rows = clusterNames().flatMap((name) => {
    const settings = readSettings(name);
    if (!settings) return [];
    const running = runningPid(settings, 'server') !== undefined;
    return [
      {
        name,
        running,
        nodes: settings.nodes.length,
        server: `https://127.0.0.1:${settings.apiPort}`,
        kubeconfig: kubeconfigFile(settings),
      },
    ];
  });
  if (options.output === 'json') process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else
    for (const row of rows)
      process.stdout.write(
        `${row.name}  ${row.running ? 'running' : 'not running'}  ${row.nodes} nodes  ${row.server}\n`,
      );
  return 0;
}

// podlan node stop|kill|start NAME: fails and revives a node.
import type { ClusterSettings, NodeSettings } from '../api/cluster.ts';
import { UserError } from '../cli/errors.ts';
import { connectCluster } from './connect.io.ts';
import { cutNode, until } from './down.io.ts';
import { withLock } from './lock.io.ts';
import { openProgress } from './progress.io.ts';
import { startProcess } from './start.io.ts';
import { adoptProcesses, isDown, markDown, requireSettings, runningPid } from './state.io.ts';
import { waitForNodes } from './wait.io.ts';

export type NodeAction = 'stop' | 'kill' | 'start';

// A pod may take its whole grace period (30 s unless it says otherwise), several of them at once.
const stopWithinMs = 60_000;

export function nodeCommand(
  action: NodeAction,
  nodeName: string,
  options: { name: string; timeoutSeconds: number },
): Promise<number> {
  return withLock(options.name, `node ${action} ${nodeName}`, async () => {
    const settings = requireSettings(options.name);
    const node = settings.nodes.find((n) => n.name === nodeName);
    if (!node) {
      const names = settings.nodes.map((n) => n.name).join(', ');
      throw new UserError(`cluster '${settings.name}' has no node '${nodeName}'; it has ${names}`);
    }
    adoptProcesses(settings);
    if (action === 'start') return startNode(settings, node, options.timeoutSeconds);
    if (isDown(settings, node.name)) {
      process.stdout.write(`${node.name} is already down; nothing was changed\n`);
      return 0;
    }
    if (action === 'stop') await stopProcess(settings, node);
    await cutNode(settings, node);
    process.stdout.write(
      `${node.name} ${action === 'stop' ? 'stopped: its pods ended in order' : 'killed: everything on it ended at once'}\n`,
    );
    return 0;
  });
}

async function stopProcess(settings: ClusterSettings, node: NodeSettings): Promise<void> {
  const pid = runningPid(settings, node.name);
  if (pid === undefined) return;
  process.kill(pid, 'SIGTERM');
  await until(() => runningPid(settings, node.name) === undefined, `${node.name} to stop its pods`, stopWithinMs);
}

async function startNode(settings: ClusterSettings, node: NodeSettings, timeoutSeconds: number): Promise<number> {
  if (runningPid(settings, node.name) !== undefined) {
    process.stdout.write(`${node.name} already runs; nothing was changed\n`);
    return 0;
  }
  const progress = openProgress(process.stderr);
  const connection = connectCluster(settings, ['Node']);
  try {
    progress.set(node.name, 'working', 'starting');
    await startProcess(settings, node.name);
    markDown(settings, node.name, false);
    const only = { ...settings, nodes: [node] };
    await waitForNodes(only, await connection.cache(), performance.now() + timeoutSeconds * 1000, progress);
    return 0;
  } finally {
    progress.close();
    connection.close();
  }
}

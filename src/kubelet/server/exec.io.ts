// Runs a command for a remote session.
import { execInContainer } from '../../linux/oci/exec.io.ts';
import type { ContainerHandle } from '../access.ts';
import type { Ending } from './channels.ts';
import type { StreamOptions } from './request.ts';
import { copyAll } from './session.io.ts';
import type { RemoteSession } from './session.io.ts';

export async function runExec(
  session: RemoteSession,
  container: ContainerHandle & { containerId: string },
  argv: readonly string[],
  streams: StreamOptions,
): Promise<void> {
  const { runcRoot, containerId } = container;
  const exec = execInContainer({ runcRoot, containerId, argv, tty: streams.tty, stdin: streams.stdin });
  void session.closed.then(() => exec.kill());
  session.onResize((columns, rows) => exec.resize(columns, rows));
  if (session.stdin && exec.stdin) {
    // A terminal stays open at the end of input: what ends a shell there is ^D, typed.
    session.stdin.pipe(exec.stdin, { end: !streams.tty });
    const { stdin } = session;
    exec.stdin.on('error', () => {}).on('close', () => stdin.resume()); // nobody reads any more: let the client go on
  }
  const [exitCode] = await Promise.all([
    exec.exitCode,
    copyAll(exec.stdout, session.stdout),
    exec.stderr && copyAll(exec.stderr, session.stderr),
  ]);
  const startError = exec.startError();
  const ending: Ending =
    startError === undefined
      ? { exitCode }
      : { failure: `error executing command in container: failed to exec in container: ${startError}` };
  await session.finish(ending);
}

// The command line. Every command loads only what it needs.
import { enableCompileCache } from 'node:module';

enableCompileCache();
const [command, ...rest] = process.argv.slice(2);

// The two long-running processes are started by `up` and `node start`, and skip everything that a person's command line needs.
if (command === 'server' || command === 'node-process') {
  const { failStart } = await import('./process.io.ts');
  process.on('uncaughtException', failStart);
  process.on('unhandledRejection', failStart);
  try {
    if (command === 'server') await (await import('./server.io.ts')).runServer(rest[0] ?? '');
    else await (await import('./node.io.ts')).runNode(rest[0] ?? '', rest[1] ?? '');
  } catch (error) {
    failStart(error);
  }
} else {
  const { runCommand } = await import('./commands.io.ts');
  process.exitCode = await runCommand(process.argv.slice(2));
}

// The commands that a person types, their options and their help.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { exitCodes, UserError } from '../cli/errors.ts';

const version = '0.1.0';
const defaultName = 'podlan';

function clusterName(text: string): string {
  // Part of names of namespaces, cgroups and DNS-like labels: short and plain.
  if (!/^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$/.test(text)) {
    throw new InvalidArgumentError('wanted 1 to 30 of a-z, 0-9 and -, from a letter to a letter or digit.');
  }
  return text;
}

function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < from || value > to) {
      throw new InvalidArgumentError(`wanted a whole number from ${from} to ${to}.`);
    }
    return value;
  };
}

const nameOption = (): Option =>
  new Option('--name <NAME>', 'name of the cluster').default(defaultName).argParser(clusterName);
const outputOption = (): Option =>
  new Option('-o, --output <FORMAT>', 'how to print').choices(['text', 'json']).default('text');
const timeoutOption = (seconds: number): Option =>
  new Option('--timeout <SECONDS>', 'how long to wait until all is ready')
    .default(seconds)
    .argParser(wholeNumber(1, 86_400));
const collect = (value: string, before: string[]): string[] => [...before, value];

function program(setExit: (code: number) => void): Command {
  const root = new Command('podlan')
    .description('A Kubernetes cluster on this machine whose network is real and explains itself.')
    .version(version)
    .showHelpAfterError('(podlan help COMMAND shows how it is used)')
    .exitOverride()
    .addHelpText(
      'after',
      `\nExit codes:\n${Object.entries(exitCodes)
        .map(([code, text]) => `  ${code}  ${text}`)
        .join('\n')}`,
    );

  root
    .command('up')
    .description('start a cluster (or what is missing of it), apply manifests, wait until their workloads are ready')
    .addOption(nameOption())
    .addOption(new Option('--nodes <N>', 'number of nodes (default: 3)').argParser(wholeNumber(1, 200)))
    .addOption(
      new Option('--port <PORT>', 'port of the API server on 127.0.0.1 (default: first free from 6443)').argParser(
        wholeNumber(1, 65_535),
      ),
    )
    .addOption(
      new Option('-f, --file <FILE>', 'manifest file, directory of them, or - for standard input; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--merge-kubeconfig', 'also add the cluster to your own kubeconfig and make it the current context', false)
    .addOption(timeoutOption(180))
    .addOption(outputOption())
    .action(
      async (o: {
        name: string;
        nodes?: number;
        port?: number;
        file: string[];
        mergeKubeconfig: boolean;
        timeout: number;
        output: 'text' | 'json';
      }) => {
        const { up } = await import('./up.io.ts');
        const command = process.env.PODLAN_COMMAND ?? 'podlan';
        setExit(await up({ ...o, files: o.file, timeoutSeconds: o.timeout, command }));
      },
    );

  root
    .command('down')
    .description('end a cluster and leave nothing of it')
    .addOption(nameOption())
    .action(async (o: { name: string }) => setExit(await (await import('./down.io.ts')).down(o)));

  root
    .command('status')
    .description('show nodes, pods and Services')
    .addOption(nameOption())
    .addOption(outputOption())
    .action(async (o: { name: string; output: 'text' | 'json' }) =>
      setExit(await (await import('./status.io.ts')).status(o)),
    );

  root
    .command('clusters')
    .description('list the clusters of this machine')
    .addOption(outputOption())
    .action(async (o: { output: 'text' | 'json' }) => setExit((await import('./status.io.ts')).clusters(o)));

  root
    .command('load')
    .argument('<FILE...>', 'OCI layout (directory or tar) or `docker save` archive, also gzipped')
    .description('bring images to the nodes')
    .addOption(nameOption())
    .addOption(outputOption())
    .action(async (files: string[], o: { name: string; output: 'text' | 'json' }) =>
      setExit(await (await import('./load.io.ts')).load(files, o)),
    );

  const node = root.command('node').description('fail and revive a node');
  for (const [action, text] of [
    ['stop', 'end its pods in order, then the node'],
    ['kill', 'end everything on it at once, as a power cut does'],
    ['start', 'start it again'],
  ] as const) {
    node
      .command(action)
      .argument('<NODE>', 'e.g. node-2')
      .description(text)
      .addOption(nameOption())
      .addOption(timeoutOption(60))
      .action(async (name: string, o: { name: string; timeout: number }) => {
        const { nodeCommand } = await import('./nodes.io.ts');
        setExit(await nodeCommand(action, name, { name: o.name, timeoutSeconds: o.timeout }));
      });
  }

  // Here for the help only: the launcher answers it itself, because it must work before anything is installed.
  root
    .command('doctor')
    .description('check what podlan needs of this machine, changing nothing')
    .addOption(outputOption());
  return root;
}

/** Runs one command line and gives its exit code; what a user can cause is one line on stderr. */
export async function runCommand(args: readonly string[]): Promise<number> {
  let code = 0;
  const root = program((c) => {
    code = c;
  });
  for (const sub of [root, ...root.commands, ...root.commands.flatMap((c) => c.commands)]) sub.exitOverride();
  try {
    await root.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof UserError) {
      process.stderr.write(`podlan: ${error.message}\n`);
      return error.exitCode;
    }
    process.stderr.write(
      `podlan: ${process.env.PODLAN_LOG === 'debug' && error instanceof Error ? error.stack : String(error)}\n`,
    );
    return 1;
  }
}

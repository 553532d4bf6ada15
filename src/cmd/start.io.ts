// Starting the long-running processes of a cluster, each in a session of its own, its output in a log file.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterSettings } from '../api/cluster.ts';
import { UserError } from '../cli/errors.ts';
import { logFile, processArguments, writePid } from './state.io.ts';

type FromChild = { ready: true } | { failed: string };

/** Resolves when the process says that it is ready; rejects with its own words when it cannot start. */
export function startProcess(settings: ClusterSettings, who: string, signal?: AbortSignal): Promise<void> {
  const args = [entryPoint(), ...processArguments(settings.name, who)];
  mkdirSync(join(settings.stateDir, 'log'), { recursive: true });
  const log = openSync(logFile(settings, who), 'a', 0o600);
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log, log, 'ipc'],
    serialization: 'json',
  });
  closeSync(log);
  if (child.pid !== undefined) writePid(settings, who, child.pid);
  // Another process of the same `up` could not start: this one has nothing to wait for.
  signal?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
  return untilReady(child, settings, who);
}

// From source (tests of the commands themselves) the entry is the .ts file; built, it is the bundle.
const entryPoint = (): string => process.argv[1] ?? '';

function untilReady(child: ChildProcess, settings: ClusterSettings, who: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      child.removeAllListeners();
      if (child.connected) child.disconnect();
      child.unref();
    };
    child.on('message', (message: FromChild) => {
      leave();
      if ('ready' in message) resolve();
      else reject(new UserError(`${who} did not start: ${message.failed} (its log: ${logFile(settings, who)})`));
    });
    child.once('error', (error) => reject(new UserError(`${who} did not start: ${error.message}`)));
    child.once('exit', (code, signal) => {
      leave();
      const how = signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
      reject(new UserError(`${who} ${how} before it was ready: ${lastLine(logFile(settings, who))}`));
    });
  });
}

function lastLine(file: string): string {
  try {
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    return lines.findLast((line) => / (error|warn) /.test(line)) ?? lines.at(-1) ?? 'nothing in its log';
  } catch {
    return 'it has no log';
  }
}

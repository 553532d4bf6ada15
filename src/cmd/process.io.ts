// How a long-running process of podlan lives: it says once that it is ready, and ends in order when it is told to.

/** Tells `podlan up`, which started this process with an IPC channel, that it is ready; then lets the channel go. */
export function sayReady(): void {
  if (!process.send) return;
  // Who started this process may be gone by now (Ctrl-C): nobody to tell, and no reason to end.
  process.send({ ready: true }, () => {
    if (process.connected) process.disconnect();
  });
}

/** Tells why it cannot start, in one line, and ends. */
export function failStart(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${new Date().toISOString()} error ${error instanceof Error ? error.stack : message}\n`);
  process.send?.({ failed: message });
  process.exit(1);
}

export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

/** Calls `stop` once at the first of the signals, then ends the process. */
export function onStop(stop: (signal: StopSignal) => Promise<void>): void {
  let stopping = false;
  const handle = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    stop(signal as StopSignal).then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${new Date().toISOString()} error stopping: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, handle);
}

// A pseudo-terminal: the slave goes to a child as its terminal, the master is a duplex stream here.
import { closeSync, openSync, writeSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { ReadStream } from 'node:tty';
import { O_NOCTTY, O_RDWR, openMaster, setWindowSize } from './libc.io.ts';

const RETRY_MS = 5;

export interface Pty {
  /** Descriptor for spawn's stdio; `closeSlave` once the child has it, or the master never sees the end. */
  readonly slave: number;
  closeSlave(): void;
  /** What is typed goes in, what is shown comes out; ends when the last holder of the slave is gone. */
  readonly terminal: Duplex;
  resize(columns: number, rows: number): void;
  close(): void;
}

export function openPty(): Pty {
  const { master, slavePath } = openMaster();
  const slave = openSync(slavePath, O_RDWR | O_NOCTTY);
  // libuv reads a master as a tty: without a thread, non-blocking. The socket owns the descriptor from here on.
  const tty = new ReadStream(master);
  const terminal = terminalOf(tty, master);
  let slaveOpen = true;
  const closeSlave = (): void => {
    if (slaveOpen) closeSync(slave);
    slaveOpen = false;
  };
  return {
    slave,
    closeSlave,
    terminal,
    resize: (columns, rows) => {
      if (!tty.destroyed) setWindowSize(master, columns, rows);
    },
    close: () => {
      closeSlave();
      tty.destroy();
    },
  };
}

/** A master has no half-close: EIO means that the last slave is closed, which is the end and no error. */
function terminalOf(tty: ReadStream, master: number): Duplex {
  const terminal = new Duplex({
    read: () => tty.resume(),
    write: (chunk: Buffer, _encoding, done) => writeMaster(tty, master, chunk, done),
    destroy: (error, done) => {
      tty.destroy();
      done(error);
    },
  });
  let ended = false;
  const end = (): void => {
    if (!ended) terminal.push(null);
    ended = true;
  };
  tty.on('data', (chunk) => {
    if (!ended && !terminal.push(chunk)) tty.pause();
  });
  tty.on('end', end).on('close', end).on('error', end);
  return terminal;
}

/**
 * Not tty.write(): libuv writes to a master as to a blocking descriptor, and a program that does not read its terminal
 * would stop this whole process as soon as the terminal's buffer is full. Full: again a little later.
 */
function writeMaster(tty: ReadStream, master: number, chunk: Uint8Array, done: () => void): void {
  let rest = chunk;
  while (rest.length > 0 && !tty.destroyed) {
    try {
      rest = rest.subarray(writeSync(master, rest));
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'EAGAIN') break; // EIO: nobody is there any more
      const left = rest;
      setTimeout(() => writeMaster(tty, master, left, done), RETRY_MS);
      return;
    }
  }
  done();
}

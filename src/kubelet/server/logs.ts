// A container's log in the CRI format, from file bytes to what `kubectl logs` shows.
//
//   2026-11-23T10:00:00.123456789+00:00 stdout P the first half of a long li
//   2026-11-23T10:00:00.123456790+00:00 stdout F ne
//
// P: the line goes on in the next entry (of that stream); F: it ends here. Messages are bytes, not text.
import { joinBytes } from '../../lib/bytes.ts';

export interface LogEntry {
  /** RFC 3339 with nanoseconds, as written. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  readonly partial: boolean;
  readonly message: Uint8Array;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const ascii = new TextDecoder();
const encoder = new TextEncoder();

/** line: without its newline. undefined: not an entry (the file was cut short). */
export function parseLogEntry(line: Uint8Array): LogEntry | undefined {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  if (first < 0 || second < 0) return undefined;
  let third = line.indexOf(SPACE, second + 1);
  if (third < 0) third = line.length; // an empty message may come without its separator
  const stream = ascii.decode(line.subarray(first + 1, second));
  const tag = ascii.decode(line.subarray(second + 1, third)).split(':')[0];
  if ((stream !== 'stdout' && stream !== 'stderr') || (tag !== 'F' && tag !== 'P')) return undefined;
  return {
    time: ascii.decode(line.subarray(0, first)),
    stream,
    partial: tag === 'P',
    message: line.subarray(third + 1),
  };
}

export interface LogShape {
  readonly timestamps: boolean;
  /** Entries before this are left out; ms since the epoch. */
  readonly sinceMs?: number;
  readonly limitBytes?: number;
}

/** Bytes of the file in, bytes for the client out; pieces may end anywhere. */
export class LogFormatter {
  readonly #shape: LogShape;
  #rest = new Uint8Array(0);
  #bytesLeft: number;
  #midLine = false;

  constructor(shape: LogShape) {
    this.#shape = shape;
    this.#bytesLeft = shape.limitBytes ?? Infinity;
  }

  /** limitBytes are out: nothing more will come. */
  get full(): boolean {
    return this.#bytesLeft <= 0;
  }

  push(piece: Uint8Array): Uint8Array {
    const bytes = this.#rest.length === 0 ? piece : joinBytes([this.#rest, piece]);
    const out: Uint8Array[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0 && !this.full; end = bytes.indexOf(NEWLINE, start)) {
      const entry = parseLogEntry(bytes.subarray(start, end));
      start = end + 1;
      if (entry) this.#write(entry, out);
    }
    this.#rest = bytes.slice(start);
    return joinBytes(out);
  }

  #write(entry: LogEntry, out: Uint8Array[]): void {
    if (this.#shape.sinceMs !== undefined && Date.parse(entry.time) < this.#shape.sinceMs) return;
    if (this.#shape.timestamps && !this.#midLine) this.#take(encoder.encode(`${utc(entry.time)} `), out);
    this.#take(entry.message, out);
    if (!entry.partial) this.#take(Uint8Array.of(NEWLINE), out);
    this.#midLine = entry.partial;
  }

  #take(bytes: Uint8Array, out: Uint8Array[]): void {
    const taken = bytes.length <= this.#bytesLeft ? bytes : bytes.subarray(0, Math.max(0, this.#bytesLeft));
    this.#bytesLeft -= taken.length;
    out.push(taken);
  }
}

/** conmon writes its local offset; the Kubernetes API says Z for UTC. */
const utc = (time: string): string => time.replace(/\+00:00$/, 'Z');

/** Scans backwards, block by block, for where the last `lines` entries of a file begin. */
export class TailScan {
  #newlines: number;
  #atEnd = true;

  constructor(lines: number) {
    this.#newlines = lines;
  }

  /** block: the bytes before those of the last call. Returns the start's index in it, or undefined: go on before it. */
  scan(block: Uint8Array): number | undefined {
    let at = block.length;
    if (this.#atEnd && block.length > 0) {
      this.#atEnd = false;
      if (this.#newlines === 0) return at;
      if (block[at - 1] === NEWLINE) at--; // it ends the last entry and starts none
    }
    while (at > 0) {
      const found = block.lastIndexOf(NEWLINE, at - 1);
      if (found < 0) return undefined;
      if (--this.#newlines === 0) return found + 1;
      at = found;
    }
    return undefined;
  }
}

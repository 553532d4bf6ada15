// Draws progress rows: live in a terminal, a plain line per news in a pipe.
import { frame, plainLine, type Row, type RowState } from '../cli/progress.ts';

export interface Progress {
  /** Sets a row, making it when it is new. Its time runs from its first setting until it is done or failed. */
  set(name: string, state: RowState, detail: string): void;
  /** Ends the drawing; what was drawn stays. Rows still at work are left as they are. */
  close(): void;
}

interface Timed {
  row: Row;
  readonly sinceMs: number;
}

export function openProgress(out: NodeJS.WriteStream, silent = false): Progress {
  if (silent) return { set: () => {}, close: () => {} };
  const rows = new Map<string, Timed>();
  const painter = out.isTTY ? livePainter(out) : undefined;
  return {
    set(name, state, detail) {
      const known = rows.get(name);
      if (known && known.row.state === state && known.row.detail === detail) return;
      const sinceMs = known?.sinceMs ?? performance.now();
      const ended = state === 'done' || state === 'failed';
      const row: Row = { name, state, detail, ...(ended ? { tookMs: performance.now() - sinceMs } : {}) };
      rows.set(name, { row, sinceMs });
      if (painter) painter.paint([...rows.values()].map((timed) => timed.row));
      else if (state !== 'waiting') out.write(`${plainLine(row)}\n`);
    },
    close: () => painter?.close(),
  };
}

function livePainter(out: NodeJS.WriteStream): { paint(rows: Row[]): void; close(): void } {
  let shown: Row[] = [];
  let drawnLines = 0;
  let tick = 0;
  const colours = process.env.NO_COLOR === undefined || process.env.NO_COLOR === '';
  const draw = (): void => {
    const lines = frame(shown, tick, out.columns || 80, colours);
    // Up over what was drawn, then every line anew, each clearing its rest.
    const up = drawnLines > 0 ? `\u001b[${drawnLines}A` : '';
    out.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}`);
    drawnLines = lines.length;
  };
  const timer = setInterval(() => {
    tick += 1;
    draw();
  }, 100);
  timer.unref();
  return {
    paint(rows) {
      shown = rows;
      draw();
    },
    close() {
      clearInterval(timer);
      draw();
    },
  };
}

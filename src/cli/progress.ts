// What a person sees while something long goes on: rows that each reach an end. A terminal shows them live; a pipe gets
// one plain line whenever a row changes, without colour codes.

export type RowState = 'waiting' | 'working' | 'done' | 'failed';

export interface Row {
  readonly name: string;
  readonly state: RowState;
  readonly detail: string;
  /** How long it took, once it has ended. */
  readonly tookMs?: number;
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const colour = { green: '\u001b[32m', red: '\u001b[31m', dim: '\u001b[2m', off: '\u001b[0m' } as const;

/** 0.4 s, 12 s: as exact as a person can use. */
export const seconds = (ms: number): string =>
  ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;

const nameWidth = (rows: readonly Row[]): number => Math.max(10, ...rows.map((row) => row.name.length));

function mark(state: RowState, tick: number, colours: boolean): string {
  const paint = (text: string, code: string): string => (colours ? `${code}${text}${colour.off}` : text);
  if (state === 'done') return paint('✔', colour.green);
  if (state === 'failed') return paint('✘', colour.red);
  return state === 'working' ? (spinner[tick % spinner.length] ?? ' ') : paint('·', colour.dim);
}

/** The live list, one line per row, cut to the terminal's width. */
export function frame(rows: readonly Row[], tick: number, widthColumns: number, colours: boolean): string[] {
  const width = nameWidth(rows);
  return rows.map((row) => {
    const took = row.tookMs === undefined ? '' : `  ${seconds(row.tookMs)}`;
    const text = `${row.name.padEnd(width)}  ${row.detail}${took}`;
    const room = Math.max(20, widthColumns - 4);
    return `${mark(row.state, tick, colours)} ${text.length > room ? `${text.slice(0, room - 1)}…` : text}`;
  });
}

/** One row's news as a line of its own, for pipes and logs. */
export function plainLine(row: Row): string {
  const took = row.tookMs === undefined ? '' : ` (${seconds(row.tookMs)})`;
  const detail = row.detail === '' ? '' : `: ${row.detail}`;
  return row.state === 'failed' ? `${row.name}: failed: ${row.detail}${took}` : `${row.name}${detail}${took}`;
}

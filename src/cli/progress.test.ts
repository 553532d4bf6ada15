import { describe, expect, it } from 'vitest';
import { frame, plainLine, type Row, seconds } from './progress.ts';

const rows: Row[] = [
  { name: 'server', state: 'done', detail: 'https://127.0.0.1:6443', tookMs: 412 },
  { name: 'node-1', state: 'working', detail: 'registering' },
  { name: 'node-2', state: 'failed', detail: 'no room' },
];

describe('progress', () => {
  it('plain lines carry no colour codes', () => {
    expect(rows.map(plainLine)).toEqual([
      'server: https://127.0.0.1:6443 (0.4 s)',
      'node-1: registering',
      'node-2: failed: no room',
    ]);
  });

  it('a frame is one line per row, as wide as the terminal at most', () => {
    expect(frame(rows, 1, 80, false)).toEqual([
      '✔ server      https://127.0.0.1:6443  0.4 s',
      '⠙ node-1      registering',
      '✘ node-2      no room',
    ]);
    expect(frame(rows, 0, 30, false).every((line) => line.length <= 28)).toBe(true);
  });

  it('seconds are as exact as a person can use', () => {
    expect([40, 412, 9_949, 12_300].map(seconds)).toEqual(['0.0 s', '0.4 s', '9.9 s', '12 s']);
  });
});

import { describe, expect, it } from 'vitest';
import { LogFormatter, TailScan, parseLogEntry } from './logs.ts';
import type { LogShape } from './logs.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const at = (second: number): string => `2026-11-23T10:00:0${second}.123456789+00:00`;

const file = [
  `${at(1)} stdout F one`,
  `${at(2)} stderr P tw`,
  `${at(3)} stderr P `,
  `${at(3)} stderr F o`,
  `${at(4)} stdout F `,
  `${at(5)} stdout F ünï  spaced`,
]
  .map((line) => `${line}\n`)
  .join('');

function shown(shape: Partial<LogShape>, text = file, pieceBytes = 1_000): string {
  const formatter = new LogFormatter({ timestamps: false, ...shape });
  const bytes = encoder.encode(text);
  let out = '';
  for (let i = 0; i < bytes.length; i += pieceBytes)
    out += decoder.decode(formatter.push(bytes.subarray(i, i + pieceBytes)));
  return out;
}

describe('a log entry', () => {
  it('has time, stream, tag and message', () => {
    const entry = parseLogEntry(encoder.encode(`${at(1)} stderr P a b`));
    expect(entry).toEqual({ time: at(1), stream: 'stderr', partial: true, message: encoder.encode('a b') });
  });
  it('may carry more tags, of which the first counts', () => {
    expect(parseLogEntry(encoder.encode(`${at(1)} stdout P:x y`))?.partial).toBe(true);
  });
  it.each(['', 'x', `${at(1)} stdout`, `${at(1)} other F x`, `${at(1)} stdout Q x`])('is not %j', (line) => {
    expect(parseLogEntry(encoder.encode(line))).toBeUndefined();
  });
});

describe('a log', () => {
  it('joins partial lines', () => {
    expect(shown({})).toBe('one\ntwo\n\nünï  spaced\n');
  });
  it('is the same wherever the pieces are cut', () => {
    for (const pieceBytes of [1, 2, 7, 50]) {
      const formatter = new LogFormatter({ timestamps: true });
      const bytes = encoder.encode(file);
      const parts: number[] = [];
      for (let i = 0; i < bytes.length; i += pieceBytes)
        parts.push(...formatter.push(bytes.subarray(i, i + pieceBytes)));
      expect(decoder.decode(Uint8Array.from(parts))).toBe(shown({ timestamps: true }));
    }
  });
  it('has one timestamp per line, UTC as Z', () => {
    const z = (second: number): string => at(second).replace('+00:00', 'Z');
    expect(shown({ timestamps: true })).toBe(`${z(1)} one\n${z(2)} two\n${z(4)} \n${z(5)} ünï  spaced\n`);
  });
  it('begins at sinceMs', () => {
    expect(shown({ sinceMs: Date.parse(at(4)) })).toBe('\nünï  spaced\n');
  });
  it('ends after limitBytes', () => {
    expect(shown({ limitBytes: 6 })).toBe('one\ntw');
    const formatter = new LogFormatter({ timestamps: false, limitBytes: 4 });
    formatter.push(encoder.encode(file));
    expect(formatter.full).toBe(true);
    expect(formatter.push(encoder.encode(file)).length).toBe(0);
  });
  it('shows an entry only when it is complete', () => {
    const formatter = new LogFormatter({ timestamps: false });
    expect(formatter.push(encoder.encode(`${at(1)} stdout F half`)).length).toBe(0);
    expect(decoder.decode(formatter.push(encoder.encode(' line\n')))).toBe('half line\n');
  });
  it('keeps bytes that are no text', () => {
    const line = Uint8Array.of(...encoder.encode(`${at(1)} stdout F `), 0xff, 0x00, 0x80, 0x0a);
    expect([...new LogFormatter({ timestamps: false }).push(line)]).toEqual([0xff, 0x00, 0x80, 0x0a]);
  });
});

describe('the tail of a log', () => {
  const tail = (text: string, lines: number, blockBytes: number): string => {
    const bytes = encoder.encode(text);
    const scan = new TailScan(lines);
    for (let end = bytes.length; end > 0; end -= blockBytes) {
      const start = Math.max(0, end - blockBytes);
      const found = scan.scan(bytes.subarray(start, end));
      if (found !== undefined) return decoder.decode(bytes.subarray(start + found));
    }
    return text;
  };
  it.each([
    ['a\nbb\nccc\n', 0, ''],
    ['a\nbb\nccc\n', 1, 'ccc\n'],
    ['a\nbb\nccc\n', 2, 'bb\nccc\n'],
    ['a\nbb\nccc\n', 3, 'a\nbb\nccc\n'],
    ['a\nbb\nccc\n', 9, 'a\nbb\nccc\n'],
    ['a\nbb\nccc', 1, 'ccc'],
    ['\n\n\n', 2, '\n\n'],
    ['', 2, ''],
  ])('of %j, %i lines, is %j whatever the block', (text, lines, expected) => {
    for (const blockBytes of [1, 2, 3, 4, 100]) expect(tail(text, lines, blockBytes)).toBe(expected);
  });
});

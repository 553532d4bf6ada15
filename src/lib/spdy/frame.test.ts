import { describe, expect, it } from 'vitest';
import { FrameParser, SpdyError, encodeFrame } from './frame.ts';
import type { Frame } from './frame.ts';

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** mulberry32: the same frames at every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const golden: [Frame, string][] = [
  [{ type: 'DATA', stream: 5, fin: true, data: bytes(0xab, 0xcd) }, '00000005 01000002 abcd'],
  [
    { type: 'SYN_STREAM', stream: 1, associated: 0, priority: 3, fin: false, unidirectional: true, block: bytes(0x78) },
    '80030001 0200000b 00000001 00000000 6000 78',
  ],
  [{ type: 'SYN_REPLY', stream: 7, fin: true, block: bytes(1, 2) }, '80030002 01000006 00000007 0102'],
  [{ type: 'RST_STREAM', stream: 3, status: 5 }, '80030003 00000008 00000003 00000005'],
  [
    { type: 'SETTINGS', flags: 1, entries: [{ flags: 2, id: 7, value: 65_536 }] },
    '80030004 0100000c 00000001 02000007 00010000',
  ],
  [{ type: 'PING', id: 0xffff_fffe }, '80030006 00000004 fffffffe'],
  [{ type: 'GOAWAY', lastStream: 9, status: 1 }, '80030007 00000008 00000009 00000001'],
  [{ type: 'HEADERS', stream: 2, fin: false, block: bytes() }, '80030008 00000004 00000002'],
  [{ type: 'WINDOW_UPDATE', stream: 1, delta: 0x7fff_ffff }, '80030009 00000008 00000001 7fffffff'],
];

describe('frames', () => {
  it.each(golden)('%o', (frame, text) => {
    expect(hex(encodeFrame(frame))).toBe(text.replaceAll(' ', ''));
    expect(new FrameParser(1_000).push(encodeFrame(frame))).toEqual([frame]);
  });

  it('come out as they went in, wherever the pieces are cut', () => {
    const random = seeded(1);
    const upTo = (n: number): number => Math.floor(random() * n);
    const some = (): Uint8Array => Uint8Array.from({ length: upTo(300) }, () => upTo(256));
    const stream = (): number => upTo(2 ** 31);
    for (let round = 0; round < 200; round++) {
      const frames = Array.from({ length: upTo(8) }, (): Frame => {
        const fin = upTo(2) === 1;
        const makers: (() => Frame)[] = [
          () => ({ type: 'DATA', stream: stream(), fin, data: some() }),
          () => ({
            type: 'SYN_STREAM',
            stream: stream(),
            associated: stream(),
            priority: upTo(8),
            fin,
            unidirectional: !fin,
            block: some(),
          }),
          () => ({ type: 'SYN_REPLY', stream: stream(), fin, block: some() }),
          () => ({ type: 'PING', id: upTo(2 ** 32) }),
          () => ({
            type: 'SETTINGS',
            flags: upTo(2),
            entries: [{ flags: upTo(256), id: upTo(2 ** 24), value: upTo(2 ** 32) }],
          }),
        ];
        return makers[upTo(makers.length)]?.() ?? { type: 'PING', id: 0 };
      });
      const wire = Uint8Array.from(frames.flatMap((frame) => [...encodeFrame(frame)]));
      const parser = new FrameParser(1_000);
      const seen: Frame[] = [];
      for (let at = 0; at < wire.length; ) {
        const next = at + 1 + upTo(40);
        seen.push(...parser.push(wire.subarray(at, next)));
        at = next;
      }
      expect(seen).toEqual(frames);
    }
  });

  it('skips control frames that it does not know', () => {
    const unknown = bytes(0x80, 3, 0, 11, 0, 0, 0, 2, 9, 9);
    const ping = encodeFrame({ type: 'PING', id: 1 });
    expect(new FrameParser(100).push(bytes(...unknown, ...ping))).toEqual([{ type: 'PING', id: 1 }]);
  });

  it.each([
    ['another version', [0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1]],
    ['a control frame cut short', [0x80, 3, 0, 3, 0, 0, 0, 4, 0, 0, 0, 1]],
    ['SETTINGS with more entries than bytes', [0x80, 3, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1]],
    ['a frame that is too long', [0, 0, 0, 1, 0, 0, 1, 0]],
  ])('refuses %s', (_what, wire) => {
    expect(() => new FrameParser(100).push(bytes(...wire))).toThrow(SpdyError);
  });
});

import { expect, it } from 'vitest';
import { base64Bytes, joinBytes } from './bytes.ts';

it('joins bytes, and shares none with what it was given', () => {
  const first = Uint8Array.of(9, 1, 2, 9).subarray(1, 3);
  const joined = joinBytes([first, new Uint8Array(), Uint8Array.of(3)]);
  first[0] = 7;
  expect(joined).toEqual(Uint8Array.of(1, 2, 3));
  expect(joinBytes([first]).buffer).not.toBe(first.buffer);
  expect(joinBytes([])).toHaveLength(0);
});

it('reads base64', () => {
  expect(base64Bytes('AP+A\r\n/w==\n')).toEqual(Uint8Array.of(0, 255, 128, 255));
  expect(base64Bytes('')).toHaveLength(0);
  expect(() => base64Bytes('a')).toThrow();
});

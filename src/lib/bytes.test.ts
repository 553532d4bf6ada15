import { expect, it } from 'vitest';
import { joinBytes } from './bytes.ts';

it('joins bytes, and shares none with what it was given', () => {
  const first = Uint8Array.of(9, 1, 2, 9).subarray(1, 3);
  const joined = joinBytes([first, new Uint8Array(), Uint8Array.of(3)]);
  first[0] = 7;
  expect(joined).toEqual(Uint8Array.of(1, 2, 3));
  expect(joinBytes([first]).buffer).not.toBe(first.buffer);
  expect(joinBytes([])).toHaveLength(0);
});

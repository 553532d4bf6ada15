import { describe, expect, it } from 'vitest';
import { canonicalQuantity, intOrPercent, parseQuantity } from './quantity.ts';

describe('quantities', () => {
  it.each([
    ['0', 0, '0'],
    ['0.5', 0.5, '500m'],
    ['500m', 0.5, '500m'],
    ['2000m', 2, '2'],
    ['1000', 1000, '1k'],
    ['1024', 1024, '1024'],
    ['64Mi', 67108864, '64Mi'],
    ['1024Mi', 1073741824, '1Gi'],
    ['1.5Gi', 1610612736, '1536Mi'],
    ['0.5Ki', 512, '512'],
    ['1e3', 1000, '1e3'],
    ['12e-1', 1.2, '1200e-3'],
    ['100k', 100000, '100k'],
    ['-1', -1, '-1'],
    ['+3', 3, '3'],
    ['.5', 0.5, '500m'],
    ['1.', 1, '1'],
    ['2E', 2e18, '2E'],
    ['0.1n', 1e-9, '1n'],
  ])('%s is %d, written %s', (text, value, canonical) => {
    expect(parseQuantity(text)).toBe(value);
    expect(canonicalQuantity(text)).toBe(canonical);
    expect(canonicalQuantity(canonical)).toBe(canonical);
  });
  it.each(['', 'x', '1.2.3', '1K', '1 Gi', '--1', '1e', '.'])('refuses %j', (text) => {
    expect(parseQuantity(text)).toBeUndefined();
    expect(canonicalQuantity(text)).toBeUndefined();
  });
});

describe('intOrPercent', () => {
  it.each([
    [3, 10, true, 3],
    ['25%', 3, true, 1],
    ['25%', 3, false, 0],
    ['50%', 5, true, 3],
    ['100%', 5, false, 5],
  ])('%s of %d, up: %s', (value, total, up, expected) => expect(intOrPercent(value, total, up)).toBe(expected));
  it('throws on other text', () => expect(() => intOrPercent('many', 1, true)).toThrow('many'));
});

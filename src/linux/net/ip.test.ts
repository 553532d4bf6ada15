import { describe, expect, it } from 'vitest';
import {
  containsIp,
  covers,
  formatCidr,
  formatIp,
  indexOfIp,
  nthIp,
  overlaps,
  parseCidr,
  parseIp,
  tryIp,
} from './ip.ts';

describe('addresses', () => {
  it.each([
    ['10.244.1.2', '10.244.1.2'],
    ['::', '::'],
    ['::1', '::1'],
    ['FD00:0:0:1::2', 'fd00:0:0:1::2'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:2:3:4:5:6:0:8', '1:2:3:4:5:6:0:8'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ])('%s reads and prints as %s', (text, canonical) => {
    expect(formatIp(parseIp(text))).toBe(canonical);
  });

  it.each(['', '10.1.2', '10.1.2.256', '010.1.2.3', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', 'g::', '1:::2'])(
    'refuses %j',
    (text) => {
      expect(tryIp(text)).toBeUndefined();
      expect(() => parseIp(text)).toThrow(`'${text}'`);
    },
  );
});

describe('ranges', () => {
  it('clears host bits', () => {
    expect(formatCidr(parseCidr('10.244.7.9/20'))).toBe('10.244.0.0/20');
    expect(formatCidr(parseCidr('10.1.2.3'))).toBe('10.1.2.3/32');
    expect(formatCidr(parseCidr('fd00::ff/64'))).toBe('fd00::/64');
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'x/8', '::/129'])('refuses %j', (text) => {
    expect(() => parseCidr(text)).toThrow('not an IP range');
  });

  it('compares', () => {
    expect(covers(parseCidr('10.0.0.0/8'), parseCidr('10.244.0.0/16'))).toBe(true);
    expect(covers(parseCidr('10.244.0.0/16'), parseCidr('10.0.0.0/8'))).toBe(false);
    expect(overlaps(parseCidr('10.244.0.0/16'), parseCidr('10.0.0.0/8'))).toBe(true);
    expect(overlaps(parseCidr('10.244.0.0/24'), parseCidr('10.244.1.0/24'))).toBe(false);
    expect(overlaps(parseCidr('0.0.0.0/0'), parseCidr('::/0'))).toBe(false);
    expect(containsIp('10.96.0.0/16', '10.96.255.255')).toBe(true);
  });

  it('counts addresses across bytes, there and back', () => {
    const range = parseCidr('10.244.255.128/16');
    for (const n of [0, 1, 255, 256, 65_535]) expect(indexOfIp(range, nthIp(range, n))).toBe(n);
    expect(nthIp(parseCidr('10.244.0.0/16'), 300)).toBe('10.244.1.44');
    expect(indexOfIp(range, '10.245.0.0')).toBeUndefined();
    expect(nthIp(parseCidr('fd00::/64'), 65_536)).toBe('fd00::1:0');
  });
});

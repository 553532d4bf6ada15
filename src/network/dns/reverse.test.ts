import { describe, expect, it } from 'vitest';
import { reverseName, reverseOctets } from './reverse.ts';

describe('names of addresses', () => {
  it('of both families', () => {
    expect(reverseName('10.96.0.1')).toBe('1.0.96.10.in-addr.arpa');
    expect(reverseName('fd00::1')).toBe(`1.${'0.'.repeat(29)}d.f.ip6.arpa`);
  });

  it.each(['', '1.2.3', '01.2.3.4', '1:2:3:4:5:6:7', '::1.2.3'])('none for %j', (text) => {
    expect(reverseName(text)).toBeUndefined();
  });

  it.each([
    ['0.96.10.in-addr.arpa', [10, 96, 0]],
    ['1.0.96.10.in-addr.arpa', [10, 96, 0, 1]],
    ['10.in-addr.arpa', [10]],
    ['5.4.3.2.1.in-addr.arpa', undefined],
    ['096.10.in-addr.arpa', undefined],
    ['256.in-addr.arpa', undefined],
    ['x.10.in-addr.arpa', undefined],
    ['web.my-app', undefined],
  ])('%s gives its octets', (name, octets) => {
    expect(reverseOctets(name)).toEqual(octets && Uint8Array.from(octets));
  });
});

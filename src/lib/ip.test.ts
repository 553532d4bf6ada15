import { describe, expect, it } from 'vitest';
import {
  containsIp,
  covers,
  formatCidr,
  formatIp,
  hasPrefix,
  indexOfIp,
  ipv4Number,
  ipv4Range,
  ipv4Text,
  isIp,
  isIpv4,
  isIpv6,
  nthIp,
  overlaps,
  parseCidr,
  parseIp,
  tryCidr,
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
    ['2001:DB8::1', '2001:db8::1'],
    ['fe80::', 'fe80::'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:10:0:0:5:6:7:8', '1:10::5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['64:ff9b::255.255.255.255', '64:ff9b::ffff:ffff'],
    ['255.255.255.255', '255.255.255.255'],
    ['0.0.0.0', '0.0.0.0'],
  ])('%s reads and prints as %s', (text, canonical) => {
    expect(formatIp(parseIp(text))).toBe(canonical);
  });

  const notV4 = '|.|10.1.2|10.1.2.|.1.2.3|1..2.3|1.2.3.4.5|10.1.2.256|1.2.3.1e1|1.2.3.-4| 1.2.3.4|1.2.3.4 |010.1.2.3';
  const nor = '01.2.3.4|1.2.3.00|1.2.3.4/32|0x1.2.3.4|٣.1.2.3';
  const notV6 =
    '1::2::3|1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9|1:2:3:4:5:6:7:8::|g::|g::1|1:::2|:::|:1::2|12345::|fe80::1%eth0';
  const mixed = '::1.2.3|1.2.3.4::|::1.2.3.4:5|::01.2.3.4';
  it.each([notV4, nor, notV6, mixed].flatMap((texts) => texts.split('|')))('refuses %j', (text) => {
    expect(tryIp(text)).toBeUndefined();
    expect(isIp(text)).toBe(false);
    expect(() => parseIp(text)).toThrow(`'${text}'`);
  });

  it('tells the families apart', () => {
    const told = ['10.0.0.1', '::1', '::ffff:10.0.0.1', 'web'].map((text) => [isIp(text), isIpv4(text), isIpv6(text)]);
    expect(told).toEqual([
      [true, true, false],
      [true, false, true],
      [true, false, true],
      [false, false, false],
    ]);
  });

  it('IPv4 as a number, there and back', () => {
    for (const text of ['0.0.0.0', '10.96.0.10', '127.255.255.255', '128.0.0.0', '255.255.255.255']) {
      expect(ipv4Text(ipv4Number(text) ?? -1)).toBe(text);
    }
    expect(ipv4Number('192.168.0.1')).toBe(0xc0a80001);
    expect(ipv4Number('::1')).toBeUndefined();
  });
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

  it('is strict where people write', () => {
    expect(tryCidr('10.1.2.3/8')).toEqual({ base: Uint8Array.of(10, 0, 0, 0), prefix: 8 });
    const wrong = [
      '10.0.0.0',
      '10.0.0.0/08',
      '10.0.0.0/+8',
      '10.0.0.0/8 ',
      '10.0.0.0/-1',
      '010.0.0.0/8',
      '/8',
      '::/129',
    ];
    expect(wrong.filter((text) => tryCidr(text))).toEqual([]);
    expect(() => parseCidr('10.0.0.0/08')).toThrow('not an IP range');
  });

  it('of IPv4 as two numbers', () => {
    expect(ipv4Range('10.0.0.9/30')).toEqual([0x0a000008, 0x0a00000b]);
    expect(ipv4Range('0.0.0.0/0')).toEqual([0, 0xffffffff]);
    expect(ipv4Range('255.0.0.0/8')).toEqual([0xff000000, 0xffffffff]);
    expect(ipv4Range('10.0.0.9')).toEqual([0x0a000009, 0x0a000009]);
    expect(['fd00::/8', '10.0.0.0/33', 'web'].map(ipv4Range)).toEqual([undefined, undefined, undefined]);
  });

  it('matches the first bytes of an address', () => {
    const range = parseCidr('10.96.0.0/12');
    const of = (...bytes: number[]) => hasPrefix(range, Uint8Array.from(bytes));
    expect([of(10, 111), of(10, 112), of(10, 96, 1, 2), of(10), of(11, 96)]).toEqual([true, false, true, false, false]);
    expect(hasPrefix(parseCidr('0.0.0.0/0'), new Uint8Array())).toBe(true);
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

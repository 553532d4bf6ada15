import { describe, expect, it } from 'vitest';
import { mountsBelow, overlayOptions } from './mount.ts';

describe('overlayOptions', () => {
  it('joins layers top first and quotes what separates', () => {
    expect(overlayOptions({ lower: ['/a:b', '/c,d'], upper: '/up', work: '/wk' })).toBe(
      String.raw`lowerdir=/a\:b:/c\,d,upperdir=/up,workdir=/wk`,
    );
  });
  it('refuses what mount(2) would cut off', () => {
    const lower = Array.from({ length: 60 }, (_, i) => `/var/lib/podlan/images/layers/${String(i).padStart(64, '0')}`);
    expect(() => overlayOptions({ lower, upper: '/u', work: '/w' })).toThrow('60 layers');
  });
});

describe('mountsBelow', () => {
  const table = [
    '22 1 254:0 / / rw - ext4 /dev/vda rw',
    '30 22 0:40 / /var/lib/p/a rw - overlay overlay rw',
    String.raw`31 30 0:41 / /var/lib/p/a/b\040c rw - tmpfs tmpfs rw`,
    '32 22 0:42 / /var/lib/px rw - tmpfs tmpfs rw',
  ].join('\n');
  it('lists the deepest first, and no neighbour with the same prefix', () => {
    expect(mountsBelow(table, '/var/lib/p')).toEqual(['/var/lib/p/a/b c', '/var/lib/p/a']);
  });
});

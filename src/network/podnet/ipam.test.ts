import { describe, expect, it } from 'vitest';
import { allocate, type Ipam, newIpam, release, restoreIpam } from './ipam.ts';

function take(ipam: Ipam, uid: string): { ipam: Ipam; ips: readonly string[] } {
  const got = allocate(ipam, uid);
  if ('why' in got) throw new Error(got.why);
  return got;
}

describe('ipam', () => {
  it('gives a pod one address, and the same again', () => {
    const one = take(newIpam(['10.244.1.0/24']), 'a');
    expect(one.ips).toEqual(['10.244.1.2']);
    expect(take(one.ipam, 'a')).toEqual(one);
    expect(take(one.ipam, 'b').ips).toEqual(['10.244.1.3']);
  });

  it('does not give out an address that has just become free', () => {
    let { ipam } = take(newIpam(['10.244.1.0/24']), 'a');
    ipam = release(ipam, 'a');
    expect(take(ipam, 'b').ips).toEqual(['10.244.1.3']);
  });

  it('goes round, past what is held, and never gives the base, .1 or the broadcast address', () => {
    let ipam = newIpam(['10.244.1.0/29']);
    const seen: string[] = [];
    for (const uid of ['a', 'b', 'c', 'd', 'e']) {
      const got = take(ipam, uid);
      ipam = got.ipam;
      seen.push(...got.ips);
    }
    expect(seen).toEqual(['10.244.1.2', '10.244.1.3', '10.244.1.4', '10.244.1.5', '10.244.1.6']);
    expect(allocate(ipam, 'f')).toEqual({ why: 'no free address in 10.244.1.0/29: 5 pods hold addresses' });
    ipam = release(ipam, 'c');
    expect(take(ipam, 'f').ips).toEqual(['10.244.1.4']);
  });

  it('gives one address per family', () => {
    expect(take(newIpam(['10.244.1.0/24', 'fd00:1::/64']), 'a').ips).toEqual(['10.244.1.2', 'fd00:1::2']);
  });
});

describe('restoreIpam', () => {
  it('keeps the cursor, and believes the kernel about who holds what', () => {
    const saved = { ranges: [{ cidr: '10.244.1.0/24', last: 9 }], held: { gone: ['10.244.1.9'], a: ['10.244.1.4'] } };
    const ipam = restoreIpam(['10.244.1.0/24'], saved, { a: ['10.244.1.4'] });
    expect(ipam.held).toEqual({ a: ['10.244.1.4'] });
    expect(take(ipam, 'b').ips).toEqual(['10.244.1.10']);
  });

  it.each([undefined, null, 'x', {}, { ranges: [{ cidr: '10.9.0.0/24', last: 7 }] }, { ranges: [null] }])(
    'without a usable file (%j) starts behind the pods that are there',
    (saved) => {
      const ipam = restoreIpam(['10.244.1.0/24'], saved, { a: ['10.244.1.40'] });
      expect(take(ipam, 'b').ips).toEqual(['10.244.1.41']);
    },
  );
});

import { describe, expect, it } from 'vitest';
import { overlaps, parseCidr } from '../lib/ip.ts';
import { pickRanges } from './ranges.ts';

describe('pickRanges', () => {
  it('takes the well-known ranges on a plain machine', () => {
    expect(pickRanges(['0.0.0.0/0', '192.0.2.0/24', '::/0', 'fe80::/64'], ['192.0.2.2/24', '127.0.0.1/8'], [])).toEqual(
      {
        slot: 0,
        bridge: 'podlan0',
        nodeNetwork: '172.30.0.0/24',
        hostIp: '172.30.0.1',
        podNetwork: '10.244.0.0/16',
        serviceNetwork: '10.96.0.0/16',
        apiServiceIp: '10.96.0.1',
        dnsIp: '10.96.0.10',
      },
    );
  });

  it('goes round a VPN that has all of 10.0.0.0/8, and ignores one that only halves the default route', () => {
    const got = pickRanges(['0.0.0.0/1', '128.0.0.0/1', '10.0.0.0/8'], ['10.8.0.5/24'], []);
    expect(got).toMatchObject({ podNetwork: '172.16.0.0/16', serviceNetwork: '100.80.0.0/16', dnsIp: '100.80.0.10' });
  });

  it('goes round an address whose route is elsewhere', () => {
    expect(pickRanges([], ['172.30.0.77/32'], []).nodeNetwork).toBe('172.29.0.0/24');
  });

  it('says what is in the way', () => {
    const all = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];
    expect(() => pickRanges(all, [], [])).toThrow(
      "no address range for nodes: 172.30.0.0/24, 172.29.0.0/24, 192.168.200.0/24, 100.126.0.0/24 meet the host's 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10",
    );
  });

  it('takes the lowest free slot, and none when all are used', () => {
    expect(pickRanges([], [], [0, 2]).slot).toBe(1);
    expect(() =>
      pickRanges(
        [],
        [],
        Array.from({ length: 12 }, (_, i) => i),
      ),
    ).toThrow('12 clusters');
  });

  it('no slot can ever take what another may have, whatever was in the way of either', () => {
    const blocks = [
      [],
      ['10.244.0.0/14', '10.248.0.0/13', '10.96.0.0/12', '172.30.0.0/16'],
      ['10.0.0.0/8', '172.29.0.0/16', '172.30.0.0/16'],
    ];
    const all = blocks.flatMap((block) =>
      Array.from({ length: 12 }, (_, slot) => {
        const used = Array.from({ length: slot }, (_, i) => i);
        const { nodeNetwork, podNetwork, serviceNetwork } = pickRanges(block, [], used);
        return [nodeNetwork, podNetwork, serviceNetwork].map((text) => ({ slot, cidr: parseCidr(text), text }));
      }).flat(),
    );
    for (const a of all)
      for (const b of all)
        if (a.slot !== b.slot && overlaps(a.cidr, b.cidr))
          expect.fail(`${a.slot}: ${a.text} meets ${b.slot}: ${b.text}`);
    for (const a of all)
      for (const b of all)
        if (a.slot === b.slot && a.text !== b.text && overlaps(a.cidr, b.cidr))
          expect.fail(`${a.text} meets ${b.text}`);
  });
});

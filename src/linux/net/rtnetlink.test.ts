// Bytes as rtnetlink(7) and the kernel's headers draw them. Written out by hand: an encoder and a decoder that agree with
// each other could both be wrong.
import { describe, expect, it } from 'vitest';
import { NetError, type NetOp } from './net.ts';
import {
  decodeAddress,
  decodeError,
  decodeLink,
  decodeMessages,
  decodeNeighbour,
  decodeRoute,
  encodeDump,
  encodeGetLink,
  encodeOp,
  NLMSG_DONE,
  NLMSG_ERROR,
  RTM,
} from './rtnetlink.ts';

const hex = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
const bytes = (...text: string[]) =>
  Uint8Array.from(text.join('').replaceAll(/\s/g, '').match(/../g) ?? [], (h) => Number.parseInt(h, 16));
const lines = (...text: string[]) => text.join('').replaceAll(/\s/g, '');

const refs = {
  index: (link: string): number => {
    if (link === 'nope') throw new NetError('ENODEV', 19, link);
    return 7;
  },
  netns: () => 33,
};
const encode = (op: NetOp) => hex(encodeOp(op, 5, refs));

describe('encodeOp', () => {
  it('an address: NEWADDR, create, exclusive, no duplicate address detection', () => {
    expect(encode({ op: 'address-add', link: 'eth0', address: '10.244.1.2/32' })).toBe(
      lines(
        '30000000 1400 0506 05000000 00000000', // length 48, RTM_NEWADDR, REQUEST|ACK|EXCL|CREATE, sequence 5
        '02 20 02 00 07000000', // AF_INET, /32, IFA_F_NODAD, scope universe, index 7
        '0800 0200 0af40102', // IFA_LOCAL
        '0800 0100 0af40102', // IFA_ADDRESS
        '0800 0800 02000000', // IFA_FLAGS
      ),
    );
  });

  it('a default route over a gateway that no address covers', () => {
    expect(encode({ op: 'route-replace', to: '0.0.0.0/0', via: '169.254.1.1', dev: 'eth0', onlink: true })).toBe(
      lines(
        '34000000 1800 0505 05000000 00000000', // RTM_NEWROUTE, REQUEST|ACK|REPLACE|CREATE
        '02 00 00 00 fe 70 00 01 04000000', // AF_INET, /0, main, protocol 112, universe, unicast, RTNH_F_ONLINK
        '0800 0f00 fe000000', // RTA_TABLE
        '0800 0400 07000000', // RTA_OIF
        '0800 0500 a9fe0101', // RTA_GATEWAY
      ),
    );
  });

  it('a route to one pod has link scope, one that leads nowhere has no link', () => {
    expect(encode({ op: 'route-replace', to: '10.244.1.2/32', dev: 'veth1' })).toContain('02200000fe70fd0100000000');
    expect(encode({ op: 'route-replace', to: '10.244.0.0/16', unreachable: true })).toBe(
      lines(
        '2c000000 1800 0505 05000000 00000000',
        '02 10 00 00 fe 70 00 07 00000000',
        '0800 0100 0af40000',
        '0800 0f00 fe000000',
      ),
    );
  });

  it('a veth pair nests the far end, in a namespace given by a descriptor', () => {
    const pair: NetOp = {
      op: 'veth-add',
      name: 'v0',
      mac: 'ee:ee:ee:ee:ee:ee',
      mtu: 1500,
      peer: { name: 'p', netns: 'x' },
    };
    expect(encode(pair)).toBe(
      lines(
        '78000000 1000 0506 05000000 00000000', // RTM_NEWLINK, REQUEST|ACK|EXCL|CREATE
        '00 00 0000 00000000 01000000 01000000', // IFF_UP set and in the mask
        '0700 0300 763000 00', // IFLA_IFNAME v0, padded
        '0a00 0100 eeeeeeeeeeee 0000', // IFLA_ADDRESS, padded
        '0800 0400 dc050000', // IFLA_MTU 1500
        '3c00 1200', // IFLA_LINKINFO
        '0800 0100 76657468', // IFLA_INFO_KIND veth
        '3000 0200', // IFLA_INFO_DATA
        '2c00 0100', // VETH_INFO_PEER
        '00 00 0000 00000000 00000000 00000000', // ifinfomsg: not up
        '0600 0300 7000 0000', // IFLA_IFNAME p
        '0800 0400 dc050000',
        '0800 1c00 21000000', // IFLA_NET_NS_FD 33
      ),
    );
  });

  it('a link that is gone is named before anything is sent', () => {
    expect(() => encode({ op: 'neighbour-replace', link: 'nope', ip: '10.1.1.1', mac: 'ee:ee:ee:ee:ee:ee' })).toThrow(
      'ENODEV',
    );
  });

  it('dumps and questions', () => {
    expect(hex(encodeDump('routes', 9))).toBe(lines('1c000000 1a00 0103 09000000 00000000', '00'.repeat(12)));
    expect(hex(encodeGetLink('eth0', 9))).toContain(lines('0900 0300 65746830 00'));
  });
});

describe('decode', () => {
  it('an acknowledgement, and a refusal with the kernel`s words', () => {
    const stream = bytes(
      '24000000 0200 0001 05000000 00000000', // NLMSG_ERROR, NLM_F_CAPPED
      '00000000 30000000 1400 0506 05000000 00000000', // errno 0, header of the request
      '34000000 0200 0003 06000000 00000000', // CAPPED | ACK_TLVS
      '9bffffff 30000000 1800 0506 06000000 00000000', // -101
      '0f00 0100 4e6f2077617920 696e2e00 00', // NLMSGERR_ATTR_MSG "No way in."
    );
    const [ack, refusal] = decodeMessages(stream);
    expect(ack && [ack.type, ack.seq, decodeError(ack)]).toEqual([NLMSG_ERROR, 5, { errno: 0 }]);
    expect(refusal && decodeError(refusal)).toEqual({ errno: 101, text: 'No way in.' });
  });

  it('the end of a dump', () => {
    const [done] = decodeMessages(bytes('14000000 0300 0200 05000000 00000000 00000000'));
    expect(done?.type).toBe(NLMSG_DONE);
  });

  it('a message that is cut is a bug, said as such', () => {
    expect(() => decodeMessages(bytes('40000000 0300 0200 05000000 00000000'))).toThrow('a message of 64 bytes is cut');
  });

  it('a veth that is a bridge`s port', () => {
    const payload = bytes(
      '00 00 0100 04000000 43100100 00000000', // ARPHRD_ETHER, index 4, UP|...
      '0700 0300 763000 00',
      '0a00 0100 0a58ac1e0701 0000',
      '0800 0400 dc050000',
      '0800 0500 02000000', // IFLA_LINK 2
      '0800 0a00 09000000', // IFLA_MASTER 9
      '1000 1200 0900 0100 7665746800 000000',
    );
    expect(decodeLink(payload)).toEqual({
      name: 'v0',
      kind: 'veth',
      up: true,
      index: 4,
      mac: '0a:58:ac:1e:07:01',
      mtu: 1500,
      masterIndex: 9,
      peerIndex: 2,
    });
  });

  it('addresses of both families', () => {
    expect(decodeAddress(bytes('02 18 80 00 02000000 0800 0100 ac1e0701 0800 0200 ac1e0701'))).toEqual({
      linkIndex: 2,
      address: '172.30.7.1/24',
    });
    expect(decodeAddress(bytes('0a 40 80 00 02000000 1400 0100 fd000000000000000000000000000002'))).toEqual({
      linkIndex: 2,
      address: 'fd00::2/64',
    });
  });

  it('routes, but not the kernel`s table of local addresses', () => {
    const route = (table: string) =>
      bytes(`02 18 00 00 ${table} 02 fd 01 00000000 0800 0100 ac1e0700 0800 0400 02000000`);
    expect(decodeRoute(route('fe'))).toEqual({ to: '172.30.7.0/24', protocol: 2, devIndex: 2 });
    expect(decodeRoute(route('ff'))).toBeUndefined();
    expect(decodeRoute(route('34'))).toMatchObject({ table: 0x34 });
  });

  it('neighbours that are permanent', () => {
    const neighbour = (state: string) =>
      bytes(`02 00 0000 02000000 ${state} 00 01 0800 0100 0a010009 0a00 0200 0a580a010009 0000`);
    expect(decodeNeighbour(neighbour('8000'))).toEqual({ linkIndex: 2, ip: '10.1.0.9', mac: '0a:58:0a:01:00:09' });
    expect(decodeNeighbour(neighbour('0200'))).toBeUndefined();
  });

  it('knows the requests by the kernel`s numbers', () => {
    expect([RTM.NEWLINK, RTM.NEWADDR, RTM.NEWROUTE, RTM.NEWNEIGH]).toEqual([16, 20, 24, 28]);
  });
});

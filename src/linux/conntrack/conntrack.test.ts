import { describe, expect, it } from 'vitest';
import { fakeConntrack } from './fake.ts';
import { printFlow } from './flow.ts';
import type { Flow } from './flow.ts';
import { deleteRequest, dumpRequest, readAnswers } from './message.ts';

const udp: Flow = {
  protocol: 'udp',
  original: { src: '10.0.0.1', dst: '10.96.0.20', sport: 5000, dport: 53 },
  reply: { src: '10.244.0.5', dst: '10.0.0.1', sport: 5353, dport: 5000 },
};
const ping: Flow = {
  protocol: 'icmp',
  original: { src: '10.0.0.1', dst: '10.0.0.2', icmp: { id: 700, type: 8, code: 0 } },
  reply: { src: '10.0.0.2', dst: '10.0.0.1', icmp: { id: 700, type: 0, code: 0 } },
};

const hex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');

describe('ctnetlink messages', () => {
  it('asks for all IPv4 flows', () => {
    expect(hex(dumpRequest(7))).toBe('1400000001010103070000000000000002000000');
  });

  it('names a flow to delete by the tuple that began it', () => {
    // length, CT_DELETE, REQUEST|ACK, sequence 1; then tuple { ip { src, dst }, proto { 17, 5000, 53 } }
    expect(hex(deleteRequest(udp, 1))).toBe(
      '4800000002010500010000000000000002000000' +
        '34000180' +
        '14000180080001000a000001080002000a600014' +
        '1c000280' +
        '0500010011000000' +
        '0600020013880000' +
        '0600030000350000',
    );
  });

  it('reads flows, the end of a list, and errors', () => {
    // A deletion has the layout of a listed flow with the original tuple alone; give it a reply tuple.
    const request = (flow: Flow): Uint8Array => {
      const original = deleteRequest(flow, 9);
      const reply = deleteRequest({ ...flow, original: flow.reply }, 9).slice(20);
      reply[2] = 2;
      const bytes = new Uint8Array([...original, ...reply]);
      new DataView(bytes.buffer).setUint32(0, bytes.length, true);
      bytes[4] = 0;
      return bytes;
    };
    const done = new Uint8Array(20);
    new DataView(done.buffer).setUint32(0, 20, true);
    done[4] = 3;
    const error = new Uint8Array(36);
    new DataView(error.buffer).setUint32(0, 36, true);
    error[4] = 2;
    new DataView(error.buffer).setInt32(16, -2, true);
    expect(readAnswers(new Uint8Array([...request(udp), ...request(ping), ...error, ...done]))).toEqual([
      { kind: 'flow', sequence: 9, flow: udp },
      { kind: 'flow', sequence: 9, flow: ping },
      { kind: 'error', sequence: 0, errno: 2 },
      { kind: 'done', sequence: 0 },
    ]);
  });
});

describe('flows', () => {
  it('print with where they really go', () => {
    expect(printFlow(udp)).toBe('udp 10.0.0.1:5000 -> 10.96.0.20:53 (10.244.0.5:5353)');
    expect(printFlow(ping)).toBe('icmp 10.0.0.1 -> 10.0.0.2');
  });

  it('are counted when the fake deletes them', () => {
    const table = fakeConntrack();
    table.add(udp);
    expect(table.delete([udp, ping])).toBe(1);
    expect(table.list()).toEqual([]);
  });
});

// ctnetlink in bytes (linux/netfilter/nfnetlink_conntrack.h). Numbers of the headers are in the machine's order, which is
// little-endian wherever podlan runs; those inside the tuples are in the network's.
//
//   nlmsghdr  u32 length, u16 type, u16 flags, u32 sequence, u32 port     nfgenmsg  u8 family, u8 version, u16 resource
//   attribute u16 length, u16 type (0x8000: nested), payload, padded to 4
//   CTA_TUPLE_ORIG 1, CTA_TUPLE_REPLY 2 { CTA_TUPLE_IP 1 { src 1, dst 2 }, CTA_TUPLE_PROTO 2 { num 1, sport 2, dport 3,
//   icmp id 4, type 5, code 6 } }
import { formatIp, parseIp } from '../../lib/ip.ts';
import type { Flow, Tuple } from './flow.ts';

const AF_INET = 2;
const CT_GET = 0x101;
const CT_DELETE = 0x102;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NESTED = 0x8000;

const protocols: readonly (readonly [number, string])[] = [
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
];
const protocolName = (n: number): string => protocols.find(([number]) => number === n)?.[1] ?? String(n);
const protocolNumber = (name: string): number => protocols.find(([, text]) => text === name)?.[0] ?? Number(name);

export const dumpRequest = (sequence: number): Uint8Array => message(CT_GET, NLM_F_REQUEST | NLM_F_DUMP, sequence, []);

/** By the tuple that began it; the kernel answers with an acknowledgement or an error. */
export const deleteRequest = (flow: Flow, sequence: number): Uint8Array =>
  message(
    CT_DELETE,
    NLM_F_REQUEST | NLM_F_ACK,
    sequence,
    attribute(1 | NESTED, tupleBytes(flow.protocol, flow.original)),
  );

function message(type: number, flags: number, sequence: number, payload: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(20 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  bytes[16] = AF_INET;
  bytes.set(payload, 20);
  return bytes;
}

function attribute(type: number, payload: readonly number[]): number[] {
  const length = 4 + payload.length;
  const padding = (4 - (length % 4)) % 4;
  return [length & 255, length >> 8, type & 255, type >> 8, ...payload, ...[0, 0, 0].slice(0, padding)];
}

const be16 = (n: number): number[] => [n >> 8, n & 255];
const address = (ip: string): number[] => [...parseIp(ip)];

function tupleBytes(protocol: string, { src, dst, sport, dport, icmp }: Tuple): number[] {
  const ports =
    sport === undefined || dport === undefined ? [] : [...attribute(2, be16(sport)), ...attribute(3, be16(dport))];
  const echo = icmp ? [...attribute(4, be16(icmp.id)), ...attribute(5, [icmp.type]), ...attribute(6, [icmp.code])] : [];
  return [
    ...attribute(1 | NESTED, [...attribute(1, address(src)), ...attribute(2, address(dst))]),
    ...attribute(2 | NESTED, [...attribute(1, [protocolNumber(protocol)]), ...ports, ...echo]),
  ];
}

export type Answer =
  | { readonly kind: 'flow'; readonly sequence: number; readonly flow: Flow }
  | { readonly kind: 'done'; readonly sequence: number }
  /** errno 0 acknowledges. */
  | { readonly kind: 'error'; readonly sequence: number; readonly errno: number };

/** What one read from the socket held. */
export function readAnswers(bytes: Uint8Array): Answer[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const answers: Answer[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = view.getUint32(at, true);
    const type = view.getUint16(at + 4, true);
    const sequence = view.getUint32(at + 8, true);
    if (type === NLMSG_ERROR) answers.push({ kind: 'error', sequence, errno: -view.getInt32(at + 16, true) });
    else if (type === NLMSG_DONE) answers.push({ kind: 'done', sequence });
    else {
      const flow = readFlow(bytes.subarray(at + 20, at + length));
      if (flow) answers.push({ kind: 'flow', sequence, flow });
    }
    at += Math.max(16, (length + 3) & ~3);
  }
  return answers;
}

function readFlow(bytes: Uint8Array): Flow | undefined {
  const attributes = readAttributes(bytes);
  const original = readTuple(attributes.get(1));
  const reply = readTuple(attributes.get(2));
  return original && reply && { protocol: original.protocol, original: original.tuple, reply: reply.tuple };
}

function readAttributes(bytes: Uint8Array | undefined): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  if (!bytes) return found;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4) break;
    found.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

function readTuple(bytes: Uint8Array | undefined): { protocol: string; tuple: Tuple } | undefined {
  const parts = readAttributes(bytes);
  const ip = readAttributes(parts.get(1));
  const [src, dst] = [ip.get(1), ip.get(2)];
  // IPv6 has attributes of its own: not a flow of ours.
  if (!src || !dst) return undefined;
  const proto = readAttributes(parts.get(2));
  const number = (type: number): number | undefined => proto.get(type)?.reduce((n, byte) => n * 256 + byte, 0);
  const [sport, dport, id] = [number(2), number(3), number(4)];
  return {
    protocol: protocolName(number(1) ?? 0),
    tuple: {
      src: formatIp(src),
      dst: formatIp(dst),
      ...(sport !== undefined && dport !== undefined && { sport, dport }),
      ...(id !== undefined && { icmp: { id, type: number(5) ?? 0, code: number(6) ?? 0 } }),
    },
  };
}

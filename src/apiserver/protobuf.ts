// Objects of the cache as protobuf. A version of an object is encoded when the first client asks for it in this form, and
// kept as long as the version itself: lists and watches are then bytes put together, as they are in JSON.
import { encodeEnvelope, encodeList, encodeMessage, encodeWatchFrame } from '../api/protobuf/encode.ts';
import { messageOf } from '../api/protobuf/messages.ts';
import { apiVersionOf, type KindRow } from '../api/kinds.ts';
import type { Cached } from './watchcache.ts';

const made = new WeakMap<Cached, Uint8Array>();

export const hasMessage = (row: KindRow): boolean => messageOf(apiVersionOf(row), row.kind) !== undefined;

function messageBytes(row: KindRow, of: Cached): Uint8Array {
  const known = made.get(of);
  if (known) return known;
  const bytes = encodeMessage(messageOf(apiVersionOf(row), row.kind) ?? '', of.object);
  made.set(of, bytes);
  return bytes;
}

export const protobufObject = (row: KindRow, of: Cached): Uint8Array =>
  encodeEnvelope({ apiVersion: apiVersionOf(row), kind: row.kind }, messageBytes(row, of));

export function protobufList(row: KindRow, kind: string, metadata: object, items: readonly Cached[]): Uint8Array {
  const messages = items.map((item) => messageBytes(row, item));
  return encodeList({ apiVersion: apiVersionOf(row), kind }, metadata, messages);
}

export const protobufFrame = (row: KindRow, type: string, of: Cached): Uint8Array =>
  encodeWatchFrame(type, protobufObject(row, of));

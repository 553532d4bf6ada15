// Frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00 and 3.1): what `kubectl exec` and `port-forward` speak after the
// upgrade. Header blocks stay compressed here.
//
//   control: |1| version 15 | type 16 |   data: |0| stream 31 |
//            | flags 8 | length 24    |         | flags 8 | length 24 |
//            | payload                |         | payload             |

export const FLAG_FIN = 0x01;
const FLAG_UNIDIRECTIONAL = 0x02;
const VERSION = 3;

const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const HEADERS = 8;
const WINDOW_UPDATE = 9;

export const RST_CANCEL = 5;

export type Frame =
  | {
      readonly type: 'SYN_STREAM';
      readonly stream: number;
      readonly associated: number;
      readonly priority: number;
      readonly fin: boolean;
      readonly unidirectional: boolean;
      readonly block: Uint8Array;
    }
  | {
      readonly type: 'SYN_REPLY' | 'HEADERS';
      readonly stream: number;
      readonly fin: boolean;
      readonly block: Uint8Array;
    }
  | { readonly type: 'DATA'; readonly stream: number; readonly fin: boolean; readonly data: Uint8Array }
  | { readonly type: 'RST_STREAM'; readonly stream: number; readonly status: number }
  | { readonly type: 'SETTINGS'; readonly flags: number; readonly entries: readonly Setting[] }
  | { readonly type: 'PING'; readonly id: number }
  | { readonly type: 'GOAWAY'; readonly lastStream: number; readonly status: number }
  | { readonly type: 'WINDOW_UPDATE'; readonly stream: number; readonly delta: number };

export interface Setting {
  readonly flags: number;
  readonly id: number;
  readonly value: number;
}

/** The peer broke the protocol: the connection cannot go on. */
export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}

export function encodeFrame(frame: Frame): Uint8Array {
  switch (frame.type) {
    case 'DATA':
      return header(frame.stream, frame.fin ? FLAG_FIN : 0, frame.data);
    case 'SYN_STREAM': {
      const flags = (frame.fin ? FLAG_FIN : 0) | (frame.unidirectional ? FLAG_UNIDIRECTIONAL : 0);
      const fixed = Uint8Array.of(...u32(frame.stream), ...u32(frame.associated), (frame.priority & 7) << 5, 0);
      return control(SYN_STREAM, flags, fixed, frame.block);
    }
    case 'SYN_REPLY':
    case 'HEADERS':
      return control(
        frame.type === 'HEADERS' ? HEADERS : SYN_REPLY,
        frame.fin ? FLAG_FIN : 0,
        Uint8Array.of(...u32(frame.stream)),
        frame.block,
      );
    case 'RST_STREAM':
      return control(RST_STREAM, 0, Uint8Array.of(...u32(frame.stream), ...u32(frame.status)));
    case 'SETTINGS': {
      const entries = frame.entries.flatMap((e) => [
        e.flags,
        (e.id >> 16) & 255,
        (e.id >> 8) & 255,
        e.id & 255,
        ...u32(e.value),
      ]);
      return control(SETTINGS, frame.flags, Uint8Array.of(...u32(frame.entries.length), ...entries));
    }
    case 'PING':
      return control(PING, 0, Uint8Array.of(...u32(frame.id)));
    case 'GOAWAY':
      return control(GOAWAY, 0, Uint8Array.of(...u32(frame.lastStream), ...u32(frame.status)));
    default:
      return control(WINDOW_UPDATE, 0, Uint8Array.of(...u32(frame.stream), ...u32(frame.delta)));
  }
}

const u32 = (n: number): [number, number, number, number] => [
  (n >>> 24) & 255,
  (n >>> 16) & 255,
  (n >>> 8) & 255,
  n & 255,
];

function control(type: number, flags: number, ...parts: Uint8Array[]): Uint8Array {
  return header((0x8000_0000 | (VERSION << 16) | type) >>> 0, flags, ...parts);
}

function header(word: number, flags: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > 0xff_ffff) throw new SpdyError(`frame of ${length} bytes, at most 16777215`);
  const bytes = new Uint8Array(8 + length);
  bytes.set(u32(word));
  bytes.set([flags, ...u32(length).slice(1)], 4);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Bytes in, whole frames out; pieces may end anywhere. Unknown control frames are skipped, as the draft wants. */
export class FrameParser {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #held = 0;
  /** Bytes that the next frame needs, as far as is known. */
  #needed = 8;

  constructor(maxFrameBytes: number) {
    this.#maxBytes = maxFrameBytes;
  }

  push(piece: Uint8Array): Frame[] {
    this.#pieces.push(piece);
    this.#held += piece.length;
    if (this.#held < this.#needed) return []; // a frame in many pieces is joined once, not once per piece
    const bytes = this.#join();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const frames: Frame[] = [];
    let at = 0;
    this.#needed = 8;
    while (bytes.length - at >= 8) {
      const length = view.getUint32(at + 4) & 0xff_ffff;
      if (length > this.#maxBytes) throw new SpdyError(`frame of ${length} bytes, at most ${this.#maxBytes}`);
      this.#needed = 8 + length;
      if (bytes.length - at < this.#needed) break;
      const frame = decode(view.getUint32(at), bytes[at + 4] ?? 0, bytes.subarray(at + 8, at + 8 + length));
      if (frame) frames.push(frame);
      at += 8 + length;
      this.#needed = 8;
    }
    this.#pieces = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#held = bytes.length - at;
    return frames;
  }

  #join(): Uint8Array {
    const [only] = this.#pieces;
    if (only && this.#pieces.length === 1) return only;
    const bytes = new Uint8Array(this.#held);
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }
}

function decode(word: number, flags: number, payload: Uint8Array): Frame | undefined {
  const fin = (flags & FLAG_FIN) !== 0;
  if (word < 0x8000_0000) return { type: 'DATA', stream: word, fin, data: payload };
  const version = (word >>> 16) & 0x7fff;
  if (version !== VERSION) throw new SpdyError(`SPDY version ${version}, want ${VERSION}`);
  return decodeControl(word & 0xffff, flags, fin, payload);
}

function decodeControl(type: number, flags: number, fin: boolean, payload: Uint8Array): Frame | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const want = (bytes: number): void => {
    if (payload.length < bytes) throw new SpdyError(`control frame ${type} of ${payload.length} bytes, want ${bytes}`);
  };
  const id = (at: number): number => view.getUint32(at) & 0x7fff_ffff;
  switch (type) {
    case SYN_STREAM:
      want(10);
      return {
        type: 'SYN_STREAM',
        stream: id(0),
        associated: id(4),
        priority: view.getUint8(8) >> 5,
        fin,
        unidirectional: (flags & FLAG_UNIDIRECTIONAL) !== 0,
        block: payload.subarray(10),
      };
    case SYN_REPLY:
    case HEADERS:
      want(4);
      return { type: type === HEADERS ? 'HEADERS' : 'SYN_REPLY', stream: id(0), fin, block: payload.subarray(4) };
    case RST_STREAM:
      want(8);
      return { type: 'RST_STREAM', stream: id(0), status: view.getUint32(4) };
    case SETTINGS: {
      want(4);
      const count = view.getUint32(0);
      want(4 + count * 8);
      const entries = Array.from({ length: count }, (_, i) => ({
        flags: view.getUint8(4 + i * 8),
        id: view.getUint32(4 + i * 8) & 0xff_ffff,
        value: view.getUint32(8 + i * 8),
      }));
      return { type: 'SETTINGS', flags, entries };
    }
    case PING:
      want(4);
      return { type: 'PING', id: view.getUint32(0) };
    case GOAWAY:
      want(8);
      return { type: 'GOAWAY', lastStream: id(0), status: view.getUint32(4) };
    case WINDOW_UPDATE:
      want(8);
      return { type: 'WINDOW_UPDATE', stream: id(0), delta: id(4) };
    default:
      return undefined;
  }
}

// Many streams over one connection.
//
// No flow-control windows, on purpose: the only peer is Go's spdystream (kubectl, client-go), which never sends
// WINDOW_UPDATE and ignores the ones it gets; a sender that waited for them would stop after 64 KiB. What holds a fast side
// back is TCP alone: when one stream's reader is behind, the whole connection is not read, as on the other side.
import { Duplex } from 'node:stream';
import { FrameParser, RST_CANCEL, SpdyError, encodeFrame } from './frame.ts';
import type { Frame } from './frame.ts';
import { StoredCompressor, decodeHeaders, encodeHeaders } from './headers.ts';
import type { HeaderFields } from './headers.ts';
import { HeaderInflater } from './inflate.io.ts';

const MAX_FRAME_BYTES = 16 * 1024 * 1024 - 1;
const DATA_FRAME_BYTES = 64 * 1024;
/** Held for one stream before the connection is not read any more. */
const STREAM_BUFFER_BYTES = 256 * 1024;
/** A dead client behind a full pipe is found by what we send, since nothing is read then. */
const PING_EVERY_MS = 10_000;

export interface SpdyOptions {
  readonly role: 'server' | 'client';
  /** A stream that the peer opened; its SYN_REPLY is sent already. */
  onStream?(stream: SpdyStream): void;
}

/** Half-closed by `end()`; destroyed before both sides ended: reset. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: HeaderFields;
  readonly #connection: SpdyConnection;
  #readable: () => void = () => {};
  #finReceived = false;
  #finSent = false;

  constructor(connection: SpdyConnection, id: number, headers: HeaderFields) {
    super({ readableHighWaterMark: STREAM_BUFFER_BYTES, writableHighWaterMark: STREAM_BUFFER_BYTES });
    this.#connection = connection;
    this.id = id;
    this.headers = headers;
    this.on('error', () => {});
  }

  /** From the connection. Resolves when the next frame may come. */
  async receive(data: Uint8Array, fin: boolean): Promise<void> {
    if (this.destroyed || this.#finReceived) return;
    const room = data.length === 0 || this.push(data);
    if (fin) {
      this.#finReceived = true;
      this.push(null);
    } else if (!room) await new Promise<void>((resolve) => (this.#readable = resolve));
  }

  override _read(): void {
    this.#readable();
  }

  override _write(chunk: Buffer, _encoding: string, done: (e?: Error) => void): void {
    void this.#sendData(chunk, done);
  }

  override _final(done: (e?: Error) => void): void {
    this.#finSent = true;
    void this.#sendEnd(done);
  }

  override _destroy(error: Error | null, done: (e?: Error | null) => void): void {
    this.#readable();
    this.#connection.forget(this, !this.#finSent || !this.#finReceived);
    done(error);
  }

  async #sendData(chunk: Uint8Array, done: () => void): Promise<void> {
    for (let at = 0; at < chunk.length; at += DATA_FRAME_BYTES) {
      const data = chunk.subarray(at, at + DATA_FRAME_BYTES);
      await this.#connection.send({ type: 'DATA', stream: this.id, fin: false, data });
    }
    done();
  }

  async #sendEnd(done: () => void): Promise<void> {
    await this.#connection.send({ type: 'DATA', stream: this.id, fin: true, data: new Uint8Array(0) });
    done();
  }
}

export class SpdyConnection {
  /** The transport is closed, by whichever side. */
  readonly closed: Promise<void>;
  readonly #transport: Duplex;
  readonly #options: SpdyOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #compressor = new StoredCompressor();
  readonly #inflater = new HeaderInflater();
  readonly #pings: NodeJS.Timeout;
  #drain: Promise<void> | undefined;
  #lastPeerStream = 0;
  #nextStream: number;
  #nextPing: number;

  constructor(transport: Duplex, options: SpdyOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#nextStream = this.#nextPing = options.role === 'client' ? 1 : 2;
    this.closed = new Promise((resolve) => transport.on('close', () => resolve()));
    transport.on('error', () => transport.destroy());
    this.#pings = setInterval(() => this.#ping(), PING_EVERY_MS);
    void this.closed.then(() => this.#ended());
    this.#run().catch(() => transport.destroy());
  }

  /** A stream of our own. */
  open(fields: HeaderFields): SpdyStream {
    const id = this.#nextStream;
    this.#nextStream += 2;
    const stream = new SpdyStream(this, id, fields);
    this.#streams.set(id, stream);
    const block = this.#compressor.compress(encodeHeaders(fields));
    void this.send({
      type: 'SYN_STREAM',
      stream: id,
      associated: 0,
      priority: 0,
      fin: false,
      unidirectional: false,
      block,
    });
    return stream;
  }

  /** Frames go out in the order of the calls. Resolves when the transport takes more. */
  send(frame: Frame): Promise<void> {
    if (!this.#transport.writable) return Promise.resolve();
    if (this.#transport.write(encodeFrame(frame))) return Promise.resolve();
    this.#drain ??= new Promise((resolve) => {
      const done = (): void => {
        this.#transport.off('drain', done).off('close', done);
        this.#drain = undefined;
        resolve();
      };
      this.#transport.on('drain', done).on('close', done);
    });
    return this.#drain;
  }

  /** Says good-bye and waits for the peer to close, or closes after lingerMs. */
  async close(lingerMs = 5_000): Promise<void> {
    void this.send({ type: 'GOAWAY', lastStream: this.#lastPeerStream, status: 0 });
    for (const stream of this.#streams.values()) stream.resume(); // or the peer's end is never read
    this.#transport.end();
    const timer = setTimeout(() => this.#transport.destroy(), lingerMs);
    await this.closed;
    clearTimeout(timer);
  }

  /** From a stream that is gone. */
  forget(stream: SpdyStream, reset: boolean): void {
    if (!this.#streams.delete(stream.id)) return;
    if (reset) void this.send({ type: 'RST_STREAM', stream: stream.id, status: RST_CANCEL });
  }

  async #run(): Promise<void> {
    const parser = new FrameParser(MAX_FRAME_BYTES);
    for await (const piece of this.#transport.iterator({ destroyOnReturn: false })) {
      for (const frame of parser.push(piece as Uint8Array)) await this.#receive(frame);
    }
    this.#transport.end();
  }

  async #receive(frame: Frame): Promise<void> {
    switch (frame.type) {
      case 'SYN_STREAM':
        return this.#opened(frame.stream, frame.block, frame.fin);
      case 'SYN_REPLY':
      case 'HEADERS':
        await this.#inflater.decompress(frame.block); // for the state that it leaves
        if (frame.fin) await this.#streams.get(frame.stream)?.receive(new Uint8Array(0), true);
        return;
      case 'DATA':
        // An unknown stream is one that ended here while this frame was on its way.
        return this.#streams.get(frame.stream)?.receive(frame.data, frame.fin);
      case 'RST_STREAM': {
        const stream = this.#streams.get(frame.stream);
        this.#streams.delete(frame.stream); // first, so that it is not reset in return
        stream?.destroy();
        return;
      }
      case 'PING':
        // Ours come back with our parity.
        if (frame.id % 2 !== this.#nextPing % 2) void this.send(frame);
        return;
      case 'GOAWAY':
      case 'SETTINGS':
      case 'WINDOW_UPDATE':
        return;
    }
  }

  async #opened(id: number, block: Uint8Array, fin: boolean): Promise<void> {
    const headers = decodeHeaders(await this.#inflater.decompress(block));
    if (id % 2 === this.#nextStream % 2 || id <= this.#lastPeerStream)
      throw new SpdyError(`stream id ${id} out of order`);
    this.#lastPeerStream = id;
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    void this.send({ type: 'SYN_REPLY', stream: id, fin: false, block: this.#compressor.compress(encodeHeaders({})) });
    if (fin) await stream.receive(new Uint8Array(0), true);
    this.#options.onStream?.(stream);
  }

  #ping(): void {
    void this.send({ type: 'PING', id: this.#nextPing });
    this.#nextPing += 2;
  }

  #ended(): void {
    clearInterval(this.#pings);
    this.#inflater.close();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.destroy();
  }
}

// Name/value blocks of SPDY/3, plain and as the zlib stream that carries them.
//
//   | number of pairs 32 | length 32 | name | length 32 | value | ...    names in lower case; a value may hold several, 0 between
import { joinBytes } from '../bytes.ts';
import { SpdyError } from './frame.ts';

export type HeaderFields = Readonly<Record<string, string>>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeHeaders(fields: HeaderFields): Uint8Array {
  const parts = Object.entries(fields).flatMap(([name, value]) => [name.toLowerCase(), value]);
  return joinBytes([u32(parts.length / 2), ...parts.flatMap(prefixed)]);
}

function prefixed(text: string): Uint8Array[] {
  const bytes = encoder.encode(text);
  return [u32(bytes.length), bytes];
}

export function decodeHeaders(block: Uint8Array): Record<string, string> {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw new SpdyError('header block is cut short');
    at += 4;
    return view.getUint32(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > block.length) throw new SpdyError('header block is cut short');
    at += length;
    return decoder.decode(block.subarray(at - length, at));
  };
  const fields: Record<string, string> = {};
  for (let pairs = number(); pairs > 0; pairs--) {
    const name = text().toLowerCase(); // Go's client writes streamType and requestID as they are spelt
    fields[name] = text();
  }
  return fields;
}

/**
 * The sending side of the compressed stream, without compressing: zlib's header once, then stored deflate blocks (RFC
 * 1951, 3.2.4). A server sends nothing but the empty headers of SYN_REPLY, so a compressor would gain nothing. Each block
 * ends with an empty stored one, the mark of a sync flush: without it Go's reader holds the bytes back and fails.
 */
export class StoredCompressor {
  #begun = false;

  compress(block: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = this.#begun ? [] : [Uint8Array.of(0x78, 0x01)];
    this.#begun = true;
    for (let at = 0; at < block.length; at += 0xffff) {
      const piece = block.subarray(at, at + 0xffff);
      const [low, high] = [piece.length & 255, piece.length >> 8];
      parts.push(Uint8Array.of(0, low, high, low ^ 255, high ^ 255), piece);
    }
    return joinBytes([...parts, Uint8Array.of(0, 0, 0, 255, 255)]);
  }
}

function u32(n: number): Uint8Array {
  return Uint8Array.of(n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
}

const prefixedWords =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow ' +
  'authorization cache-control connection content-base content-encoding content-language content-length ' +
  'content-location content-md5 content-range content-type date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade ' +
  'user-agent vary via warning www-authenticate method get status';
const bareWords =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative ' +
  'Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal ' +
  'Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 ' +
  'Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,' +
  'application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8' +
  'charset=iso-8859-1,utf-,*,enq=0.';

/** The dictionary that both sides of the zlib stream start with (SPDY/3 draft, 2.6.10.1). */
export const headerDictionary: Uint8Array = joinBytes([
  ...[
    ...prefixedWords.split(' '),
    '200 OK',
    'version',
    'HTTP/1.1',
    'url',
    'public',
    'set-cookie',
    'keep-alive',
    'origin',
  ].flatMap(prefixed),
  encoder.encode(bareWords),
]);

// The channel protocols of exec, attach and (old) port-forward over a WebSocket, and the Status that ends a session.
// A message is one byte that names the channel, then its bytes; in the base64 kinds an ASCII digit, then base64 text.
import { base64Bytes } from '../../lib/bytes.ts';

export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;
export const ERROR = 3;
export const RESIZE = 4;
/** v5: the payload is the channel that the sender will not write to any more. */
export const CLOSE = 255;

export interface ChannelProtocol {
  /** '' when the client named none. */
  readonly name: string;
  readonly base64: boolean;
  /** The error channel carries a Status as JSON; before v4 it is plain text and silent on success. */
  readonly status: boolean;
  readonly close: boolean;
}

const protocols: readonly ChannelProtocol[] = [
  { name: 'v5.channel.k8s.io', base64: false, status: true, close: true },
  { name: 'v4.channel.k8s.io', base64: false, status: true, close: false },
  { name: 'v4.base64.channel.k8s.io', base64: true, status: true, close: false },
  { name: 'channel.k8s.io', base64: false, status: false, close: false },
  { name: 'base64.channel.k8s.io', base64: true, status: false, close: false },
  { name: '', base64: false, status: false, close: false },
];
export const channelProtocolNames: readonly string[] = protocols.map((p) => p.name).filter(Boolean);

/** The first offered one that is known, as the client orders them by preference; no offer is the oldest protocol. */
export function chooseProtocol(offered: readonly string[]): ChannelProtocol | undefined {
  if (offered.length === 0) return protocols.at(-1);
  return offered.map((name) => protocols.find((p) => p.name === name)).find((p) => p !== undefined);
}

export interface ChannelMessage {
  readonly channel: number;
  readonly data: Uint8Array;
}

const encoder = new TextEncoder();

/** One character per byte. Not TextDecoder('latin1'): that is windows-1252 and changes 0x80 to 0x9f. */
function binaryText(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return text;
}

export function decodeMessage(protocol: ChannelProtocol, message: Uint8Array): ChannelMessage | undefined {
  const first = message[0];
  if (first === undefined) return undefined;
  if (!protocol.base64) return { channel: first, data: message.subarray(1) };
  const channel = first - 0x30;
  if (channel < 0 || channel > 9) return undefined;
  try {
    return { channel, data: base64Bytes(binaryText(message.subarray(1))) };
  } catch {
    return undefined;
  }
}

export function encodeMessage(protocol: ChannelProtocol, channel: number, data: Uint8Array): Uint8Array {
  if (protocol.base64) return encoder.encode(`${channel}${btoa(binaryText(data))}`);
  const message = new Uint8Array(data.length + 1);
  message[0] = channel;
  message.set(data, 1);
  return message;
}

/** How a session ended: the command's exit code, or why it did not get that far. */
export type Ending = { readonly exitCode: number } | { readonly failure: string };

/** What goes to the error channel or stream. status: as JSON; else plain text, nothing on success. */
export function endingBytes(ending: Ending, status: boolean): Uint8Array {
  if (status) return encoder.encode(JSON.stringify(endingStatus(ending)));
  if ('failure' in ending) return encoder.encode(ending.failure);
  return encoder.encode(ending.exitCode === 0 ? '' : exitMessage(ending.exitCode));
}

const exitMessage = (code: number): string =>
  `command terminated with non-zero exit code: error executing command in container: exit status ${code}`;

function endingStatus(ending: Ending): object {
  if ('failure' in ending) {
    const message = `Internal error occurred: ${ending.failure}`;
    const details = { causes: [{ message: ending.failure }] };
    return { metadata: {}, status: 'Failure', message, reason: 'InternalError', details, code: 500 };
  }
  if (ending.exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: exitMessage(ending.exitCode),
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(ending.exitCode) }] },
  };
}

/** {"Width":80,"Height":24}; undefined: not a size. */
export function parseTerminalSize(bytes: Uint8Array): { columns: number; rows: number } | undefined {
  try {
    const size = JSON.parse(new TextDecoder().decode(bytes)) as { Width?: unknown; Height?: unknown };
    const { Width: columns, Height: rows } = size;
    const fits = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n > 0 && n < 65_536;
    return fits(columns) && fits(rows) ? { columns, rows } : undefined;
  } catch {
    return undefined;
  }
}

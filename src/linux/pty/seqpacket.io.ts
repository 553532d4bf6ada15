// An AF_UNIX socket of type SOCK_SEQPACKET, which Node cannot open (conmon's attach socket is one). Nothing here blocks.
import { closeSync, constants, openSync } from 'node:fs';
import { constants as os } from 'node:os';
import { basename, dirname } from 'node:path';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const connectTo = libc.func('int connect(int fd, uint8_t *address, uint32_t length)');
const recv = libc.func('long recv(int fd, _Out_ uint8_t *buffer, size_t length, int flags)');
const sendTo = libc.func('long send(int fd, uint8_t *buffer, size_t length, int flags)');
const shutdown = libc.func('int shutdown(int fd, int how)');

const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 5 | 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;

export interface PacketSocket {
  /** Bytes of one packet now in the buffer; 0: none is there yet; undefined: the peer has closed. */
  receive(buffer: Uint8Array): number | undefined;
  /** How many bytes were taken; 0: none now. */
  send(bytes: Uint8Array): number;
  /** The peer sees the end, and may still send. */
  endSending(): void;
  close(): void;
}

/** Throws when nobody listens. */
export function connectSeqpacket(path: string): PacketSocket {
  // sun_path holds 107 bytes and a pod's directory is longer: the way leads over the directory's descriptor.
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const address = new Uint8Array(110);
    address[0] = AF_UNIX;
    address.set(new TextEncoder().encode(`/proc/self/fd/${directory}/${basename(path)}`), 2);
    const fd = Number(socket(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0));
    if (fd < 0) throw new Error(`socket: errno ${koffi.errno()}`);
    if (connectTo(fd, address, address.length) === 0) return packetSocket(fd);
    const errno = koffi.errno();
    closeSync(fd);
    throw new Error(`connect to ${path}: errno ${errno}`);
  } finally {
    closeSync(directory);
  }
}

function packetSocket(fd: number): PacketSocket {
  return {
    receive: (buffer) => {
      const length = Number(recv(fd, buffer, buffer.length, MSG_DONTWAIT));
      if (length > 0) return length;
      return length < 0 && koffi.errno() === os.errno.EAGAIN ? 0 : undefined;
    },
    send: (bytes) => Math.max(0, Number(sendTo(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL))),
    endSending: () => void shutdown(fd, SHUT_WR),
    close: () => closeSync(fd),
  };
}

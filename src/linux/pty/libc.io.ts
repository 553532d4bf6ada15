// The few calls of libc that a stream to a container needs and Node does not have.
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const posixOpenpt = libc.func('int posix_openpt(int flags)');
const grantpt = libc.func('int grantpt(int fd)');
const unlockpt = libc.func('int unlockpt(int fd)');
const ptsnameR = libc.func('int ptsname_r(int fd, _Out_ uint8_t *name, size_t size)');
const ioctlBytes = libc.func('int ioctl(int fd, unsigned long request, uint8_t *argument)');
const pipe2 = libc.func('int pipe2(_Out_ int *fds, int flags)');

export const O_RDWR = 0o2;
export const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const TIOCSWINSZ = 0x5414;

function checked(call: string, result: number): number {
  if (result < 0) throw new Error(`${call}: errno ${koffi.errno()}`);
  return result;
}

/** Both ends close on exec; spawn's `stdio` hands one on. */
export function openPipe(): { read: number; write: number } {
  const fds: [number, number] = [0, 0];
  checked('pipe2', pipe2(fds, O_CLOEXEC));
  return { read: fds[0], write: fds[1] };
}

/** Master (non-blocking) of a new pseudo-terminal and the path of its slave. */
export function openMaster(): { master: number; slavePath: string } {
  const master = checked('posix_openpt', posixOpenpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  checked('grantpt', grantpt(master));
  checked('unlockpt', unlockpt(master));
  const name = new Uint8Array(64);
  checked('ptsname_r', ptsnameR(master, name, name.length));
  return { master, slavePath: new TextDecoder().decode(name.subarray(0, name.indexOf(0))) };
}

/** struct winsize { unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel } */
export function setWindowSize(master: number, columns: number, rows: number): void {
  const size = new Uint16Array([rows, columns, 0, 0]);
  checked('ioctl TIOCSWINSZ', ioctlBytes(master, TIOCSWINSZ, new Uint8Array(size.buffer)));
}

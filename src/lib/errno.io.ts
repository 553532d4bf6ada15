import { constants } from 'node:os';

/** 'ENOENT' of 2: what calls by FFI leave in errno, in the words that node:fs errors use. */
export const errnoName = (errno: number): string =>
  Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;

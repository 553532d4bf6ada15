// Reading the certificates that pki.io.ts made. Apart from it, because every process reads and only the first `up` makes:
// the library that makes them takes 60 ms to load.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterSettings } from '../api/cluster.ts';

/** PEM texts of one identity and the authority that it trusts. */
export interface Tls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export const pkiDir = (settings: ClusterSettings): string => join(settings.stateDir, 'pki');

/** The texts of one identity: server, admin or a node's name. */
export function readTls(settings: ClusterSettings, file: string): Tls {
  const read = (name: string): string => readFileSync(join(pkiDir(settings), name), 'utf8');
  return { ca: read('ca.crt'), cert: read(`${file}.crt`), key: read(`${file}.key`) };
}

/** The authority alone; undefined when an `up` ended before it was made. */
export function readCa(settings: ClusterSettings): string | undefined {
  const file = join(pkiDir(settings), 'ca.crt');
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

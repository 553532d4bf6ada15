// The kubeconfig of a cluster as a file of its own, and its place in the user's.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ClusterSettings } from '../api/cluster.ts';
import { UserError } from '../cli/errors.ts';
import { kubeconfig, mergeKubeconfig, type Access } from '../cli/kubeconfig.ts';
import { kubeconfigFile } from './state.io.ts';
import { readTls } from './tls.io.ts';

/** The file that kubectl uses when nothing else is said: the first of $KUBECONFIG, else ~/.kube/config. */
const usersKubeconfig = (): string =>
  process.env.KUBECONFIG?.split(':').find((p) => p !== '') ?? join(homedir(), '.kube', 'config');

/** The cluster's own file, and with `merge` the user's as well. */
export function writeKubeconfig(settings: ClusterSettings, merge: boolean): void {
  const access: Access = {
    name: settings.name,
    server: `https://127.0.0.1:${settings.apiPort}`,
    ...readTls(settings, 'admin'),
  };
  const own = kubeconfigFile(settings);
  const before = existsSync(own) ? readFileSync(own, 'utf8') : '';
  writeFileSync(own, kubeconfig(access, before), { mode: 0o600 });
  if (!merge) return;
  const file = usersKubeconfig();
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  let merged: string;
  try {
    merged = mergeKubeconfig(text, access);
  } catch (error) {
    throw new UserError(`${file}: ${(error as Error).message}; mend it, or leave --merge-kubeconfig out`);
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, merged, { mode: 0o600 });
}

/** Takes the cluster out of the user's kubeconfig, if `up --merge-kubeconfig` had put it there. */
export function forgetKubeconfig(remove: (text: string) => string | undefined): void {
  const file = usersKubeconfig();
  if (!existsSync(file)) return;
  const left = remove(readFileSync(file, 'utf8'));
  if (left === undefined) return;
  // A file that held nothing but this cluster was made by us: it goes, as it came.
  const empty = ['clusters', 'users', 'contexts'].every((part) => new RegExp(`^${part}: \\[\\]$`, 'm').test(left));
  if (empty) rmSync(file, { force: true });
  else writeFileSync(file, left, { mode: 0o600 });
}

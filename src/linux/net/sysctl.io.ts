// /proc/sys/net shows the namespace of the thread that opens it, so these work within runInNetns. Names are paths below
// /proc/sys: with dots, an interface such as eth0.100 could not be told apart.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const at = (name: string): string => `/proc/sys/${name}`;

/** undefined: this kernel, or this namespace, has no such setting (e.g. no IPv6). */
export function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(at(name), 'utf8').trim();
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw e;
  }
}

/** Sets what differs; settings that do not exist here are left out. */
export function setSysctls(wanted: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(wanted)) {
    const was = readSysctl(name);
    if (was !== undefined && was.replace(/\s+/g, ' ') !== value) writeFileSync(at(name), value);
  }
}

/** Names below a directory of settings, e.g. net/ipv4/conf: the interfaces, with all and default. */
export const listSysctls = (dir: string): string[] => readdirSync(at(dir));

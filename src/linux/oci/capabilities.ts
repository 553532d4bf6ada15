// Linux capabilities of a container: the usual set of container engines, changed by what the pod adds and drops.

export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** capabilities(7) in the kernel's numbering, all that runc 1.1 knows. */
export const ALL_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
];

/**
 * What this process holds, by CapBnd in /proc/self/status. Root in a container or a sandbox has not everything, and runc fails
 * with "unable to apply caps" when it is to give what it has not.
 */
export function heldCapabilities(procStatus: string): ReadonlySet<string> {
  const bits = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(procStatus)?.[1] ?? '0'}`);
  return new Set(ALL_CAPABILITIES.filter((_, i) => (bits >> BigInt(i)) & 1n));
}

const full = (name: string): string =>
  name.toUpperCase().startsWith('CAP_') ? name.toUpperCase() : `CAP_${name.toUpperCase()}`;

/** `add` and `drop` as in a pod, without CAP_; ALL is every one. Adding wins over dropping ALL, dropping over adding ALL. */
export function capabilities(add: readonly string[] = [], drop: readonly string[] = []): string[] {
  const added = add.map(full);
  const dropped = drop.map(full);
  const start = added.includes('CAP_ALL') ? ALL_CAPABILITIES : dropped.includes('CAP_ALL') ? [] : DEFAULT_CAPABILITIES;
  const named = new Set([...start, ...added.filter((c) => c !== 'CAP_ALL')]);
  for (const c of dropped) if (c !== 'CAP_ALL') named.delete(c);
  return [...named];
}

// seccompProfile RuntimeDefault: what container engines refuse to a container, as a list of refused calls.
// Engines ship lists of allowed calls; a list of refused ones is shorter, and a call newer than it still works.

const MODULES = ['create_module', 'delete_module', 'finit_module', 'init_module', 'query_module', 'get_kernel_syms'];
const MOUNTS = ['mount', 'umount', 'umount2', 'pivot_root', 'move_mount', 'open_tree', 'mount_setattr'];
const NEW_MOUNTS = ['fsconfig', 'fsmount', 'fsopen', 'fspick'];
const KEYS = ['add_key', 'keyctl', 'request_key'];
const CLOCKS = ['clock_adjtime', 'clock_settime', 'settimeofday', 'stime', 'adjtimex'];
const BOOT = ['reboot', 'kexec_load', 'kexec_file_load', 'swapon', 'swapoff'];
const OTHERS = [
  'acct',
  'bpf',
  'fanotify_init',
  'get_mempolicy',
  'iopl',
  'ioperm',
  'kcmp',
  'lookup_dcookie',
  'mbind',
  'move_pages',
  'name_to_handle_at',
  'nfsservctl',
  'open_by_handle_at',
  'perf_event_open',
  'process_vm_readv',
  'process_vm_writev',
  'quotactl',
  'quotactl_fd',
  'set_mempolicy',
  'setns',
  'sethostname',
  'setdomainname',
  'sysfs',
  '_sysctl',
  'unshare',
  'uselib',
  'userfaultfd',
  'ustat',
  'vhangup',
  'vm86',
  'vm86old',
  'io_uring_setup',
  'io_uring_enter',
  'io_uring_register',
];
const EPERM = 1;
/** clone(2) with any CLONE_NEW* flag: CLONE_NEWNS|CGROUP|UTS|IPC|USER|PID|NET. */
const NEW_NAMESPACES = 0x7e020000;

export interface Seccomp {
  readonly defaultAction: string;
  readonly architectures: readonly string[];
  readonly syscalls: readonly unknown[];
}

/** With CAP_SYS_ADMIN a container may mount and make namespaces, as engines let it. */
export function defaultSeccomp(capabilities: readonly string[]): Seccomp {
  const admin = capabilities.includes('CAP_SYS_ADMIN');
  const ofAdmin = [
    'bpf',
    'perf_event_open',
    'setns',
    'unshare',
    'sethostname',
    'setdomainname',
    'quotactl',
    'fanotify_init',
  ];
  const refused = [...MODULES, ...KEYS, ...CLOCKS, ...BOOT, ...OTHERS].filter(
    (call) => !admin || !ofAdmin.includes(call),
  );
  const errnoRet = EPERM;
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
    syscalls: [
      { names: admin ? refused : [...refused, ...MOUNTS, ...NEW_MOUNTS], action: 'SCMP_ACT_ERRNO', errnoRet },
      ...(admin ? [] : [NEW_NAMESPACES].flatMap(cloneRules)),
    ],
  };
}

/** seccomp compares under a mask, so "any of these bits" is one rule per bit. clone3 hides its flags: ENOSYS makes libc use clone. */
function cloneRules(flags: number): unknown[] {
  const rules: unknown[] = [{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }];
  for (let bit = 0; bit < 31; bit++) {
    const flag = 2 ** bit;
    if ((flags & flag) === 0) continue;
    const args = [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }];
    rules.push({ names: ['clone'], action: 'SCMP_ACT_ERRNO', errnoRet: EPERM, args });
  }
  return rules;
}

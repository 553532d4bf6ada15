import { describe, expect, it } from 'vitest';
import { ALL_CAPABILITIES, capabilities, DEFAULT_CAPABILITIES, heldCapabilities } from './capabilities.ts';
import { ociConfig } from './config.ts';
import type { ContainerSpec } from './config.ts';
import { conmonArgs, isZombie, parseSync, runtimeWords, startTicks } from './conmon.ts';
import { runtimeContract } from './contract.ts';
import { fakeRuntime } from './fake.ts';

const spec: ContainerSpec = {
  args: ['sh'],
  env: [],
  cwd: '/',
  terminal: false,
  user: { uid: 0, gid: 0, additionalGids: [] },
  rootfs: '/r',
  readonlyRootfs: false,
  hostname: 'web',
  mounts: [],
  maskedPaths: ['/var/lib/podlan'],
  netnsPath: '/run/netns/x',
  hostPid: false,
  hostIpc: false,
  capabilities: [],
  privileged: false,
  noNewPrivileges: false,
  unmaskedProc: false,
  seccomp: 'Unconfined',
  devices: [],
  cgroupPath: '/podlan/c/n/podu/i',
  cgroupV2: false,
  cpuShares: 2,
  oomScoreAdj: 1000,
  sysctls: {},
};

const roles = {
  'exits-7': { exits: 7 },
  'ends-on-term': { onTerm: 3 },
  stays: {},
  missing: { missing: true },
};
describe('fake runtime', () => {
  runtimeContract(
    () => ({
      runtime: fakeRuntime(() => 1000, roles),
      config: (_id, program) => ociConfig({ ...spec, args: [program] }),
      logPath: (id) => `/log/${id}`,
      unmount: () => {},
    }),
    it,
    (seen, wanted) => expect(seen).toEqual(wanted),
  );
});

describe('capabilities', () => {
  it.each([
    [[], [], DEFAULT_CAPABILITIES],
    [['NET_ADMIN'], ['ALL'], ['CAP_NET_ADMIN']],
    [['CAP_SYS_TIME'], ['all'], ['CAP_SYS_TIME']],
    [[], ['NET_RAW'], DEFAULT_CAPABILITIES.filter((c) => c !== 'CAP_NET_RAW')],
  ])('add %o drop %o', (add, drop, wanted) => expect(capabilities(add, drop)).toEqual(wanted));
  it('ALL but one', () => {
    const all = capabilities(['ALL'], ['SYS_BOOT']);
    expect(all).toContain('CAP_SYS_ADMIN');
    expect(all).not.toContain('CAP_SYS_BOOT');
  });
  it('knows what this process holds', () => {
    const held = heldCapabilities('CapEff:\t0\nCapBnd:\t000001fffeffffff\nCapAmb:\t0\n');
    expect(ALL_CAPABILITIES.filter((c) => !held.has(c))).toEqual(['CAP_SYS_RESOURCE']);
  });
});

describe('ociConfig', () => {
  it('joins the pod netns, hides our own directories, and has its own pid namespace', () => {
    const config = ociConfig(spec);
    expect(config.linux.namespaces).toContainEqual({ type: 'network', path: '/run/netns/x' });
    expect(config.linux.namespaces).toContainEqual({ type: 'pid' });
    expect(config.linux.maskedPaths).toContain('/var/lib/podlan');
  });
  it('a privileged container sees the machine but not our directories', () => {
    const config = ociConfig({ ...spec, privileged: true });
    expect(config.linux.maskedPaths).toEqual(['/var/lib/podlan']);
    expect(config.linux.readonlyPaths).toEqual([]);
    expect(config.linux.resources).toMatchObject({ devices: [{ allow: true, access: 'rwm' }] });
  });
  it('seccomp only when asked for', () => {
    expect(ociConfig(spec).linux.seccomp).toBeUndefined();
    const { seccomp } = ociConfig({ ...spec, seccomp: 'RuntimeDefault' }).linux as { seccomp: { syscalls: unknown[] } };
    expect(JSON.stringify(seccomp)).toContain('init_module');
  });
});

describe('conmon', () => {
  it('reads its answers', () => {
    expect(parseSync('{"data": 10621}')).toEqual({ pid: 10621 });
    const words = String.raw`{"data":-1,"message":"time=\"x\" level=error msg=\"exec: \\\"foo\\\": executable file not found in $PATH\"\n"}`;
    expect(parseSync(words)).toEqual({ error: 'exec: "foo": executable file not found in $PATH' });
    expect(parseSync('garbage')).toEqual({ error: 'conmon said "garbage"' });
  });
  it('takes words that are no log line as they are', () => expect(runtimeWords('a\nb: c\n')).toBe('b: c'));
  it('asks for a terminal and stdin only where wanted', () => {
    const c = {
      id: 'i',
      bundle: '/b',
      runtime: 'runc',
      runtimeRoot: '/r',
      logPath: '/l',
      exitDir: '/e',
      terminal: false,
      stdin: false,
      stdinOnce: false,
    };
    expect(conmonArgs(c)).not.toContain('--stdin');
    expect(conmonArgs({ ...c, stdin: true })).toContain('--leave-stdin-open');
    expect(conmonArgs({ ...c, stdin: true, stdinOnce: true, terminal: true })).toContain('--terminal');
  });
  it('finds the start time behind any process name', () => {
    const tail = Array.from({ length: 25 }, (_, i) => String(i + 4)).join(' ');
    expect(startTicks(`12 (a) b) S ${tail}`)).toBe('22');
    expect(isZombie('12 (x) Z 1')).toBe(true);
    expect(isZombie('12 (Z) S 1')).toBe(false);
  });
});

// The kernel keeps the contract that the fake keeps; and what only a kernel has: namespaces, threads' places, dumps.
import { readFileSync, readlinkSync, writeFileSync, existsSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { comparable, netContract } from '../../src/linux/net/contract.ts';
import { openNet } from '../../src/linux/net/net.io.ts';
import { isNetError, type Net, printOp, printState } from '../../src/linux/net/net.ts';
import {
  createNetns,
  deleteNetns,
  hasNetns,
  listNetns,
  netnsPath,
  openNetns,
  runInNetns,
  withNetnsLock,
} from '../../src/linux/net/netns.io.ts';
import { readSysctl, setSysctls } from '../../src/linux/net/sysctl.io.ts';

const prefix = `pltest-net-${process.pid}-`;
afterAll(() => {
  for (const name of listNetns()) if (name.startsWith(prefix)) deleteNetns(name);
});

describe('the kernel keeps the contract', () => {
  let run = 0;
  const names = { a: '', b: '' };
  const nets: Net[] = [];
  beforeEach(() => {
    run++;
    names.a = `${prefix}${run}a`;
    names.b = `${prefix}${run}b`;
    for (const name of Object.values(names)) {
      createNetns(name);
      runInNetns(name, () => setSysctls({ 'net/ipv6/conf/default/disable_ipv6': '1' }));
    }
  });
  afterEach(() => {
    for (const net of nets.splice(0)) net.close();
    for (const name of Object.values(names)) deleteNetns(name);
  });

  it.each(netContract)('$name', ({ steps, seen }) => {
    const a = openNet(names.a);
    nets.push(a);
    const b = openNet(names.b);
    nets.push(b);
    for (const step of steps) {
      const op =
        step.op.op === 'veth-add' && step.op.peer.netns
          ? { ...step.op, peer: { ...step.op.peer, netns: names.b } }
          : step.op;
      let code: string | undefined;
      try {
        (step.netns === 'a' ? a : b).run(op);
      } catch (e) {
        if (!isNetError(e)) throw e;
        ({ code } = e);
      }
      expect(code, printOp(op)).toBe(step.refused);
    }
    if (seen.a) expect(comparable(printState(a.see()))).toEqual(seen.a);
    if (seen.b) expect(comparable(printState(b.see()))).toEqual(seen.b);
  });
});

describe('rtnetlink', () => {
  it('says why in the kernel`s words, and dumps more than one buffer holds', () => {
    const name = `${prefix}many`;
    createNetns(name);
    const net = openNet(name);
    try {
      net.run({ op: 'bridge-add', name: 'br0' });
      expect(() => net.run({ op: 'route-replace', to: '10.9.0.0/16', via: '10.1.1.1', dev: 'br0' })).toThrow(
        'ip route replace 10.9.0.0/16 via 10.1.1.1 dev br0 proto 112: ENETUNREACH (Nexthop has invalid gateway)',
      );
      for (let i = 0; i < 3000; i++) net.run({ op: 'route-replace', to: `10.${i >> 8}.${i & 255}.0/24`, dev: 'br0' });
      const { routes } = net.see();
      expect(new Set(routes.filter((r) => r.protocol === 112).map((r) => r.to)).size).toBe(3000);
    } finally {
      net.close();
      deleteNetns(name);
    }
  });
});

describe('namespaces', () => {
  const own = () => readlinkSync('/proc/thread-self/ns/net');

  it('are created once, listed, and gone when deleted, twice too', () => {
    const name = `${prefix}x`;
    expect([createNetns(name), createNetns(name)]).toEqual([true, false]);
    expect(hasNetns(name)).toBe(true);
    expect(listNetns()).toContain(name);
    deleteNetns(name);
    deleteNetns(name);
    expect([hasNetns(name), existsSync(netnsPath(name))]).toEqual([false, false]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(name);
  });

  it('a file that a crash left without its mount is taken over', () => {
    const name = `${prefix}crash`;
    expect(createNetns(`${prefix}dir`)).toBe(true);
    writeFileSync(netnsPath(name), '');
    expect(hasNetns(name)).toBe(false);
    expect(() => openNet(name)).toThrow('ENOENT');
    expect(createNetns(name)).toBe(true);
    expect(hasNetns(name)).toBe(true);
    deleteNetns(`${prefix}dir`);
  });

  it('the thread is elsewhere within runInNetns, and back afterwards even if fn throws', () => {
    const name = `${prefix}walk`;
    createNetns(name);
    const home = own();
    const there = runInNetns(name, own);
    expect(there).not.toBe(home);
    expect(own()).toBe(home);
    expect(() =>
      runInNetns(name, () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(own()).toBe(home);
    expect(() => runInNetns(name, async () => 1)).toThrow('must be synchronous');
    expect(own()).toBe(home);
    expect(() => runInNetns(`${prefix}none`, own)).toThrow(`netns ${prefix}none: ENOENT`);
  });

  it('sysctls are those of the namespace', () => {
    const name = `${prefix}sysctl`;
    createNetns(name);
    const key = 'net/ipv4/ip_unprivileged_port_start';
    const before = readSysctl(key);
    runInNetns(name, () => setSysctls({ [key]: '77', 'net/ipv4/no_such_thing': '1' }));
    expect(runInNetns(name, () => readSysctl(key))).toBe('77');
    expect(readSysctl(key)).toBe(before);
    expect(readSysctl('net/ipv4/no_such_thing')).toBeUndefined();
  });

  it('the lock is free again after a throw', () => {
    expect(() =>
      withNetnsLock(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(withNetnsLock(() => 'again')).toBe('again');
  });

  it('leaves no descriptor open', () => {
    const name = `${prefix}fds`;
    createNetns(name);
    const fd = openNetns(name);
    openNet(fd).close();
    const next = openNetns(name);
    openNet(name).close();
    expect(openNetns(name)).toBe(next + 1);
  });
});

// The agent when things go wrong: rules that are refused, a range that comes late, a crowd of pods, a process that outlives
// its pod. Every namespace, the 'host' too, is this test's own.
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeNetns } from '../../src/api/cluster.ts';
import { openNet } from '../../src/linux/net/net.io.ts';
import { openNft } from '../../src/linux/nft/nft.io.ts';
import { NftError, type Nft } from '../../src/linux/nft/nft.ts';
import { vethName } from '../../src/network/podnet/podnet.ts';
import { ask, type Lab, nodeObject, openLab, podName, podObject, until, whoServer } from './agent-lab.ts';

let lab: Lab;
afterEach(() => {
  expect(lab.end()).toEqual([]);
});

/** The kernel's nft, counting transactions, and refusing while told to. */
function watched(): { open: () => Nft; runs: number; refuse: boolean } {
  const watch = {
    runs: 0,
    refuse: false,
    open(): Nft {
      const nft = openNft();
      return {
        ...nft,
        run(text) {
          watch.runs++;
          if (watch.refuse) throw new NftError('Device or resource busy');
          nft.run(text);
        },
      };
    },
  };
  return watch;
}

const linksOf = (netns: string): string[] => {
  const net = openNet(netns);
  try {
    return net.see().links.map((link) => link.name);
  } finally {
    net.close();
  }
};

describe('the agent', () => {
  it('is ready when the node`s range is known, and refuses pods until then', async () => {
    lab = openLab(1);
    const agent = await lab.start(1, { podCidr: undefined });
    const pod = podObject('p', 'node-1');
    lab.cache.put('Pod', pod);
    expect(agent.ready()).toBe(false);
    await expect(agent.attach(pod)).rejects.toThrow('node-1 has no pod CIDR yet');
    lab.cache.put('Node', nodeObject(lab.node(1), '10.99.1.0/24'));
    await until('its range', () => agent.ready());
    expect((await agent.attach(pod)).ips).toEqual(['10.99.1.2']);
  });

  it('does not let a pod start whose rules the kernel refused, and tries again by itself', async () => {
    lab = openLab(1);
    const nft = watched();
    const agent = await lab.start(1, { nft: nft.open });
    const pod = podObject('p', 'node-1');
    lab.cache.put('Pod', pod);
    nft.refuse = true;
    await expect(agent.attach(pod)).rejects.toThrow('Device or resource busy');
    expect(agent.ready()).toBe(false);
    expect(lab.log.some((line) => line.startsWith('error network rules: nft: Device or resource busy'))).toBe(true);
    nft.refuse = false;
    await until('the next try', () => agent.ready());
    expect((await agent.attach(pod)).ips).toEqual(['10.99.1.2']);
  });

  it('a crowd of pods shares transactions, and every one of them is reachable', async () => {
    lab = openLab(1);
    const nft = watched();
    const agent = await lab.start(1, { nft: nft.open });
    const pods = Array.from({ length: 30 }, (_, i) => podObject(`p${i}`, 'node-1'));
    for (const pod of pods) lab.cache.put('Pod', pod);
    const before = nft.runs;
    const given = await Promise.all(pods.map((pod) => agent.attach(pod)));
    expect(new Set(given.map(({ ips }) => ips[0])).size).toBe(30);
    expect(nft.runs - before).toBeLessThan(10);
    const last = pods.at(-1);
    const server = await whoServer(last ? podName(lab.settings, 'node-1', last) : '', 80);
    try {
      const from = podName(lab.settings, 'node-1', pods[0] ?? podObject('none', 'node-1'));
      expect(ask(from, given.at(-1)?.ips[0] ?? '', 80)).toBe('::ffff:10.99.1.2');
    } finally {
      server.stop();
    }
  });

  it('removes the link of a pod whose namespace a process keeps alive', async () => {
    lab = openLab(1);
    const agent = await lab.start(1);
    const pod = podObject('p', 'node-1');
    lab.cache.put('Pod', pod);
    await agent.attach(pod);
    const name = podName(lab.settings, 'node-1', pod);
    const child = spawn('ip', ['netns', 'exec', name, 'busybox', 'sleep', '60'], { stdio: 'ignore' });
    const place = (pid: string | number | undefined) => readlinkSync(`/proc/${pid}/ns/net`);
    await until('the process to be in it', () => place(child.pid) !== place('self'));
    const node = nodeNetns(lab.settings.name, 'node-1');
    try {
      await agent.detach(pod.metadata.uid);
      // Whatever makes the agent look at its links again: here another node.
      lab.cache.put('Node', nodeObject({ name: 'node-2', index: 2, ip: '172.30.99.12' }, '10.99.2.0/24'));
      await until('the link`s end', () => !linksOf(node).includes(vethName(pod.metadata.uid)));
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('a stream between pods goes on while the agent is restarted', async () => {
    lab = openLab(2);
    const agents = [await lab.start(1), await lab.start(2)];
    const [a, b] = [podObject('a', 'node-1'), podObject('b', 'node-2')];
    for (const pod of [a, b]) lab.cache.put('Pod', pod);
    await agents[0]?.attach(a);
    const ip = (await agents[1]?.attach(b))?.ips[0] ?? '';
    const from = podName(lab.settings, 'node-1', a);
    const ping = spawn('ip', ['netns', 'exec', from, 'busybox', 'ping', '-c', '60', '-i', '0.02', '-W', '1', ip]);
    let said = '';
    ping.stdout.on('data', (chunk: Uint8Array) => (said += new TextDecoder().decode(chunk)));
    const ended = new Promise((resolve) => ping.once('exit', resolve));
    await until('the first answer', () => said.includes('seq=1 '));
    await agents[0]?.stop();
    await lab.start(1);
    await ended;
    expect(said).toContain('60 packets transmitted, 60 packets received');
  });
});

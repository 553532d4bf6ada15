// The contract of src/linux/nft on the kernel, in a network namespace of its own.
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nftContract } from '../../src/linux/nft/contract.ts';
import { isNftError } from '../../src/linux/nft/nft.ts';
import type { Nft } from '../../src/linux/nft/nft.ts';
import { openNft } from '../../src/linux/nft/nft.io.ts';
import { runInNetns } from '../../src/linux/net/netns.io.ts';

const netns = `podlan-nft-${process.pid}`;
let nft: Nft;

beforeAll(() => {
  execFileSync('ip', ['netns', 'add', netns]);
  nft = runInNetns(netns, openNft);
});
afterAll(() => {
  nft?.close();
  execFileSync('ip', ['netns', 'del', netns]);
});
beforeEach(() => nft.run('flush ruleset\n'));

describe('libnftables', () => {
  for (const { name, run } of nftContract) it(name, () => run(nft));

  it('programs the namespace in which it was opened, whatever namespace the thread is in now', () => {
    nft.run('add table inet contract\n');
    const here = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' });
    const there = execFileSync('ip', ['netns', 'exec', netns, 'nft', 'list', 'tables'], { encoding: 'utf8' });
    expect(here).not.toContain('inet contract');
    expect(there).toContain('table inet contract');
  });

  it('names the line that the kernel refused', () => {
    try {
      nft.run('add table inet contract\nadd chain inet contract c\ndelete chain inet contract d\n');
      expect.unreachable();
    } catch (error) {
      expect(isNftError(error) && error.line).toBe('delete chain inet contract d');
    }
  });
});

// What Services cost: `node scripts/bench/proxy.ts [services] [endpoints]`, as root. Loads them into a network namespace of
// its own, then changes one at a time, and says where the time goes: our code (compile, diff, print) and nft (with kernel).
import { randomUUID } from 'node:crypto';
import type { EndpointSlice, Service } from '../../src/api/types.ts';
import { createNetns, deleteNetns, runInNetns } from '../../src/linux/net/netns.io.ts';
import { diff } from '../../src/linux/nft/diff.ts';
import { openNft } from '../../src/linux/nft/nft.io.ts';
import type { Ruleset } from '../../src/linux/nft/nft.ts';
import { print } from '../../src/linux/nft/print.ts';
import { compileRuleset } from '../../src/network/ruleset.ts';
import { nothing } from '../../src/network/testinput.ts';

const count = Number(process.argv[2] ?? 10_000);
const size = Number(process.argv[3] ?? 3);
const rounds = 21;

const meta = (name: string, labels: Record<string, string> = {}) => ({
  name,
  namespace: 'bench',
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  labels,
});
const ip = (first: string, i: number): string => `${first}.${i >> 8}.${i & 255}`;
const service = (i: number): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(`s${i}`),
  spec: { clusterIP: ip('10.96', i), ports: [{ port: 80, protocol: 'TCP' }] },
});
const slice = (i: number, shift = 0): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: meta(`s${i}-0`, { 'kubernetes.io/service-name': `s${i}` }),
  addressType: 'IPv4',
  ports: [{ port: 8080, protocol: 'TCP' }],
  endpoints: Array.from({ length: size }, (_, k) => ({
    addresses: [ip('10.244', (i * size + k + (k === 0 ? shift : 0)) & 0xffff)],
    conditions: { ready: true },
  })),
});

const services = Array.from({ length: count }, (_, i) => service(i));
const slices = Array.from({ length: count }, (_, i) => slice(i));
const compile = (): Ruleset => compileRuleset({ ...nothing, dnsIp: '10.96.255.254', services, slices });

const name = `podlan-bench-${randomUUID().slice(0, 8)}`;
createNetns(name);
const nft = runInNetns(name, openNft);
try {
  let seen: Ruleset | undefined;
  const apply = (): Record<string, number> => {
    const start = performance.now();
    const wanted = compile();
    const compiled = performance.now();
    const commands = diff(wanted, seen);
    const compared = performance.now();
    const text = print(commands);
    const printed = performance.now();
    nft.run(text);
    const done = performance.now();
    seen = wanted;
    return {
      compile: compiled - start,
      diff: compared - compiled,
      print: printed - compared,
      nft: done - printed,
      all: done - start,
    };
  };
  const median = (label: string, runs: Record<string, number>[]): void => {
    const middle = (key: string) => runs.map((run) => run[key] ?? 0).sort((a, b) => a - b)[runs.length >> 1] ?? 0;
    const words = ['compile', 'diff', 'print', 'nft', 'all'].map((key) => `${key} ${middle(key).toFixed(2)}`);
    console.log(`${label.padEnd(28)} ${words.join('  ')} ms  (${runs.length} runs, median)`);
  };
  console.log(`${count} Services x ${size} endpoints`);
  median('whole load', [apply()]);
  median('nothing changed', Array.from({ length: rounds }, apply));
  const change = (i: number): Record<string, number> => {
    slices[i * 7] = slice(i * 7, 1000);
    return apply();
  };
  median(
    'one endpoint changed',
    Array.from({ length: rounds }, (_, i) => change(i)),
  );
  const add = (i: number): Record<string, number> => {
    services.push(service(count + i));
    slices.push(slice(count + i));
    return apply();
  };
  median(
    'one Service added',
    Array.from({ length: rounds }, (_, i) => add(i)),
  );
} finally {
  nft.close();
  deleteNetns(name);
}

import { describe, expect, it } from 'vitest';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { diff } from '../../linux/nft/diff.ts';
import { evaluate } from '../../linux/nft/evaluate.ts';
import type { Packet } from '../../linux/nft/evaluate.ts';
import { fakeNft } from '../../linux/nft/fake.ts';
import type { Table } from '../../linux/nft/nft.ts';
import { print } from '../../linux/nft/print.ts';
import { compileRuleset } from '../ruleset.ts';
import type { RulesetInput } from '../ruleset.ts';
import { nothing } from '../testinput.ts';
import { staleUdpFlows } from './flows.ts';

const meta = (name: string, labels: Record<string, string> = {}, creationTimestamp = '2026-01-01T00:00:00Z') => ({
  name,
  namespace: 'shop',
  uid: name,
  resourceVersion: '1',
  creationTimestamp,
  labels,
});
const service = (name: string, spec: Service['spec'], status?: Service['status']): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(name),
  spec,
  ...(status && { status }),
});
type Endpoint = EndpointSlice['endpoints'][number];
const slice = (of: string, ports: NonNullable<EndpointSlice['ports']>, endpoints: Endpoint[]): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: meta(`${of}-${endpoints.length}`, { 'kubernetes.io/service-name': of }),
  addressType: 'IPv4',
  ports,
  endpoints,
});
const ready = (ip: string, nodeName = 'node-1'): Endpoint => ({
  addresses: [ip],
  nodeName,
  conditions: { ready: true },
});

const input = (services: Service[], slices: EndpointSlice[]): RulesetInput => ({ ...nothing, services, slices });

function tableOf(from: RulesetInput): Table {
  const [table] = compileRuleset(from).tables;
  if (!table) throw new Error('no table');
  return table;
}

/** The elements and pick chains of a ruleset, in nft's words. */
function elements(services: Service[], slices: EndpointSlice[]): string[] {
  return print(diff(compileRuleset(input(services, slices)), { tables: [] }))
    .replaceAll('inet podlan ', '')
    .replaceAll(' {\n', ' { ')
    .replaceAll(',\n', ', ')
    .split('\n')
    .filter((line) => line.startsWith('add element') || /add rule (lb|local)\d/.test(line))
    .map((line) => line.replace('add element ', '').replace('add rule ', ''));
}

const http = [{ port: 8080, protocol: 'TCP' }];
const web = service('web', { clusterIP: '10.96.0.20', ports: [{ port: 80, protocol: 'TCP' }] });

describe('a Service', () => {
  it('is elements in global maps, and a chain per number of endpoints', () => {
    expect(elements([web], [slice('web', http, [ready('10.244.1.3'), ready('10.244.0.20')])])).toEqual([
      'services { 10.96.0.20 . tcp . 80 : goto lb2 }',
      'endpoints { 10.96.0.20 . tcp . 80 . 0 : 10.244.0.20 . 8080, 10.96.0.20 . tcp . 80 . 1 : 10.244.1.3 . 8080, }',
      'lb2 meta mark set numgen random mod 2 dnat ip to ip daddr . meta l4proto . th dport . meta mark map @endpoints',
    ]);
  });

  it('without endpoints is refused', () => {
    expect(elements([web], [])).toEqual(['services { 10.96.0.20 . tcp . 80 : goto no-endpoints }']);
  });

  it('takes its ports from the slices by name and protocol: several, and each endpoint its own', () => {
    const dns = service('dns', {
      clusterIP: '10.96.0.30',
      ports: [
        { name: 'udp', port: 53, protocol: 'UDP' },
        { name: 'tcp', port: 53, protocol: 'TCP' },
      ],
    });
    const slices = [
      slice('dns', [{ name: 'udp', port: 5300, protocol: 'UDP' }], [ready('10.244.0.1')]),
      slice('dns', [{ name: 'tcp', port: 5301, protocol: 'TCP' }], [ready('10.244.0.1')]),
      slice('dns', [{ name: 'tcp', port: 5302, protocol: 'TCP' }], [ready('10.244.0.2'), ready('10.244.0.2')]),
    ];
    expect(elements([dns], slices).slice(0, 2)).toEqual([
      'services { 10.96.0.30 . udp . 53 : goto lb1, 10.96.0.30 . tcp . 53 : goto lb2, }',
      'endpoints { 10.96.0.30 . udp . 53 . 0 : 10.244.0.1 . 5300, 10.96.0.30 . tcp . 53 . 0 : 10.244.0.1 . 5301, 10.96.0.30 . tcp . 53 . 1 : 10.244.0.2 . 5302, }',
    ]);
  });

  it('prefers ready endpoints, then those that serve while they terminate', () => {
    const going: Endpoint = {
      addresses: ['10.244.0.8'],
      conditions: { ready: false, serving: true, terminating: true },
    };
    const dead: Endpoint = {
      addresses: ['10.244.0.9'],
      conditions: { ready: false, serving: false, terminating: true },
    };
    const unknown: Endpoint = { addresses: ['10.244.0.7'], conditions: {} };
    expect(elements([web], [slice('web', http, [going, dead, unknown])])[1]).toContain('0 : 10.244.0.7 . 8080 }');
    expect(elements([web], [slice('web', http, [going, dead])])[1]).toContain('0 : 10.244.0.8 . 8080 }');
    expect(elements([web], [slice('web', http, [dead])])).toEqual([
      'services { 10.96.0.20 . tcp . 80 : goto no-endpoints }',
    ]);
  });

  it('of another proxy, headless, or an alias is left alone', () => {
    const other = service('other', { clusterIP: '10.96.0.10', ports: [{ port: 53, protocol: 'UDP' }] });
    other.metadata.labels = { 'service.kubernetes.io/service-proxy-name': 'podlan-dns' };
    const headless = service('headless', { clusterIP: 'None', ports: [{ port: 80 }] });
    const alias = service('alias', { type: 'ExternalName', externalName: 'example.com' });
    expect(elements([other, headless, alias], [slice('headless', http, [ready('10.244.0.1')])])).toEqual([]);
  });

  it('has its node port on the node, and local endpoints alone for outside traffic when it says so', () => {
    const spec = {
      type: 'NodePort',
      clusterIP: '10.96.0.20',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }],
    };
    const slices = [slice('web', http, [ready('10.244.0.1'), ready('10.244.1.1', 'node-2')])];
    expect(elements([service('web', spec)], slices)).toEqual([
      'services { 10.96.0.20 . tcp . 80 : goto lb2, 172.30.0.11 . tcp . 30080 : goto lb2, }',
      'endpoints { 10.96.0.20 . tcp . 80 . 0 : 10.244.0.1 . 8080, 10.96.0.20 . tcp . 80 . 1 : 10.244.1.1 . 8080, 172.30.0.11 . tcp . 30080 . 0 : 10.244.0.1 . 8080, 172.30.0.11 . tcp . 30080 . 1 : 10.244.1.1 . 8080, }',
      'local-services { 172.30.0.11 . tcp . 30080 : goto local1 }',
      'local-endpoints { 172.30.0.11 . tcp . 30080 . 0 : 10.244.0.1 . 8080 }',
      'lb2 meta mark set numgen random mod 2 dnat ip to ip daddr . meta l4proto . th dport . meta mark map @endpoints',
      'local1 ct mark set 1 meta mark set numgen random mod 1 dnat ip to ip daddr . meta l4proto . th dport . meta mark map @local-endpoints',
    ]);
  });

  it('with internalTrafficPolicy Local takes endpoints of the node, and drops where there are only others', () => {
    const local = service('web', {
      clusterIP: '10.96.0.20',
      internalTrafficPolicy: 'Local',
      ports: [{ port: 80, protocol: 'TCP' }],
    });
    const [here, there] = [ready('10.244.0.1'), ready('10.244.1.1', 'node-2')];
    expect(elements([local], [slice('web', http, [here, there])])[1]).toBe(
      'endpoints { 10.96.0.20 . tcp . 80 . 0 : 10.244.0.1 . 8080 }',
    );
    expect(elements([local], [slice('web', http, [there])])).toEqual(['services { 10.96.0.20 . tcp . 80 : drop }']);
    expect(elements([local], [])).toEqual(['services { 10.96.0.20 . tcp . 80 : goto no-endpoints }']);
  });

  it('gets the external address that an older Service has not, whatever the order', () => {
    const older = service('b-older', { clusterIP: '10.96.0.21', externalIPs: ['192.0.2.1'], ports: [{ port: 80 }] });
    const newer = service('a-newer', { clusterIP: '10.96.0.22', externalIPs: ['192.0.2.1'], ports: [{ port: 80 }] });
    newer.metadata.creationTimestamp = '2026-02-01T00:00:00Z';
    const slices = [slice('b-older', http, [ready('10.244.0.1')])];
    const wanted = [
      '10.96.0.21 . tcp . 80 : goto lb1',
      '192.0.2.1 . tcp . 80 : goto lb1',
      '10.96.0.22 . tcp . 80 : goto no-endpoints',
    ];
    for (const services of [
      [older, newer],
      [newer, older],
    ]) {
      expect(elements(services, slices)[0]).toBe(`services { ${wanted.join(', ')}, }`);
    }
  });
});

describe('a change', () => {
  const others = Array.from({ length: 50 }, (_, i) =>
    service(`s${i}`, { clusterIP: `10.96.1.${i}`, ports: [{ port: 80, protocol: 'TCP' }] }),
  );
  const slices = others.map(({ metadata }) => slice(metadata.name, http, [ready('10.244.0.1'), ready('10.244.0.2')]));

  it('of one endpoint is one element out and one in', () => {
    const before = compileRuleset(input(others, slices));
    const changed = [...slices];
    changed[7] = slice('s7', http, [ready('10.244.0.1'), ready('10.244.0.3')]);
    expect(print(diff(compileRuleset(input(others, changed)), before))).toBe(
      'delete element inet podlan endpoints { 10.96.1.7 . tcp . 80 . 1 }\n' +
        'add element inet podlan endpoints { 10.96.1.7 . tcp . 80 . 1 : 10.244.0.3 . 8080 }\n',
    );
  });

  it('to a number of endpoints that no other Service has brings and takes its chain', () => {
    const nft = fakeNft();
    const before = compileRuleset(input(others, slices));
    nft.run(print(diff(before, undefined)));
    const changed = [...slices];
    changed[7] = slice('s7', http, [ready('10.244.0.1'), ready('10.244.0.2'), ready('10.244.0.3')]);
    const grown = compileRuleset(input(others, changed));
    nft.run(print(diff(grown, before)));
    expect(nft.list('podlan')[0]?.chains).toMatchObject({ lb2: 1, lb3: 1 });
    nft.run(print(diff(before, grown)));
    expect(Object.keys(nft.list('podlan')[0]?.chains ?? {})).not.toContain('lb3');
    expect(nft.runs.at(-1)).not.toContain('10.96.1.8');
  });

  it('of nothing is no command, even when every object was read anew', () => {
    const before = compileRuleset(input(others, slices));
    expect(diff(compileRuleset(structuredClone(input(others, slices))), before)).toEqual([]);
  });
});

describe('packets', () => {
  const table = tableOf(input([web], [slice('web', http, [ready('10.244.0.1'), ready('10.244.0.2')])]));
  const packet: Packet = {
    saddr: '10.244.0.9',
    daddr: '10.96.0.20',
    protocol: 'tcp',
    dport: 80,
    iifname: 'veth1',
    oifname: '',
    ctState: 'new',
    tcpFlags: ['syn'],
  };

  it('go to the endpoint that chance picks', () => {
    for (const [i, ip] of ['10.244.0.1', '10.244.0.2'].entries()) {
      const outcome = evaluate(table, 'dstnat-prerouting', packet, () => i);
      expect(outcome).toMatchObject({ verdict: 'accept', dnat: { ip, port: 8080 } });
    }
  });

  it('to an unknown port of the Service network are refused, but not those to the DNS address', () => {
    expect(evaluate(table, 'dstnat-prerouting', { ...packet, dport: 81 }, () => 0).verdict).toBe('reject');
    expect(evaluate(table, 'dstnat-output', { ...packet, daddr: '10.96.0.10' }, () => 0).verdict).toBe('accept');
    expect(
      evaluate(table, 'raw-prerouting', { ...packet, daddr: '10.96.0.10', protocol: 'udp', dport: 53 }, () => 0),
    ).toMatchObject({ notrack: true });
  });

  it('get the node as source where answers would go astray', () => {
    const source = (saddr: string, originalDaddr: string, ctMark = 0) =>
      evaluate(table, 'srcnat-postrouting', { ...packet, saddr, daddr: '10.244.1.1', originalDaddr, ctMark }, () => 0)
        .snat;
    expect(source('10.244.0.9', '10.96.0.20')).toBeUndefined();
    expect(source('172.30.0.1', '10.96.0.20')).toBe('172.30.0.11');
    expect(source('10.244.0.9', '172.30.0.11')).toBe('172.30.0.11');
    expect(source('172.30.0.1', '172.30.0.11', 1)).toBeUndefined();
  });
});

describe('UDP flows', () => {
  const dns = service('dns', { clusterIP: '10.96.0.30', ports: [{ port: 53, protocol: 'UDP' }] });
  const table = tableOf(input([dns], [slice('dns', [{ port: 53, protocol: 'UDP' }], [ready('10.244.0.1')])]));
  const flow = (dst: string, real: string, protocol = 'udp') => ({
    protocol,
    original: { src: '10.244.0.9', dst, sport: 5000, dport: 53 },
    reply: { src: real, dst: '10.244.0.9', sport: 53, dport: 5000 },
  });

  it('to an endpoint that left, or to none, are stale; others are not', () => {
    const gone = flow('10.96.0.30', '10.244.0.2');
    const early = flow('10.96.0.30', '10.96.0.30');
    const good = flow('10.96.0.30', '10.244.0.1');
    const other = flow('192.0.2.1', '192.0.2.1');
    expect(staleUdpFlows(table, [gone, early, good, other, flow('10.96.0.30', '10.244.0.2', 'tcp')])).toEqual([
      gone,
      early,
    ]);
  });
});

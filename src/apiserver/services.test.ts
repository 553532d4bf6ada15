import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, type TestServer, testServer } from './testserver.ts';

const services = '/api/v1/namespaces/default/services';
const merge = { 'content-type': 'application/merge-patch+json' };

describe('ClusterIPs and node ports', () => {
  let s: TestServer;
  const make = (name: string, spec: Record<string, unknown> = {}): Promise<Answer> =>
    s.call('POST', services, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
  const ip = (a: Answer): string => a.body.spec?.['clusterIP'] as string;
  const ports = (a: Answer): (number | undefined)[] =>
    ((a.body.spec?.['ports'] ?? []) as { nodePort?: number }[]).map((p) => p.nodePort);
  beforeEach(async () => {
    s = await testServer();
  });

  it('gives every Service an address of its own, even when many are made at once', async () => {
    const made = await Promise.all(Array.from({ length: 200 }, (_, i) => make(`s${i}`)));
    expect(new Set(made.map(ip)).size).toBe(200);
    for (const a of made) expect(ip(a)).toMatch(/^10\.96\./);
    expect(made.map(ip)).not.toContain('10.96.0.1');
    for (const a of made) expect(a.body.spec).toMatchObject({ clusterIPs: [ip(a)], ipFamilies: ['IPv4'] });
  });

  it('gives what is asked for, unless it is outside the range or taken', async () => {
    expect(ip(await make('dns', { clusterIP: '10.96.0.10' }))).toBe('10.96.0.10');
    const taken = await make('other', { clusterIP: '10.96.0.10' });
    expect(taken.body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(taken.body.message).toContain('provided IP is already allocated');
    const outside = await make('other', { clusterIP: '10.97.0.10' });
    expect(outside.body.message).toContain(
      'the provided IP (10.97.0.10) is not in the valid range. The range of valid IPs is 10.96.0.0/16',
    );
    await s.call('DELETE', `${services}/dns`);
    expect((await make('other', { clusterIP: '10.96.0.10' })).code).toBe(201);
  });

  it('leaves headless and external Services without an address', async () => {
    const headless = await make('h', { clusterIP: 'None' });
    expect(headless.body.spec).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'] });
    const external = await make('e', { type: 'ExternalName', externalName: 'example.com', ports: undefined });
    expect(external.body.spec).not.toHaveProperty('clusterIP');
    const six = await make('six', { ipFamilies: ['IPv6'] });
    expect(six.code).toBe(422);
  });

  it('gives node ports until there are none, one for TCP and UDP of the same port', async () => {
    const first = await make('a', {
      type: 'NodePort',
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 81 },
      ],
    });
    expect(new Set(ports(first)).size).toBe(2);
    const both = [
      { name: 't', port: 53, protocol: 'TCP' },
      { name: 'u', port: 53, protocol: 'UDP' },
    ];
    const twins = await make('b', { type: 'NodePort', ports: both });
    expect(new Set(ports(twins)).size).toBe(1);
    const last = await make('c', { type: 'NodePort' });
    expect(last.code).toBe(201);
    const full = await make('d', { type: 'NodePort' });
    expect(full.code).toBe(422);
    // What was taken for it on the way is free again: its address too.
    await s.call('DELETE', `${services}/c`);
    expect((await make('d', { type: 'NodePort' })).code).toBe(201);
    const taken = await make('e', { type: 'NodePort', ports: [{ port: 80, nodePort: ports(first)[0] }] });
    expect(taken.body.message).toContain('provided port is already allocated');
    const outside = await make('e', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] });
    expect(outside.body.message).toContain(
      'provided port is not in the valid range. The range of valid ports is 30000-30003',
    );
  });

  it('keeps them over a replacement, and gives them back with the type', async () => {
    const made = await make('a', { type: 'NodePort' });
    const spec = { type: 'NodePort', ports: [{ port: 80, targetPort: 8080 }] };
    const replaced = await s.call('PUT', `${services}/a`, { metadata: { name: 'a' }, spec });
    expect([replaced.code, ip(replaced), ports(replaced)]).toEqual([200, ip(made), ports(made)]);
    const plain = await s.call('PATCH', `${services}/a`, { spec: { type: 'ClusterIP' } }, merge);
    expect(ports(plain)).toEqual([undefined]);
    for (const name of ['w', 'x', 'y', 'z']) expect((await make(name, { type: 'NodePort' })).code).toBe(201);
  });

  it('knows what is taken after a restart', async () => {
    const made = await make('a', { type: 'NodePort' });
    const later = await testServer({ store: s.store });
    const spec = { type: 'NodePort', clusterIP: ip(made), ports: [{ port: 80 }] };
    const refused = await later.call('POST', services, { metadata: { name: 'b' }, spec });
    expect(refused.body.message).toContain('provided IP is already allocated');
  });

  it('gives back what a write took that came too late', async () => {
    await make('a', { clusterIP: '10.96.0.50' });
    expect((await make('a', { clusterIP: '10.96.0.51' })).code).toBe(409);
    expect((await make('b', { clusterIP: '10.96.0.51' })).code).toBe(201);
    expect(
      (
        await s.call('POST', `${services}?dryRun=All`, {
          metadata: { name: 'c' },
          spec: { clusterIP: '10.96.0.52', ports: [{ port: 1 }] },
        })
      ).code,
    ).toBe(201);
    expect((await make('d', { clusterIP: '10.96.0.52' })).code).toBe(201);
  });
});

// Kubernetes DNS specification 1.1.0 as a table: question -> answer, in zone-file words.
import { describe, expect, it } from 'vitest';
import { decide } from './answer.ts';
import { RCODE, recordText, TYPE } from './record.ts';
import { external, testZone, world } from './testdata/world.ts';
import type { Zone } from './zone.ts';

const codes: Partial<Record<string, number>> = { ...TYPE, MX: 15, DNSKEY: 48, TYPE65280: 65_280 };

/** '<name> <type>' -> lines: the outcome if it is not a plain answer, then answers, then '+' additionals. */
function ask(zone: Zone, line: string, o: { turn?: number; class?: number; recursion?: boolean } = {}): string[] {
  const [name = '', type = ''] = line.split(' ');
  const question = { name: name === '.' ? '' : name, type: codes[type] ?? 0, class: o.class ?? 1 };
  const d = decide(zone, question, o.recursion ?? true, o.turn ?? 0);
  if (d.kind === 'forward') return ['FORWARD'];
  if (d.kind === 'chase') return [...d.aliases.map(recordText), `CHASE ${d.target}`];
  const { answer } = d;
  const rcode = Object.entries(RCODE).find(([, value]) => value === answer.rcode)?.[0];
  const empty = answer.answers.length === 0 && rcode === 'NOERROR';
  const outcome = empty ? ['NODATA'] : rcode === 'NOERROR' ? [] : [String(rcode)];
  // Every negative answer about a name of ours says how long to remember it: not at all.
  if (empty || rcode === 'NXDOMAIN') {
    expect(answer.authority.map(recordText)).toEqual([expect.stringMatching(/ 0 SOA ns\.dns\.cluster\.local .* 0$/)]);
  }
  return [...outcome, ...answer.answers.map(recordText), ...answer.additional.map((r) => `+ ${recordText(r)}`)];
}

const app = 'my-app.svc.cluster.local';
const table: readonly [string, readonly string[]][] = [
  // 2.2 schema version
  ['dns-version.cluster.local TXT', ['dns-version.cluster.local 5 TXT "1.1.0"']],
  ['dns-version.cluster.local A', ['NODATA']],
  // 2.3 a Service with a cluster IP
  [`web.${app} A`, [`web.${app} 5 A 10.96.0.7`]],
  [`web.${app} AAAA`, ['NODATA']],
  [`dual.${app} A`, [`dual.${app} 5 A 10.96.0.20`]],
  [`dual.${app} AAAA`, [`dual.${app} 5 AAAA fd00::14`]],
  [`_http._tcp.web.${app} SRV`, [`_http._tcp.web.${app} 5 SRV 0 100 80 web.${app}`, `+ web.${app} 5 A 10.96.0.7`]],
  [`_http._udp.web.${app} SRV`, ['NXDOMAIN']],
  [`_dns._udp.web.${app} SRV`, ['NXDOMAIN']],
  [`_tcp.web.${app} SRV`, ['NODATA']],
  [`_udp.web.${app} SRV`, ['NXDOMAIN']],
  ['7.0.96.10.in-addr.arpa PTR', [`7.0.96.10.in-addr.arpa 5 PTR web.${app}`]],
  [
    '4.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR',
    [`4.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa 5 PTR dual.${app}`],
  ],
  ['7.0.96.10.in-addr.arpa A', ['NODATA']],
  [`first.web.${app} A`, [`first.web.${app} 5 A 10.244.1.9`]],
  [`10-244-1-8.web.${app} A`, ['NXDOMAIN']],
  // 2.4 headless
  [`db.${app} A`, [`db.${app} 5 A 10.244.1.2`, `db.${app} 5 A 10.244.2.3`, `db.${app} 5 A 10.244.2.4`]],
  [`db.${app} AAAA`, ['NODATA']],
  [`db-0.db.${app} A`, [`db-0.db.${app} 5 A 10.244.1.2`]],
  [`db-1.db.${app} A`, [`db-1.db.${app} 5 A 10.244.2.3`]],
  [`10-244-2-4.db.${app} A`, [`10-244-2-4.db.${app} 5 A 10.244.2.4`]],
  [`db-3.db.${app} A`, ['NXDOMAIN']],
  [
    `_pg._tcp.db.${app} SRV`,
    [
      `_pg._tcp.db.${app} 5 SRV 0 100 5432 10-244-2-4.db.${app}`,
      `_pg._tcp.db.${app} 5 SRV 0 100 5432 db-0.db.${app}`,
      `_pg._tcp.db.${app} 5 SRV 0 100 5432 db-1.db.${app}`,
      `+ 10-244-2-4.db.${app} 5 A 10.244.2.4`,
      `+ db-0.db.${app} 5 A 10.244.1.2`,
      `+ db-1.db.${app} 5 A 10.244.2.3`,
    ],
  ],
  ['2.1.244.10.in-addr.arpa PTR', [`2.1.244.10.in-addr.arpa 5 PTR db-0.db.${app}`]],
  ['4.2.244.10.in-addr.arpa PTR', [`4.2.244.10.in-addr.arpa 5 PTR 10-244-2-4.db.${app}`]],
  ['5.2.244.10.in-addr.arpa PTR', ['NXDOMAIN']],
  ['9.1.244.10.in-addr.arpa PTR', ['NXDOMAIN']],
  [`none.${app} A`, ['NXDOMAIN']],
  [`early.${app} A`, [`early.${app} 5 A 10.244.3.1`]],
  [`e-0.early.${app} A`, [`e-0.early.${app} 5 A 10.244.3.1`]],
  // 2.5 ExternalName
  [`out.${app} CNAME`, [`out.${app} 5 CNAME api.example.com`]],
  [`out.${app} A`, [`out.${app} 5 CNAME api.example.com`, 'CHASE api.example.com']],
  [`out.${app} AAAA`, [`out.${app} 5 CNAME api.example.com`, 'CHASE api.example.com']],
  [`in.${app} A`, [`in.${app} 5 CNAME web.${app}`, `web.${app} 5 A 10.96.0.7`]],
  [`in.${app} AAAA`, [`in.${app} 5 CNAME web.${app}`]],
  [`in2.${app} A`, [`in2.${app} 5 CNAME in.${app}`, `in.${app} 5 CNAME web.${app}`, `web.${app} 5 A 10.96.0.7`]],
  [`missing.${app} A`, ['NXDOMAIN', `missing.${app} 5 CNAME nobody.${app}`]],
  [`ping.${app} A`, ['SERVFAIL']],
  [`self.${app} A`, ['SERVFAIL']],
  [`ping.${app} CNAME`, [`ping.${app} 5 CNAME pong.${app}`]],
  // names in between, and what does not exist
  [`${app} A`, ['NODATA']],
  ['empty.svc.cluster.local A', ['NODATA']],
  ['nowhere.svc.cluster.local A', ['NXDOMAIN']],
  ['svc.cluster.local A', ['NODATA']],
  ['cluster.local A', ['NODATA']],
  [`nobody.${app} A`, ['NXDOMAIN']],
  [`unallocated.${app} A`, ['NXDOMAIN']],
  ['cluster.local NS', ['cluster.local 5 NS ns.dns.cluster.local']],
  ['ns.dns.cluster.local A', ['ns.dns.cluster.local 5 A 10.96.0.10']],
  // the search path ends here and never goes outside
  [`api.example.com.${app} A`, ['NXDOMAIN']],
  ['api.example.com.svc.cluster.local A', ['NXDOMAIN']],
  ['api.example.com.cluster.local AAAA', ['NXDOMAIN']],
  ['web.my-app.svc.cluster.local.cluster.local A', ['NXDOMAIN']],
  // pods
  ['10-244-1-7.my-app.pod.cluster.local A', ['10-244-1-7.my-app.pod.cluster.local 5 A 10.244.1.7']],
  ['10-244-1-7.my-app.pod.cluster.local AAAA', ['NODATA']],
  ['172-30-0-11.my-app.pod.cluster.local A', ['172-30-0-11.my-app.pod.cluster.local 5 A 172.30.0.11']],
  ['10-244-1-7.nowhere.pod.cluster.local A', ['NXDOMAIN']],
  ['8-8-8-8.my-app.pod.cluster.local A', ['NXDOMAIN']],
  ['10-244-1-700.my-app.pod.cluster.local A', ['NXDOMAIN']],
  ['x.10-244-1-7.my-app.pod.cluster.local A', ['NXDOMAIN']],
  ['my-app.pod.cluster.local A', ['NODATA']],
  // types
  [`web.${app} MX`, ['NODATA']],
  [`web.${app} TYPE65280`, ['NODATA']],
  [`nobody.${app} TYPE65280`, ['NXDOMAIN']],
  [`web.${app} ANY`, [`web.${app} 5 A 10.96.0.7`]],
  [`out.${app} ANY`, [`out.${app} 5 CNAME api.example.com`]],
  ['cluster.local AXFR', ['REFUSED']],
  ['example.com IXFR', ['REFUSED']],
  [`web.${app} OPT`, ['FORMERR']],
  // letters
  ['WeB.My-App.SVC.Cluster.LOCAL A', ['WeB.My-App.SVC.Cluster.LOCAL 5 A 10.96.0.7']],
  [
    '_HTTP._TCP.web.my-app.svc.cluster.LOCAL SRV',
    [`_HTTP._TCP.web.my-app.svc.cluster.LOCAL 5 SRV 0 100 80 web.${app}`, `+ web.${app} 5 A 10.96.0.7`],
  ],
  // not ours
  ['example.com A', ['FORWARD']],
  ['local A', ['FORWARD']],
  ['notcluster.local A', ['FORWARD']],
  ['. NS', ['FORWARD']],
  ['4.4.8.8.in-addr.arpa PTR', ['FORWARD']],
  ['10.in-addr.arpa PTR', ['FORWARD']],
  ['96.10.in-addr.arpa PTR', ['NODATA']],
  ['0.30.172.in-addr.arpa PTR', ['NODATA']],
  ['11.0.30.172.in-addr.arpa PTR', ['NXDOMAIN']],
  ['x.96.10.in-addr.arpa PTR', ['FORWARD']],
];

describe('the specification', () => {
  const zone = testZone(world);
  it.each(table)('%s', (question, wanted) => {
    expect(ask(zone, question)).toEqual(wanted);
  });

  it('has its SOA at the apex', () => {
    expect(ask(zone, 'cluster.local SOA')).toEqual([
      expect.stringMatching(/^cluster\.local 5 SOA ns\.dns\.cluster\.local /),
    ]);
  });

  it('gives the same whatever order the objects came in', () => {
    const reversed = testZone(world.toReversed());
    for (const [question, wanted] of table) expect(ask(reversed, question)).toEqual(wanted);
  });

  it('turns the order of several addresses from question to question', () => {
    const first = [0, 1, 2, 3].map((turn) => ask(zone, `db.${app} A`, { turn })[0]?.split(' ').at(-1));
    expect(first).toEqual(['10.244.1.2', '10.244.2.3', '10.244.2.4', '10.244.1.2']);
  });

  it('refuses other classes, and questions without recursion about what is not ours', () => {
    expect(ask(zone, `web.${app} A`, { class: 3 })).toEqual(['REFUSED']);
    expect(ask(zone, 'example.com A', { recursion: false })).toEqual(['REFUSED']);
    expect(ask(zone, `web.${app} A`, { recursion: false })).toEqual([`web.${app} 5 A 10.96.0.7`]);
  });

  it('follows no endless chain of aliases', () => {
    const chain = Array.from({ length: 30 }, (_, i) => external(`c${i}`, `c${i + 1}.${app}`));
    expect(ask(testZone(chain), `c0.${app} A`)).toEqual(['SERVFAIL']);
  });
});

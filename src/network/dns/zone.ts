// The cluster's names, kept up to date object by object. A name is looked up in one Map by its lower-cased text.
//
//   Service, its slices -> serviceRecords -> publication -- only what differs --> names: name -> entries of its publishers
//                                                                                 below: name -> how many names lie under it
//
// A PTR name may have several publishers (a pod behind two headless Services), any other name has one.
// `below` tells NODATA from NXDOMAIN for names in between: svc.cluster.local exists, as something lies under it (RFC 8020).
import type { EndpointSlice, KubeObject, Service } from '../../api/types.ts';
import type { ObjectChange } from '../../client/types.ts';
import { type Cidr, hasPrefix, parseCidr, tryIp } from '../../lib/ip.ts';
import { reverseOctets } from './reverse.ts';
import { isWithin } from './name.ts';
import type { RecordData, SoaData } from './record.ts';
import { type Publication, serviceRecords } from './records.ts';

export interface ZoneSettings {
  /** cluster.local */
  readonly domain: string;
  /** Where ns.dns.<domain> points. */
  readonly dnsIp: string;
  /** Addresses that pods may have: <dashed-ip>.<namespace>.pod.<domain> answers for these alone. */
  readonly podNetworks: readonly string[];
  /** Reverse names in here are ours: an unknown one is NXDOMAIN, not a question to the outside about private addresses. */
  readonly privateNetworks: readonly string[];
}

export interface Found {
  /** false: NXDOMAIN. */
  readonly exists: boolean;
  readonly records: readonly RecordData[];
}

export interface Zone {
  readonly domain: string;
  /** Counts up with every change that an answer can show. */
  readonly serial: number;
  apply(change: Pick<ObjectChange, 'kind' | 'type' | 'object'>): void;
  /** The apex of ours that this name belongs to; undefined: not our name. Lower case. */
  apexOf(name: string): string | undefined;
  /** Lower case. */
  find(name: string): Found;
  soa(): SoaData;
}

/** Kinds that the zone is made of. */
export const zoneKinds = ['Service', 'EndpointSlice', 'Namespace'] as const;

export const DNS_SCHEMA_VERSION = '1.1.0';
const SERVICE_OF_SLICE = 'kubernetes.io/service-name';
const NOTHING: readonly RecordData[] = [];
/** Clients must not remember that a name was missing: the pod that they wait for may be ready in the next moment. */
const NEGATIVE_TTL_SECONDS = 0;

interface Entry {
  readonly owner: string;
  readonly records: readonly RecordData[];
}

interface PublishedService {
  service?: Service;
  readonly slices: Map<string, EndpointSlice>;
  published: Publication;
}

export function createZone(settings: ZoneSettings): Zone {
  return new IndexedZone(settings);
}

class IndexedZone implements Zone {
  readonly domain: string;
  serial = 1;
  private readonly names = new Map<string, readonly Entry[]>();
  private readonly below = new Map<string, number>();
  private readonly services = new Map<string, PublishedService>();
  /** namespace/slice -> the service it counted for: its label may change. */
  private readonly serviceOfSlice = new Map<string, string>();
  private readonly podSuffix: string;
  private readonly podNetworks: readonly Cidr[];
  private readonly privateNetworks: readonly Cidr[];

  constructor(settings: ZoneSettings) {
    this.domain = settings.domain.toLowerCase();
    this.podSuffix = `.pod.${this.domain}`;
    this.podNetworks = settings.podNetworks.map(parseCidr);
    this.privateNetworks = settings.privateNetworks.map(parseCidr);
    const nameServer = `ns.dns.${this.domain}`;
    this.publish(
      'zone',
      new Map(),
      new Map<string, readonly RecordData[]>([
        [this.domain, [{ type: 'NS', target: nameServer }]],
        [nameServer, [{ type: 'A', address: settings.dnsIp }]],
        [`dns-version.${this.domain}`, [{ type: 'TXT', text: DNS_SCHEMA_VERSION }]],
        [`svc.${this.domain}`, NOTHING],
        [`pod.${this.domain}`, NOTHING],
      ]),
    );
  }

  apply({ kind, type, object }: Pick<ObjectChange, 'kind' | 'type' | 'object'>): void {
    const deleted = type === 'deleted';
    const { name, namespace = '' } = object.metadata;
    if (kind === 'Namespace') return this.applyNamespace(name, deleted);
    if (kind === 'Service') {
      const key = `${namespace}/${name}`;
      this.service(key).service = deleted ? undefined : (object as Service);
      return this.republish(key);
    }
    if (kind === 'EndpointSlice') this.applySlice(object, deleted);
  }

  private applyNamespace(name: string, deleted: boolean): void {
    const owner = `namespace ${name}`;
    const names = new Map([`${name}.svc.${this.domain}`, `${name}.pod.${this.domain}`].map((n) => [n, NOTHING]));
    const known = this.names.get(`${name}.pod.${this.domain}`)?.some((e) => e.owner === owner) ?? false;
    if (known === !deleted) return;
    this.publish(owner, known ? names : new Map(), deleted ? new Map() : names);
  }

  private applySlice(object: KubeObject, deleted: boolean): void {
    const { name, namespace = '', labels } = object.metadata;
    const slice = `${namespace}/${name}`;
    const serviceName = labels?.[SERVICE_OF_SLICE];
    const before = this.serviceOfSlice.get(slice);
    const now = deleted || !serviceName ? undefined : `${namespace}/${serviceName}`;
    if (before !== undefined && before !== now) {
      this.service(before).slices.delete(name);
      this.serviceOfSlice.delete(slice);
      this.republish(before);
    }
    if (now === undefined) return;
    this.serviceOfSlice.set(slice, now);
    this.service(now).slices.set(name, object as EndpointSlice);
    this.republish(now);
  }

  private service(key: string): PublishedService {
    let found = this.services.get(key);
    if (!found) this.services.set(key, (found = { slices: new Map(), published: new Map() }));
    return found;
  }

  private republish(key: string): void {
    const s = this.service(key);
    const wanted: Publication = s.service
      ? serviceRecords(s.service, s.slices.values(), this.domain)
      : new Map<string, readonly RecordData[]>();
    this.publish(key, s.published, wanted);
    s.published = wanted;
    if (!s.service && s.slices.size === 0) this.services.delete(key);
  }

  private publish(owner: string, before: Publication, wanted: Publication): void {
    let changed = false;
    for (const name of before.keys()) {
      if (wanted.has(name)) continue;
      changed = true;
      this.replace(name, owner, undefined);
    }
    for (const [name, records] of wanted) {
      const old = before.get(name);
      if (old && sameRecords(old, records)) continue;
      changed = true;
      this.replace(name, owner, records);
    }
    if (changed) this.serial = (this.serial + 1) >>> 0;
  }

  private replace(name: string, owner: string, records: readonly RecordData[] | undefined): void {
    const before = this.names.get(name) ?? [];
    const others = before.filter((e) => e.owner !== owner);
    const now = records ? [...others, { owner, records }] : others;
    if (now.length > 0) this.names.set(name, now);
    else this.names.delete(name);
    if (before.length > 0 !== now.length > 0) this.countBelow(name, now.length > 0 ? 1 : -1);
  }

  private countBelow(name: string, step: 1 | -1): void {
    for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      const parent = name.slice(dot + 1);
      const count = (this.below.get(parent) ?? 0) + step;
      if (count > 0) this.below.set(parent, count);
      else this.below.delete(parent);
    }
  }

  apexOf(name: string): string | undefined {
    if (isWithin(name, this.domain)) return this.domain;
    const octets = reverseOctets(name);
    if (octets) {
      const network = this.privateNetworks.find((n) => n.base.length === 4 && hasPrefix(n, octets));
      // The enclosing zone on a whole octet: 10.96.0.0/12 -> 96.10.in-addr.arpa, of which a /12 has sixteen.
      if (network) {
        const whole = octets.subarray(0, Math.ceil(network.prefix / 8));
        return `${[...whole].toReversed().join('.')}.in-addr.arpa`;
      }
    }
    // An address that somebody put into a Service by hand (a selectorless one): ours as far as we know it.
    return name.endsWith('.arpa') && this.names.has(name) ? name : undefined;
  }

  find(name: string): Found {
    const entries = this.names.get(name);
    if (entries) {
      const [first] = entries;
      return { exists: true, records: entries.length === 1 ? first!.records : entries.flatMap((e) => e.records) };
    }
    if (this.below.has(name)) return { exists: true, records: NOTHING };
    const pod = name.endsWith(this.podSuffix) ? this.podAddress(name.slice(0, -this.podSuffix.length)) : undefined;
    return pod ? { exists: true, records: [pod] } : { exists: false, records: NOTHING };
  }

  /** '10-244-1-7.my-app' -> its address: no pod is looked up, but the namespace and the network must be the cluster's. */
  private podAddress(labels: string): RecordData | undefined {
    const [dashed = '', namespace = '', ...more] = labels.split('.');
    if (more.length > 0 || !this.names.has(`${namespace}${this.podSuffix}`)) return undefined;
    const address = /^\d+-\d+-\d+-\d+$/.test(dashed) ? dashed.replaceAll('-', '.') : dashed.replaceAll('-', ':');
    const bytes = tryIp(address);
    if (!bytes || !this.podNetworks.some((n) => n.base.length === bytes.length && hasPrefix(n, bytes)))
      return undefined;
    return { type: bytes.length === 4 ? 'A' : 'AAAA', address };
  }

  soa(): SoaData {
    return {
      type: 'SOA',
      primary: `ns.dns.${this.domain}`,
      mailbox: `hostmaster.${this.domain}`,
      serial: this.serial,
      refreshSeconds: 7_200,
      retrySeconds: 1_800,
      expireSeconds: 86_400,
      minimumSeconds: NEGATIVE_TTL_SECONDS,
    };
  }
}

/** Both come sorted from the same builder. */
const sameRecords = (a: readonly RecordData[], b: readonly RecordData[]): boolean =>
  a.length === b.length && JSON.stringify(a) === JSON.stringify(b);

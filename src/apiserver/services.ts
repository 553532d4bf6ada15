// ClusterIPs and node ports. What is taken follows from the stored Services: the maps below are filled from them and
// follow their events. A number picked for a Service that is on its way into the store is marked at once, so that two
// writes at the same time never pick the same; a write that fails gives it back.
import { kindRow } from '../api/kinds.ts';
import type { Service } from '../api/types.ts';
import { type FieldError, invalid } from '../api/validation/index.ts';
import { ipv4Number, ipv4Range, ipv4Text } from '../lib/ip.ts';
import { internal } from './errors.ts';
import { storeKey } from './objects.ts';
import type { WatchCache } from './watchcache.ts';

export interface ServiceRange {
  readonly serviceNetwork: string;
  readonly reservedIps: readonly string[];
  readonly nodePorts: { readonly from: number; readonly to: number };
}

export interface Reservation {
  /** The Service was not written: what was taken for it is free again. */
  release(): void;
}

export interface ServiceAllocator {
  /** Fills in what the Service leaves open; changes it in place. `old` is what it replaces. */
  allocate(service: Service, old: Service | undefined): Reservation;
  close(): void;
}

type Spec = Service['spec'];
type Port = NonNullable<Spec['ports']>[number];

export const hasClusterIp = (spec: Spec): boolean =>
  spec.type !== 'ExternalName' && spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== 'None';
/** Also undefined for what is no IPv4 address: validation says so, with the field. */
const clusterIpNumber = (spec: Spec): number | undefined =>
  hasClusterIp(spec) ? ipv4Number(spec.clusterIP ?? '') : undefined;
const needsClusterIp = (spec: Spec): boolean => spec.type !== 'ExternalName';
const needsNodePorts = (spec: Spec): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer';
const givesNodePorts = (spec: Spec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
const needsHealthPort = (spec: Spec): boolean => spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

function portsOf(service: Service): number[] {
  const { spec } = service;
  const ports = (spec.ports ?? []).flatMap((p) => (p.nodePort ? [p.nodePort] : []));
  return spec.healthCheckNodePort ? [...ports, spec.healthCheckNodePort] : ports;
}

/** Numbers that one owner each may hold. */
class Pool {
  private readonly owners = new Map<number, string>();
  private readonly from: number;
  private readonly to: number;
  private readonly spared: ReadonlySet<number>;
  private readonly random: () => number;
  constructor(from: number, to: number, spared: ReadonlySet<number>, random: () => number) {
    this.from = from;
    this.to = to;
    this.spared = spared;
    this.random = random;
  }

  contains = (n: number): boolean => n >= this.from && n <= this.to;
  ownerOf = (n: number): string | undefined => this.owners.get(n);
  take(n: number, owner: string): void {
    this.owners.set(n, owner);
  }
  free(n: number, owner: string): void {
    if (this.owners.get(n) === owner) this.owners.delete(n);
  }

  /**
   * A free number: from a random point on, first above a band at the bottom that is left to those who ask for a number
   * (upstream: a sixteenth of the range, at least 16 and at most 256 of it), then anywhere.
   */
  pick(): number | undefined {
    const size = this.to - this.from + 1;
    const band = size > 16 ? Math.min(Math.max(16, Math.floor(size / 16)), 256, size - 1) : 0;
    return this.pickFrom(this.from + band, this.to) ?? this.pickFrom(this.from, this.from + band - 1);
  }

  private pickFrom(from: number, to: number): number | undefined {
    const size = to - from + 1;
    const start = Math.floor(this.random() * size);
    for (let i = 0; i < size; i += 1) {
      const n = from + ((start + i) % size);
      if (!this.owners.has(n) && !this.spared.has(n)) return n;
    }
    return undefined;
  }
}

/** The pools of a server, and what they refuse in upstream's words. */
class Allocation {
  private readonly ips: Pool;
  private readonly ports: Pool;
  private readonly range: ServiceRange;
  constructor(range: ServiceRange, random: () => number) {
    const network = ipv4Range(range.serviceNetwork);
    if (!network) throw new Error(`not an IPv4 range for Services: '${range.serviceNetwork}'`);
    const [first, last] = network;
    const reserved = range.reservedIps.map(ipv4Number).filter((n) => n !== undefined);
    // Neither the network's own address nor its broadcast address.
    this.ips = new Pool(first + 1, last - 1, new Set(reserved), random);
    this.ports = new Pool(range.nodePorts.from, range.nodePorts.to, new Set(), random);
    this.range = range;
  }

  hold(service: Service, key: string): void {
    const ip = clusterIpNumber(service.spec);
    if (ip !== undefined) this.ips.take(ip, key);
    for (const port of portsOf(service)) this.ports.take(port, key);
  }

  /** Gives back what `was` holds, except what `is` holds too. */
  release(was: Service, key: string, is: Service | undefined): void {
    const held = clusterIpNumber(was.spec);
    if (held !== undefined && held !== (is && clusterIpNumber(is.spec))) this.ips.free(held, key);
    const keptPorts = new Set(is ? portsOf(is) : []);
    for (const port of portsOf(was)) if (!keptPorts.has(port)) this.ports.free(port, key);
  }

  clusterIp(spec: Spec, key: string, name: string): void {
    if (spec.clusterIP !== undefined && spec.clusterIP !== '') {
      this.checkIp(spec, key, name);
    } else {
      const picked = this.ips.pick();
      if (picked === undefined) throw internal('failed to allocate a serviceIP: range is full');
      spec.clusterIP = ipv4Text(picked);
    }
    spec.clusterIPs = [spec.clusterIP];
    const ip = clusterIpNumber(spec);
    if (ip !== undefined) this.ips.take(ip, key);
  }

  private checkIp(spec: Spec, key: string, name: string): void {
    const ip = spec.clusterIP;
    const n = clusterIpNumber(spec);
    if (n === undefined) return;
    const refuse = (why: string): never => {
      const detail = `failed to allocate IP ${ip}: ${why}`;
      throw invalid('Service', name, [{ type: 'FieldValueInvalid', field: 'spec.clusterIPs', badValue: [ip], detail }]);
    };
    if (!this.ips.contains(n)) {
      refuse(
        `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${this.range.serviceNetwork}`,
      );
    }
    const owner = this.ips.ownerOf(n);
    if (owner !== undefined && owner !== key) refuse('provided IP is already allocated');
  }

  nodePorts(spec: Spec, key: string): FieldError[] {
    const errors: FieldError[] = [];
    const refuse = (field: string, badValue: number, detail: string): void =>
      void errors.push({ type: 'FieldValueInvalid', field, badValue, detail });
    const take = (wanted: number | undefined, field: string, shared: number | undefined): number | undefined => {
      if (!wanted) {
        const picked = shared ?? this.ports.pick();
        if (picked === undefined) refuse(field, 0, 'failed to allocate a nodePort: range is full');
        else this.ports.take(picked, key);
        return picked;
      }
      const owner = this.ports.ownerOf(wanted);
      const { from, to } = this.range.nodePorts;
      if (!this.ports.contains(wanted)) {
        refuse(field, wanted, `provided port is not in the valid range. The range of valid ports is ${from}-${to}`);
      } else if (owner !== undefined && owner !== key) refuse(field, wanted, 'provided port is already allocated');
      else this.ports.take(wanted, key);
      return wanted;
    };
    const ports = spec.ports ?? [];
    if (givesNodePorts(spec) || needsNodePorts(spec)) {
      ports.forEach((port: Port, i) => {
        if (!port.nodePort && !givesNodePorts(spec)) return;
        // The same port for TCP and UDP gets the same node port.
        const twin = ports.find(
          (p) => p !== port && p.port === port.port && p.protocol !== port.protocol && p.nodePort,
        );
        port.nodePort = take(port.nodePort, `spec.ports[${i}].nodePort`, twin?.nodePort);
      });
    }
    if (needsHealthPort(spec)) {
      spec.healthCheckNodePort = take(spec.healthCheckNodePort, 'spec.healthCheckNodePort', undefined);
    }
    return errors;
  }
}

/** A replacement that leaves out what the server once filled in keeps it. */
function keepFromOld(spec: Spec, old: Spec): void {
  if (needsClusterIp(spec) && needsClusterIp(old)) {
    if (!spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIP = old.clusterIP;
    if (needsHealthPort(spec) && needsHealthPort(old)) spec.healthCheckNodePort ||= old.healthCheckNodePort;
  }
  if (needsNodePorts(spec) && needsNodePorts(old)) {
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue;
      const same = old.ports?.find((p) => p.port === port.port && p.protocol === port.protocol);
      const taken = spec.ports?.some((p) => p.nodePort === same?.nodePort && p.protocol === port.protocol);
      if (same?.nodePort && !taken) port.nodePort = same.nodePort;
    }
  }
}

/** What only the old type had, and the client sent back unchanged, goes with the type. */
function dropOfOldType(spec: Spec, old: Spec): void {
  const samePorts = (spec.ports ?? []).every((p) => !p.nodePort || old.ports?.some((o) => o.nodePort === p.nodePort));
  if (needsNodePorts(old) && !needsNodePorts(spec) && samePorts) for (const p of spec.ports ?? []) delete p.nodePort;
  if (needsHealthPort(old) && !needsHealthPort(spec) && spec.healthCheckNodePort === old.healthCheckNodePort) {
    delete spec.healthCheckNodePort;
  }
  if (!needsNodePorts(spec) && spec.externalTrafficPolicy === old.externalTrafficPolicy && needsNodePorts(old)) {
    delete spec.externalTrafficPolicy;
  }
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    if (spec.clusterIP === old.clusterIP) delete spec.clusterIP;
    delete spec.clusterIPs;
    delete spec.ipFamilies;
    delete spec.ipFamilyPolicy;
  }
}

/** One family here: what asks for another is refused, not ignored. */
function families(service: Service): FieldError[] {
  const { spec } = service;
  const errors: FieldError[] = [];
  (spec.ipFamilies ?? []).forEach((family, i) => {
    if (family !== 'IPv4') {
      const detail = 'not configured on this cluster';
      errors.push({ type: 'FieldValueInvalid', field: `spec.ipFamilies[${i}]`, badValue: family, detail });
    }
  });
  if (spec.ipFamilyPolicy === 'RequireDualStack') {
    const detail = 'this cluster is not configured for dual-stack services';
    errors.push({ type: 'FieldValueInvalid', field: 'spec.ipFamilyPolicy', badValue: spec.ipFamilyPolicy, detail });
  }
  spec.ipFamilies ??= ['IPv4'];
  spec.ipFamilyPolicy ??= 'SingleStack';
  return errors;
}

export function createServiceAllocator(cache: WatchCache, range: ServiceRange, random: () => number): ServiceAllocator {
  const row = kindRow('Service');
  const services = cache.resource(row);
  const allocation = new Allocation(range, random);
  for (const s of services.list()) allocation.hold(s.object as Service, s.key);
  const stop = services.onEvent(({ before, after }) => {
    const key = (after ?? before)?.key ?? '';
    if (after) allocation.hold(after.object as Service, key);
    if (before) allocation.release(before.object as Service, key, after?.object as Service | undefined);
  });

  return {
    allocate(service, old) {
      const { spec } = service;
      const { name, namespace } = service.metadata;
      const key = storeKey(row, namespace, name);
      if (old) {
        keepFromOld(spec, old.spec);
        dropOfOldType(spec, old.spec);
      }
      if (needsClusterIp(spec)) {
        const errors = families(service);
        if (errors.length > 0) throw invalid('Service', name, errors);
        spec.clusterIP ||= spec.clusterIPs?.[0];
      }
      // Only this write's own takings are given back: what another write holds under the key is compared by value.
      const release = (): void => {
        const stored = services.get(key)?.object as Service | undefined;
        allocation.release(service, key, stored);
      };
      try {
        if (needsClusterIp(spec)) allocation.clusterIp(spec, key, name);
        const errors = allocation.nodePorts(spec, key);
        if (errors.length > 0) throw invalid('Service', name, errors);
      } catch (e) {
        release();
        throw e;
      }
      return { release };
    },
    close: stop,
  };
}

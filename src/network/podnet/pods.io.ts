// The pods' networks of one node: made, taken apart, found again after a restart. All calls are synchronous and none of
// them leaves a half behind that the next run could not tell.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterSettings, NodeSettings } from '../../api/cluster.ts';
import { nodeNetns, podNetns } from '../../api/cluster.ts';
import { diff, type WantedNet } from '../../linux/net/diff.ts';
import { openNet } from '../../linux/net/net.io.ts';
import { isNetError, type Net, type NetOp, type NetState } from '../../linux/net/net.ts';
import { createNetns, deleteNetns, listNetns, netnsPath, runInNetns } from '../../linux/net/netns.io.ts';
import { setSysctls } from '../../linux/net/sysctl.io.ts';
import { allocate, type Ipam, newIpam, release, restoreIpam } from './ipam.ts';
import {
  adoptable,
  nodeWanted,
  type PeerNode,
  POD_SYSCTLS,
  type PodNet,
  podInside,
  podsOutside,
  uplinkMtuOfNode,
  vethName,
} from './podnet.ts';

const NOTHING: NetState = { links: [], addresses: [], routes: [], neighbours: [] };

export class PodNets {
  readonly #settings: ClusterSettings;
  readonly #node: NodeSettings;
  readonly #net: Net;
  readonly #ipamPath: string;
  readonly #pods = new Map<string, PodNet>();
  readonly #mtu: number;
  #ipam: Ipam = newIpam([]);

  /** Adopts the pods whose networks are there, and removes what is only half there. */
  constructor(settings: ClusterSettings, node: NodeSettings) {
    this.#settings = settings;
    this.#node = node;
    this.#ipamPath = join(settings.stateDir, 'nodes', node.name, 'ipam.json');
    this.#net = openNet(nodeNetns(settings.name, node.name));
    const seen = this.#net.see();
    this.#mtu = uplinkMtuOfNode(seen);
    const saved = this.#readIpam() as Partial<Ipam> | undefined;
    const prefix = podNetns(settings.name, node.name, '');
    for (const name of listNetns()) {
      if (!name.startsWith(prefix)) continue;
      const uid = name.slice(prefix.length);
      if (!this.#adopt(uid, seen, saved?.held?.[uid] ?? [])) this.#remove(uid);
    }
  }

  #netns(uid: string): string {
    return podNetns(this.#settings.name, this.#node.name, uid);
  }

  #adopt(uid: string, node: NetState, savedIps: readonly string[]): boolean {
    let inside: Net;
    try {
      inside = openNet(this.#netns(uid));
    } catch {
      return false; // a file without its mount
    }
    try {
      const seen = inside.see();
      const pod = adoptable(uid, node, seen, savedIps);
      if (!pod) return false;
      // Only what is missing is added: what a pod with NET_ADMIN made for itself is its own.
      apply(inside, { ...podInside(pod), ownsConfig: () => false }, seen);
      this.#pods.set(uid, pod);
      return true;
    } finally {
      inside.close();
    }
  }

  /** The node's share of the pod network is known: addresses can be given. */
  setRanges(cidrs: readonly string[]): void {
    const held = Object.fromEntries([...this.#pods].map(([uid, pod]) => [uid, pod.ips]));
    this.#ipam = restoreIpam(cidrs, this.#readIpam(), held);
  }

  attached(): ReadonlyMap<string, PodNet> {
    return this.#pods;
  }

  path(uid: string): string {
    return netnsPath(this.#netns(uid));
  }

  /** The pod's network: made, or as it was. A refusal leaves nothing of it. */
  attach(uid: string): PodNet {
    const there = this.#pods.get(uid);
    if (there) return there;
    const got = allocate(this.#ipam, uid);
    if ('why' in got) throw new Error(got.why);
    const pod = { uid, ips: got.ips };
    // Written first: an address whose pod a crash prevented is skipped, never given twice in a row.
    this.#saveIpam(got.ipam);
    try {
      try {
        this.#make(pod);
      } catch (e) {
        if (!isNetError(e, 'EEXIST')) throw e;
        // A veth without its pod, left by a crash.
        this.#remove(uid);
        this.#make(pod);
      }
    } catch (e) {
      this.#remove(uid);
      this.#saveIpam(release(this.#ipam, uid));
      throw e;
    }
    this.#pods.set(uid, pod);
    return pod;
  }

  #make(pod: PodNet): void {
    const name = this.#netns(pod.uid);
    if (!createNetns(name)) {
      this.#remove(pod.uid);
      createNetns(name);
    }
    runInNetns(name, () => setSysctls(POD_SYSCTLS));
    apply(this.#net, podsOutside(this.#settings.name, this.#node.name, [pod], this.#mtu), NOTHING);
    const inside = openNet(name);
    try {
      apply(inside, podInside(pod), NOTHING);
    } finally {
      inside.close();
    }
  }

  /**
   * Nobody reaches the pod afterwards; its address is free, but comes last among the free ones. Its link goes with the
   * namespace, in the kernel's own time: deleting it here would hold this thread for 5 to 30 ms (RCU). Should a process have
   * outlived the pod and keep the namespace, hold() deletes the link.
   */
  detach(uid: string): void {
    const pod = this.#pods.get(uid);
    if (!pod) return;
    for (const route of podsOutside(this.#settings.name, this.#node.name, [pod], this.#mtu).routes ?? []) {
      tolerate(() => this.#net.run({ op: 'route-del', ...route }), 'ENODEV', 'ESRCH');
    }
    deleteNetns(this.#netns(uid));
    this.#pods.delete(uid);
    // Before the ranges are known there is nothing to write, and a cursor in the file to lose.
    if (this.#ipam.ranges.length > 0) this.#saveIpam(release(this.#ipam, uid));
  }

  /** Whatever there is of a pod that is not attached. By name, so that the names are free again at once. */
  #remove(uid: string): void {
    tolerate(() => this.#net.run({ op: 'link-del', name: vethName(uid) }), 'ENODEV');
    deleteNetns(this.#netns(uid));
  }

  /**
   * Brings the node's namespace to what it shall be, and says what that took. One operation that is refused (a node whose
   * address is on no network of ours) does not keep the others from being done; it is thrown afterwards.
   */
  hold(peers: readonly PeerNode[]): readonly NetOp[] {
    const wanted = nodeWanted(this.#settings, this.#node, { peers, pods: [...this.#pods.values()], mtu: this.#mtu });
    const ops = diff(wanted, this.#net.see());
    const refused: unknown[] = [];
    for (const op of ops) {
      try {
        // A link may go by itself, with a namespace that the kernel is taking apart.
        if (op.op === 'link-del') tolerate(() => this.#net.run(op), 'ENODEV');
        else this.#net.run(op);
      } catch (e) {
        refused.push(e);
      }
    }
    if (refused.length > 0) throw refused[0];
    return ops;
  }

  #readIpam(): unknown {
    try {
      return JSON.parse(readFileSync(this.#ipamPath, 'utf8'));
    } catch {
      return undefined; // absent, or cut by a crash: restoreIpam goes by what the kernel has
    }
  }

  #saveIpam(ipam: Ipam): void {
    this.#ipam = ipam;
    mkdirSync(join(this.#ipamPath, '..'), { recursive: true });
    writeFileSync(`${this.#ipamPath}.new`, JSON.stringify(ipam));
    renameSync(`${this.#ipamPath}.new`, this.#ipamPath);
  }

  close(): void {
    this.#net.close();
  }
}

function apply(net: Net, wanted: WantedNet, seen: NetState): void {
  for (const op of diff(wanted, seen)) net.run(op);
}

function tolerate(run: () => void, ...codes: string[]): void {
  try {
    run();
  } catch (e) {
    if (!isNetError(e, ...codes)) throw e;
  }
}

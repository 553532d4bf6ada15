// The network agent of a node: holds pods' networks, routes and rules to what the cluster's objects say.
//
//   cache change -> due -> (a few ms, so that a burst is one) -> compile -> diff -> one transaction -> cut stale flows
//   attach(pod)  -> links, address -> fresh policies -> the same, at once -> resolved: rules are in force
//   any failure  -> later: observe, plan again
import type { ClusterSettings, NodeSettings } from '../api/cluster.ts';
import type { Pod } from '../api/types.ts';
import type { Cache, Client, Env } from '../client/types.ts';
import { nodeNetns } from '../api/cluster.ts';
import type { Conntrack } from '../linux/conntrack/flow.ts';
import { openConntrack } from '../linux/conntrack/conntrack.io.ts';
import { diff as diffNet } from '../linux/net/diff.ts';
import { openNet } from '../linux/net/net.io.ts';
import { type Net, printOps } from '../linux/net/net.ts';
import { netnsPath, runInNetns } from '../linux/net/netns.io.ts';
import { diff } from '../linux/nft/diff.ts';
import type { Nft, Ruleset } from '../linux/nft/nft.ts';
import { print } from '../linux/nft/print.ts';
import {
  concernsRules,
  leftOver,
  localPod,
  type NftFactory,
  peersOf,
  podCidrsOf,
  type PodNetwork,
  rulesetInput,
} from './agent.ts';
import { firstReady, hostRoutes } from './host.ts';
import { holdHost, warnOfFirewall } from './host.io.ts';
import type { EnteredNode } from './node.io.ts';
import { PodNets } from './podnet/pods.io.ts';
import type { PeerNode } from './podnet/podnet.ts';
import { compileRuleset, staleFlows } from './ruleset.ts';

/** Changes that come within this time are one transaction. */
const GATHER_MS = 2;
/** Links, routes and the host's part are observed again this often: what another hand has changed is put right. */
const OBSERVE_MS = 30_000;
const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 5_000;

export interface AgentOptions {
  readonly settings: ClusterSettings;
  readonly node: NodeSettings;
  /** Node, Pod, Service, EndpointSlice, NetworkPolicy, Namespace. */
  readonly cache: Cache;
  readonly client: Client;
  readonly env: Env;
  readonly nft: NftFactory;
  readonly entered: EnteredNode;
}

export type NetworkAgent = PodNetwork & { stop(): Promise<void> };

export async function startNetworkAgent(o: AgentOptions): Promise<NetworkAgent> {
  // Before the objects are known: pods of an earlier run are adopted by what the kernel has.
  const agent = new Agent(o);
  await o.cache.synced;
  agent.start();
  return agent;
}

/** One piece of work that is due, at most once at a time: after a short gathering, again after a failure. */
class Due {
  readonly #env: Env;
  readonly #what: string;
  readonly #work: () => void;
  #cancel: (() => void) | undefined;
  #retryMs = RETRY_FIRST_MS;

  constructor(env: Env, what: string, work: () => void) {
    this.#env = env;
    this.#what = what;
    this.#work = work;
  }

  soon(delayMs = GATHER_MS): void {
    this.#cancel ??= this.#env.after(delayMs, () => {
      try {
        this.now();
      } catch {
        // now() has logged it and is due again.
      }
    });
  }

  /** Throws what the work throws; then it is due again. */
  now(): void {
    this.stop();
    try {
      this.#work();
      this.#retryMs = RETRY_FIRST_MS;
    } catch (e) {
      this.#env.log('error', `${this.#what}: ${(e as Error).message}; looking again in ${this.#retryMs} ms`);
      this.soon(this.#retryMs);
      this.#retryMs = Math.min(RETRY_LAST_MS, this.#retryMs * 2);
      throw e;
    }
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

/** Reads that share one request, but never one that began before they were asked for. */
class Refresher {
  readonly #refresh: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(refresh: () => Promise<void>) {
    this.#refresh = refresh;
  }

  ask(): Promise<void> {
    if (!this.#running) return this.#run();
    const after = this.#running.catch(() => {});
    this.#next ??= after.then(() => {
      this.#next = undefined;
      return this.#run();
    });
    return this.#next;
  }

  #run(): Promise<void> {
    const running = this.#refresh().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}

class Agent implements NetworkAgent {
  readonly #o: AgentOptions;
  readonly #nets: PodNets;
  readonly #nft: Nft;
  readonly #conntrack: Conntrack;
  readonly #host: Net;
  readonly #hostNft: Nft;
  /** Each pod as it was last seen: one that is deleted by force keeps its rules until its network goes. */
  readonly #pods = new Map<string, Pod>();
  readonly #rules: Due;
  readonly #routes: Due;
  readonly #refreshers = new Map<string, Refresher>();
  readonly #stops: (() => void)[] = [];
  /** undefined: not known, so the next transaction replaces whatever is there. */
  #inForce: Ruleset | undefined;
  #cidrs = '';
  #routed = '';
  #warned = false;
  #stopped = false;
  #applying: Promise<void> | undefined;

  constructor(o: AgentOptions) {
    this.#o = o;
    const netns = nodeNetns(o.settings.name, o.node.name);
    this.#nets = new PodNets(o.settings, o.node);
    this.#nft = runInNetns(netns, o.nft);
    this.#conntrack = runInNetns(netns, openConntrack);
    this.#host = openNet(o.entered.fd);
    this.#hostNft = o.entered.run(o.nft);
    this.#rules = new Due(o.env, 'network rules', () => this.#applyRules());
    this.#routes = new Due(o.env, 'network routes', () => this.#applyRoutes());
  }

  start(): void {
    const { cache, env, node } = this.#o;
    const pods = cache.list('Pod');
    for (const uid of leftOver(this.#nets.attached().keys(), pods, node.name)) this.#nets.detach(uid);
    for (const pod of pods) if (this.#nets.attached().has(pod.metadata.uid)) this.#pods.set(pod.metadata.uid, pod);
    this.#stops.push(
      cache.onChange((change) => {
        if (change.kind === 'Node') this.#routes.soon();
        if (change.kind === 'Pod' && this.#pods.has(change.object.metadata.uid) && change.type !== 'deleted') {
          this.#pods.set(change.object.metadata.uid, change.object as Pod);
        }
        if (concernsRules(change)) this.#rules.soon();
      }),
    );
    for (const due of [this.#rules, this.#routes]) {
      try {
        due.now();
      } catch {
        // Logged, and due again: the node is not ready until it has succeeded.
      }
    }
    this.#observeAgain(env);
  }

  #observeAgain(env: Env): void {
    const cancel = env.after(OBSERVE_MS, () => {
      this.#stops.splice(this.#stops.indexOf(cancel), 1);
      this.#routed = '';
      this.#routes.soon();
      this.#observeAgain(env);
    });
    this.#stops.push(cancel);
  }

  ready(): boolean {
    return this.#cidrs !== '' && this.#inForce !== undefined;
  }

  attached(): ReadonlyMap<string, { netnsPath: string; ips: string[] }> {
    return new Map(
      [...this.#nets.attached()].map(([uid, net]) => [uid, { netnsPath: this.#nets.path(uid), ips: [...net.ips] }]),
    );
  }

  async attach(pod: Pod): Promise<{ netnsPath: string; ips: string[] }> {
    const { settings, node, cache } = this.#o;
    const uid = pod.metadata.uid;
    const namespace = pod.metadata.namespace ?? '';
    if (pod.spec.hostNetwork) return { netnsPath: netnsPath(nodeNetns(settings.name, node.name)), ips: [node.ip] };
    if (this.#cidrs === '') throw new Error(`${node.name} has no pod CIDR yet`);
    const net = this.#nets.attach(uid);
    this.#pods.set(uid, pod);
    // A policy made before the pod is in force before its first instruction, even if its event is still on the way here.
    await Promise.all([
      this.#refresh('NetworkPolicy', namespace),
      cache.get('Namespace', undefined, namespace) ? undefined : this.#refresh('Namespace', ''),
    ]);
    if (!this.#nets.attached().has(uid)) throw new Error(`the pod's network was removed while it was being made`);
    await this.#rulesNow();
    return { netnsPath: this.#nets.path(uid), ips: [...net.ips] };
  }

  /** Pods that are attached at the same time share a transaction. */
  #rulesNow(): Promise<void> {
    this.#applying ??= Promise.resolve().then(() => {
      this.#applying = undefined;
      return this.#rules.now();
    });
    return this.#applying;
  }

  #refresh(kind: 'NetworkPolicy' | 'Namespace', namespace: string): Promise<void> {
    const key = `${kind} ${namespace}`;
    let refresher = this.#refreshers.get(key);
    if (!refresher) {
      refresher = new Refresher(() => this.#o.cache.refresh(kind, namespace === '' ? undefined : namespace));
      this.#refreshers.set(key, refresher);
    }
    return refresher.ask();
  }

  detach(podUid: string): Promise<void> {
    // Its rules go after its route: at no time is there a pod without them.
    this.#nets.detach(podUid);
    this.#pods.delete(podUid);
    this.#rules.soon();
    return Promise.resolve();
  }

  #applyRules(): void {
    const { cache, settings, node } = this.#o;
    const local = [...this.#nets.attached()].flatMap(([uid, net]) => {
      const pod = this.#pods.get(uid);
      return pod ? [localPod(pod, net)] : [];
    });
    const input = rulesetInput(cache, settings, node, local);
    const wanted = compileRuleset(input);
    const commands = diff(wanted, this.#inForce);
    if (commands.length > 0) {
      // Should it fail, what the kernel holds is not known.
      this.#inForce = undefined;
      this.#nft.run(print(commands));
    }
    this.#inForce = wanted;
    if (commands.length === 0) return;
    const stale = staleFlows(input, wanted, this.#conntrack.list());
    if (stale.length > 0) this.#conntrack.delete(stale);
  }

  #applyRoutes(): void {
    const { cache, node, env } = this.#o;
    const peers = peersOf(cache.list('Node'));
    const cidrs = podCidrsOf(cache.get('Node', undefined, node.name));
    if (cidrs.length > 0 && cidrs.join() !== this.#cidrs) {
      this.#nets.setRanges(cidrs);
      this.#cidrs = cidrs.join();
    }
    const facts = JSON.stringify(peers);
    if (facts === this.#routed) return;
    const ops = this.#nets.hold(peers);
    if (ops.length > 0) env.log('debug', `network of ${node.name}`, { ip: printOps(ops) });
    this.#applyHost(peers);
    this.#routed = facts;
  }

  /** All nodes know what the host shall have; one of them sees to it. */
  #applyHost(peers: readonly PeerNode[]): void {
    const { settings, node, env, entered } = this.#o;
    if (firstReady(peers)?.name !== node.name) return;
    const ops = diffNet(hostRoutes(settings, peers), this.#host.see());
    for (const op of ops) this.#host.run(op);
    if (ops.length > 0) env.log('debug', 'network of the host', { ip: printOps(ops) });
    holdHost(entered.fd, settings, this.#hostNft);
    if (!this.#warned) warnOfFirewall(entered.fd, settings, env.log);
    this.#warned = true;
  }

  /** Everything in the kernel stays as it is: pods run on, and the next agent adopts them. */
  stop(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#stopped = true;
    for (const stop of this.#stops.splice(0)) stop();
    this.#rules.stop();
    this.#routes.stop();
    this.#nets.close();
    this.#nft.close();
    this.#conntrack.close();
    this.#host.close();
    this.#hostNft.close();
    return Promise.resolve();
  }
}

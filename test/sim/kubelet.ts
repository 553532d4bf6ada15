// A node in the simulation: a small model of what a kubelet tells the API. It runs nothing.
import { createCache } from '../../src/client/cache.ts';
import { isFinished, isTerminating } from '../../src/client/pods.ts';
import type { Cache, Client, Env } from '../../src/client/types.ts';
import type { Node, Pod } from '../../src/api/types.ts';
import { rfc3339, rfc3339Micro } from '../../src/api/time.ts';

export interface FakeKubelet {
  readonly name: string;
  /** uid -> name of the pods whose processes run here. */
  readonly running: ReadonlyMap<string, string>;
  readonly alive: boolean;
  start(): void;
  /** The machine is gone at once: no word, no processes. */
  die(): void;
}

export function fakeKubelet(name: string, client: Client, env: Env, leaseRenewMs: number): FakeKubelet {
  const running = new Map<string, string>();
  let life: Life | undefined;
  return {
    name,
    running,
    get alive() {
      return life !== undefined;
    },
    start() {
      life ??= new Life(name, client, env, leaseRenewMs, running);
    },
    die() {
      life?.end();
      life = undefined;
      running.clear();
    },
  };
}

/** One run of a node, from its start to its death. */
class Life {
  readonly #name: string;
  readonly #client: Client;
  readonly #env: Env;
  readonly #running: Map<string, string>;
  readonly #cache: Cache;
  readonly #busy = new Set<string>();
  readonly #leaseRenewMs: number;
  #podCidr: string | undefined;
  #lastHost = 1;
  #ended = false;

  constructor(name: string, client: Client, env: Env, leaseRenewMs: number, running: Map<string, string>) {
    this.#name = name;
    this.#client = client;
    this.#env = env;
    this.#leaseRenewMs = leaseRenewMs;
    this.#running = running;
    // A node that comes back must not give an address of its former life to another pod.
    this.#lastHost = 1 + Math.floor(env.random() * 100);
    this.#cache = createCache(client, env, [{ kind: 'Pod', fieldSelector: `spec.nodeName=${name}` }]);
    this.#cache.onChange(({ type, object }) => {
      if (type === 'deleted') this.#running.delete(object.metadata.uid);
      else this.#look(object as Pod);
    });
    this.#heartbeat();
  }

  end(): void {
    this.#ended = true;
    this.#cache.close();
  }

  #later(delayMs: number, step: () => Promise<void>): void {
    this.#env.after(delayMs, () => {
      if (this.#ended) return;
      step().catch((e: unknown) => this.#env.log('debug', `${this.#name}: ${String(e)}`));
    });
  }

  #heartbeat(): void {
    this.#later(0, async () => {
      this.#later(this.#leaseRenewMs, async () => this.#heartbeat());
      await this.#register();
      const key = { namespace: 'kube-node-lease', name: this.#name };
      const renewTime = rfc3339Micro(this.#env.nowMs());
      if (await this.#client.get('Lease', key)) {
        await this.#client.patch('Lease', key, 'merge', { spec: { renewTime } });
      } else {
        const spec = { holderIdentity: this.#name, leaseDurationSeconds: 40, renewTime };
        await this.#client.create('Lease', {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: key,
          spec,
        });
      }
    });
  }

  async #register(): Promise<void> {
    let node: Node | undefined = await this.#client.get('Node', { name: this.#name });
    if (!node) {
      const labels = { 'kubernetes.io/hostname': this.#name };
      node = await this.#client.create('Node', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: this.#name, labels },
        spec: {},
      });
    }
    if (node.spec.podCIDR && this.#podCidr === undefined) {
      this.#podCidr = node.spec.podCIDR;
      for (const pod of this.#cache.list('Pod')) this.#look(pod);
    }
    const ready = this.#podCidr === undefined ? 'False' : 'True';
    if (node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === ready)) return;
    const at = rfc3339(this.#env.nowMs());
    const resources = { cpu: '8', memory: '16Gi', pods: '110' };
    await this.#client.patch(
      'Node',
      { name: this.#name },
      'merge',
      {
        status: {
          capacity: resources,
          allocatable: resources,
          conditions: [
            { type: 'Ready', status: ready, reason: 'Sim', message: '', lastTransitionTime: at, lastHeartbeatTime: at },
          ],
        },
      },
      'status',
    );
  }

  /** Brings one pod a step further, with a delay that chance gives. */
  #look(pod: Pod): void {
    const { uid } = pod.metadata;
    if (this.#busy.has(uid) || this.#podCidr === undefined) return;
    const ready = pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
    const stopping = isTerminating(pod);
    if (!stopping && (isFinished(pod) || (ready && this.#running.has(uid)))) return;
    this.#busy.add(uid);
    this.#later(stopping ? 10 + this.#env.random() * 200 : 30 + this.#env.random() * 400, async () => {
      this.#busy.delete(uid);
      const now = this.#cache.get('Pod', pod.metadata.namespace, pod.metadata.name);
      if (!now || now.metadata.uid !== uid) return;
      try {
        if (isTerminating(now)) await this.#stop(now);
        else await this.#run(now);
      } catch (e) {
        this.#env.log('debug', `${this.#name}: ${String(e)}`);
        this.#later(50, async () =>
          this.#look(this.#cache.get('Pod', now.metadata.namespace, now.metadata.name) ?? now),
        );
      }
    });
  }

  async #run(pod: Pod): Promise<void> {
    const { uid, namespace, name } = pod.metadata;
    // A pod whose processes died with the node gets a new address with its new sandbox.
    const ip = this.#running.has(uid) ? (pod.status?.podIP ?? this.#address()) : this.#address();
    this.#running.set(uid, `${namespace}/${name}`);
    const at = rfc3339(this.#env.nowMs());
    const others = (pod.status?.conditions ?? []).filter((c) => c.type !== 'Ready');
    const conditions = [...others, { type: 'Ready', status: 'True', lastTransitionTime: at }];
    const status = { ...pod.status, phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions };
    this.#cache.observe('Pod', await this.#client.update('Pod', { ...pod, status }, 'status'));
  }

  async #stop(pod: Pod): Promise<void> {
    const { uid, namespace, name } = pod.metadata;
    this.#running.delete(uid);
    await this.#client.delete('Pod', { namespace, name }, { uid, gracePeriodSeconds: 0 });
    this.#cache.observe('Pod', pod, true);
  }

  #address(): string {
    this.#lastHost++;
    return `${this.#podCidr?.split('.').slice(0, 3).join('.')}.${this.#lastHost}`;
  }
}

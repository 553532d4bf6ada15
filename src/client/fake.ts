// Objects that a plan's changes are applied to, without a server: so that tests walk a controller through its states.
import { type Kind, type KindMap, type KubeObject, type Pod } from '../api/types.ts';
import { rfc3339 } from '../api/time.ts';
import { Objects } from './objects.ts';
import type { Change, Controller, View } from './types.ts';

export interface FakeCluster {
  readonly view: View;
  nowMs: number;
  /** Puts objects there as somebody else's writes; what metadata lacks is filled in. */
  put(...objects: readonly unknown[]): void;
  /** Carries changes out, as far as a store without rules does. Events are collected. */
  apply(changes: readonly Change[]): void;
  /** Looks at a key until it has nothing more to write (at most `times`); returns what was done, one line each. */
  settle(controller: Pick<Controller, 'plan'>, key: string, times?: number): string[];
  readonly events: string[];
}

type Loose = { kind: Kind; metadata: Partial<KubeObject['metadata']> & { name: string } };

export function fakeCluster(...objects: readonly unknown[]): FakeCluster {
  const tables = new Map<Kind, Objects>();
  const events: string[] = [];
  let revision = 0;
  /** How often a name was deleted: an object made anew under it is another one. */
  const deleted = new Map<string, number>();
  const nameOf = (kind: string, o: { namespace?: string; name: string }): string =>
    `${kind}/${o.namespace ?? ''}/${o.name}`;
  const table = (kind: Kind): Objects => {
    let found = tables.get(kind);
    if (!found) tables.set(kind, (found = new Objects(kind)));
    return found;
  };
  const store = (object: Loose): void => {
    revision++;
    const old = table(object.kind).get(object.metadata.namespace, object.metadata.name);
    const lives = deleted.get(nameOf(object.kind, object.metadata));
    const metadata = {
      uid: old?.metadata.uid ?? `uid-${object.metadata.name}${lives === undefined ? '' : `-${lives}`}`,
      creationTimestamp: old?.metadata.creationTimestamp ?? rfc3339(cluster.nowMs),
      generation: 1,
      ...object.metadata,
      resourceVersion: String(revision),
    };
    table(object.kind).put({ ...object, metadata } as unknown as KubeObject);
  };
  const get = (kind: Kind, namespace: string | undefined, name: string): KubeObject => {
    const found = table(kind).get(namespace, name);
    if (!found) throw new Error(`${kind} ${namespace ?? ''}/${name} is not there`);
    return found;
  };
  const cluster: FakeCluster = {
    nowMs: Date.UTC(2026, 0, 1),
    events,
    view: {
      get: (kind, namespace, name) => table(kind).get(namespace, name) as KindMap[typeof kind] | undefined,
      list: (kind, namespace) => table(kind).list(namespace) as readonly KindMap[typeof kind][],
      owned: (kind, uid) => table(kind).owned(uid) as readonly KindMap[typeof kind][],
      podsOn: (node) => table('Pod').onNode(node) as readonly Pod[],
    },
    put: (...more) => more.forEach((o) => store(o as Loose)),
    apply: (changes) => changes.forEach(applyOne),
    settle(controller, key, times = 20) {
      const lines: string[] = [];
      for (let i = 0; i < times; i++) {
        const { changes } = controller.plan(cluster.view, key, cluster.nowMs);
        if (changes.length === 0) return lines;
        lines.push(...changes.map(lineOf));
        cluster.apply(changes);
      }
      throw new Error(`${key} finds no rest:\n${lines.join('\n')}`);
    },
  };

  function applyOne(change: Change): void {
    switch (change.op) {
      case 'event':
        events.push(`${change.type} ${change.reason}: ${change.message}`);
        return;
      case 'bind':
        return store(merge(get('Pod', change.namespace, change.name), { spec: { nodeName: change.node } }) as Loose);
      case 'create': {
        const object = change.object as Loose;
        if (table(object.kind).get(object.metadata.namespace, object.metadata.name)) {
          throw new Error(`${nameOf(object.kind, object.metadata)} is there already`);
        }
        return store(object);
      }
      case 'update':
        return store(change.object as unknown as Loose);
      case 'patch':
        return store(merge(get(change.kind, change.namespace, change.name), change.patch) as Loose);
      case 'delete': {
        const key = nameOf(change.kind, change);
        deleted.set(key, (deleted.get(key) ?? 0) + 1);
        table(change.kind).remove(get(change.kind, change.namespace, change.name), Number.POSITIVE_INFINITY);
      }
    }
  }

  cluster.put(...objects);
  return cluster;
}

/** One change in a line: what, on what. */
export function lineOf(change: Change): string {
  if (change.op === 'event') return `event ${change.reason}: ${change.message}`;
  if (change.op === 'bind') return `bind ${change.name} -> ${change.node}`;
  const name = 'object' in change ? change.object.metadata.name : change.name;
  const subresource = 'subresource' in change && change.subresource ? `/${change.subresource}` : '';
  return `${change.op} ${change.kind}${subresource} ${name}`;
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const next: Record<string, unknown> =
    target !== null && typeof target === 'object' && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete next[name];
    else next[name] = merge(next[name], value);
  }
  return next;
}

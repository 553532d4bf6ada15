// Objects of one kind with their indexes: the data structure below the cache. Pure; says what each step changed.
import type { Kind, KubeObject, Pod } from '../api/types.ts';
import type { ObjectChange } from './types.ts';

/** resourceVersions order all states of the store (our server counts up; upstream declares the same since 1.35). */
export const revision = (o: KubeObject): number => Number(o.metadata.resourceVersion) || 0;

const keyOf = (o: KubeObject): string => `${o.metadata.namespace ?? ''}/${o.metadata.name}`;
const noObjects: readonly KubeObject[] = [];

/** A bucket of an index: keeps its array until it changes, so that readers may compare arrays by identity. */
class Bucket {
  readonly #byKey = new Map<string, KubeObject>();
  #array: readonly KubeObject[] | undefined;

  get array(): readonly KubeObject[] {
    this.#array ??= [...this.#byKey.values()];
    return this.#array;
  }
  get empty(): boolean {
    return this.#byKey.size === 0;
  }
  set(key: string, object: KubeObject): void {
    this.#byKey.set(key, object);
    this.#array = undefined;
  }
  delete(key: string): void {
    this.#byKey.delete(key);
    this.#array = undefined;
  }
}

class Index {
  readonly #buckets = new Map<string, Bucket>();
  get(name: string): readonly KubeObject[] {
    return this.#buckets.get(name)?.array ?? noObjects;
  }
  set(name: string, key: string, object: KubeObject): void {
    let bucket = this.#buckets.get(name);
    if (!bucket) this.#buckets.set(name, (bucket = new Bucket()));
    bucket.set(key, object);
  }
  delete(name: string, key: string): void {
    const bucket = this.#buckets.get(name);
    bucket?.delete(key);
    if (bucket?.empty) this.#buckets.delete(name);
  }
}

/** How many deletions are remembered: more than can be on their way as late events and answers at one time. */
const tombstonesKept = 4096;

export class Objects {
  readonly #kind: Kind;
  readonly #held = new Map<string, KubeObject>();
  readonly #all = new Bucket();
  readonly #namespaces = new Index();
  readonly #owners = new Index();
  readonly #nodes = new Index();
  /** uid -> revision of its deletion: nothing older than that brings it back. */
  readonly #tombstones = new Map<string, number>();

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  get(namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#held.get(`${namespace ?? ''}/${name}`);
  }
  list(namespace?: string): readonly KubeObject[] {
    return namespace === undefined ? this.#all.array : this.#namespaces.get(namespace);
  }
  owned(uid: string): readonly KubeObject[] {
    return this.#owners.get(uid);
  }
  onNode(node: string): readonly KubeObject[] {
    return this.#nodes.get(node);
  }

  /** Takes a state of an object; one that is not newer than what is known changes nothing. */
  put(object: KubeObject): ObjectChange[] {
    const key = keyOf(object);
    const buried = this.#tombstones.get(object.metadata.uid);
    if (buried !== undefined && revision(object) <= buried) return [];
    const old = this.#held.get(key);
    if (old && revision(old) >= revision(object)) return [];
    if (old) this.#unlink(key, old);
    this.#link(key, object);
    if (!old) return [{ kind: this.#kind, type: 'added', object }];
    if (old.metadata.uid === object.metadata.uid) return [{ kind: this.#kind, type: 'modified', object, old }];
    // The name was taken anew between two looks: one object went, another came.
    return [
      { kind: this.#kind, type: 'deleted', object: old },
      { kind: this.#kind, type: 'added', object },
    ];
  }

  /** The object with this uid is gone; no state up to `atRevision` brings it back. */
  remove(object: KubeObject, atRevision: number): ObjectChange[] {
    const { uid } = object.metadata;
    this.#bury(uid, atRevision);
    const key = keyOf(object);
    const old = this.#held.get(key);
    if (!old || old.metadata.uid !== uid || revision(old) > atRevision) return [];
    this.#unlink(key, old);
    this.#held.delete(key);
    return [{ kind: this.#kind, type: 'deleted', object: revision(object) > revision(old) ? object : old }];
  }

  /** A list of all (or of one namespace) as of a revision: what it lacks is gone, unless it was written later. */
  replace(items: readonly KubeObject[], listRevision: number, namespace?: string): ObjectChange[] {
    const changes: ObjectChange[] = [];
    const listed = new Set(items.map(keyOf));
    for (const old of this.list(namespace)) {
      if (!listed.has(keyOf(old)) && revision(old) <= listRevision) changes.push(...this.remove(old, listRevision));
    }
    for (const object of items) changes.push(...this.put(object));
    return changes;
  }

  #bury(uid: string, atRevision: number): void {
    const known = this.#tombstones.get(uid) ?? 0;
    this.#tombstones.delete(uid);
    this.#tombstones.set(uid, Math.max(known, atRevision));
    if (this.#tombstones.size > tombstonesKept) {
      const oldest = this.#tombstones.keys().next().value;
      if (oldest !== undefined) this.#tombstones.delete(oldest);
    }
  }

  #link(key: string, object: KubeObject): void {
    this.#held.set(key, object);
    this.#all.set(key, object);
    this.#namespaces.set(object.metadata.namespace ?? '', key, object);
    for (const owner of object.metadata.ownerReferences ?? []) this.#owners.set(owner.uid, key, object);
    if (this.#kind === 'Pod') this.#nodes.set((object as Pod).spec.nodeName ?? '', key, object);
  }

  #unlink(key: string, old: KubeObject): void {
    this.#all.delete(key);
    this.#namespaces.delete(old.metadata.namespace ?? '', key);
    for (const owner of old.metadata.ownerReferences ?? []) this.#owners.delete(owner.uid, key);
    if (this.#kind === 'Pod') this.#nodes.delete((old as Pod).spec.nodeName ?? '', key);
  }
}

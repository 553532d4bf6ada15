import { describe, expect, it } from 'vitest';
import { type FieldSet, paths } from './fieldset.ts';
import { appliedFields, entriesAfterUpdate } from './owners.ts';
import { isObject, type JsonObject } from './shape.ts';
import { doStep, shape, type State } from './testdata/steps.ts';

describe('whatever is written, in any order', () => {
  it.each(Array.from({ length: 150 }, (_, seed) => seed + 1))('seed %i', (seed) => {
    let random = seed * 7919;
    const below = (n: number): number => {
      random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((random / 2 ** 31) * n);
    };
    const maybe = (key: string, value: () => unknown): JsonObject => (below(2) ? { [key]: value() } : {});
    const some = (names: string[]): string[] => names.filter(() => below(2) === 1).sort(() => below(3) - 1);
    const make = (): JsonObject => ({
      metadata: {
        name: 'n',
        ...maybe('labels', () => Object.fromEntries(['w', ...some(['x', 'y', 'z'])].map((l) => [l, String(below(2))]))),
        ...maybe('finalizers', () => some(['e', 'f', 'g'])),
      },
      spec: {
        ...maybe('replicas', () => below(3)),
        ...maybe('selector', () => ({ matchLabels: { a: String(below(2)) } })),
        template: {
          spec: {
            containers: ['b', ...some(['c', 'd', 'e'])].map((name) => ({
              name,
              ...maybe('image', () => String(below(2))),
              ...maybe('args', () => some(['1', '2'])),
              ...maybe('ports', () => some(['80', '81']).map((p) => ({ containerPort: Number(p) }))),
            })),
          },
        },
      },
    });
    const state: State = { object: undefined, entries: [], conflicts: [] };
    for (let step = 0; step < 12; step += 1) {
      const manager = `m${below(3)}`;
      const object = make();
      if (below(3) === 0) {
        doStep(state, [manager, 'update', object], step);
        continue;
      }
      doStep(state, [manager, 'force', object], step);
      const own = state.entries.find((e) => e.manager === manager && e.operation === 'Apply');
      expect(own?.fieldsV1 ?? {}).toEqual(appliedFields(object, shape));
      expectContains(state.object, object);
      const again = { ...state };
      doStep(again, [manager, 'apply', object], step);
      expect(again.conflicts).toEqual([]);
      expect(again.object).toEqual(state.object);
      expect(again.entries).toEqual(state.entries);
      // Nobody owns what is not there.
      const there = JSON.stringify(paths(everything(state.object ?? {})));
      for (const e of state.entries) for (const p of paths(e.fieldsV1)) expect(there).toContain(JSON.stringify(p));
    }
  });
});

/** All paths of an object: what is owned must be among them. */
const everything = (object: JsonObject): FieldSet =>
  entriesAfterUpdate({
    entries: [],
    before: undefined,
    zero: {},
    after: object,
    shape,
    writer: { manager: 'all', apiVersion: 'apps/v1', now: '' },
  })[0]?.fieldsV1 ?? {};

/** Every leaf of the configuration stands in the object. */
function expectContains(object: unknown, config: unknown): void {
  if (isObject(config)) {
    for (const [key, value] of Object.entries(config)) {
      const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
      if (!empty) expectContains((object as JsonObject)[key], value);
    }
  } else if (Array.isArray(config) && config.every(isObject)) {
    for (const item of config) {
      const key = 'name' in item ? 'name' : 'containerPort';
      const found = (object as JsonObject[]).find((o) => o[key] === item[key]);
      expectContains(found, item);
    }
  } else if (Array.isArray(config)) expect(object).toEqual(expect.arrayContaining(config));
  else expect(object).toBe(config);
}

import { describe, expect, it } from 'vitest';
import { paths, pathText } from './fieldset.ts';
import { applyErrors } from './merge.ts';
import { apply, entriesAfterUpdate, type Entry, readGiven } from './owners.ts';
import type { JsonObject } from './shape.ts';
import { doStep, run, shape, type State, type Step, zero } from './testdata/steps.ts';

/** 'kubectl Update .spec.replicas .metadata.labels' per entry; '@' and the second of the last write with `times`. */
const owners = (entries: readonly Entry[], times = false): string[] =>
  entries.map((e) => {
    const who = [e.manager, e.operation, ...(e.subresource ? [e.subresource] : [])].join(' ');
    return `${who}${times ? `@${e.time?.slice(-2, -1)}` : ''}: ${paths(e.fieldsV1).map(pathText).join(' ')}`;
  });

const spec = (more: JsonObject): JsonObject => ({ spec: more });
const labels = (more: JsonObject): JsonObject => ({ metadata: { labels: more } });
const container = (...list: JsonObject[]): JsonObject => spec({ template: { spec: { containers: list } } });

describe('who owns what', () => {
  it.each<[string, Step[], string[]]>([
    [
      'a create owns what is set, and its maps',
      [['a', 'update', { ...labels({ x: '1' }), ...spec({ replicas: 1, strategy: { type: 'Recreate' } }) }]],
      ['a Update: .metadata.labels .metadata.labels.x .spec.replicas .spec.strategy.type'],
    ],
    [
      'what only the server writes is nobody`s',
      [
        [
          'a',
          'update',
          { apiVersion: 'v1', kind: 'X', metadata: { name: 'n', uid: 'u', generation: 1, generateName: 'g' } },
        ],
      ],
      ['a Update: .metadata.generateName'],
    ],
    [
      'an update takes what it changes, and no more',
      [
        ['a', 'update', spec({ replicas: 1, paused: true })],
        ['b', 'update', spec({ replicas: 2, paused: true })],
      ],
      ['a Update: .spec.paused', 'b Update: .spec.replicas'],
    ],
    [
      'nobody owns what is gone, and who has nothing left goes',
      [
        ['a', 'update', spec({ replicas: 1 })],
        ['b', 'update', spec({ replicas: 1, paused: true })],
        ['b', 'update', spec({ paused: true })],
      ],
      ['b Update: .spec.paused'],
    ],
    [
      'a subresource is an owner of its own',
      [
        ['a', 'update', spec({ replicas: 1, paused: true })],
        ['a', 'scale', spec({ replicas: 3, paused: true })],
        ['a', 'status', { ...spec({ replicas: 3, paused: true }), status: { replicas: 3 } }],
      ],
      ['a Update: .spec.paused', 'a Update scale: .spec.replicas', 'a Update status: .status .status.replicas'],
    ],
    [
      'an apply owns what it says, without the maps around it',
      [
        [
          'a',
          'apply',
          { ...labels({ x: '1' }), ...spec({ template: { spec: { containers: [{ name: 'c', args: ['x'] }] } } }) },
        ],
      ],
      [
        'a Apply: .metadata.labels.x .spec.template.spec.containers[name="c"] .spec.template.spec.containers[name="c"].args .spec.template.spec.containers[name="c"].name',
      ],
    ],
    [
      'two appliers who say the same own it both',
      [
        ['a', 'apply', spec({ replicas: 1 })],
        ['b', 'apply', spec({ replicas: 1, paused: true })],
      ],
      ['a Apply: .spec.replicas', 'b Apply: .spec.paused .spec.replicas'],
    ],
    [
      'force takes it from the others',
      [
        ['a', 'apply', spec({ replicas: 1, paused: true })],
        ['b', 'force', spec({ replicas: 2 })],
      ],
      ['a Apply: .spec.paused', 'b Apply: .spec.replicas'],
    ],
    [
      'an update takes from an applier of the same name, too',
      [
        ['a', 'apply', spec({ replicas: 1, paused: true })],
        ['a', 'update', spec({ replicas: 2, paused: true })],
      ],
      ['a Apply: .spec.paused', 'a Update: .spec.replicas'],
    ],
    [
      'empty objects and nulls are owned; a selector is owned whole',
      [
        [
          'a',
          'apply',
          spec({ replicas: null, selector: { matchLabels: { a: 'b' } }, template: { spec: { securityContext: {} } } }),
        ],
      ],
      ['a Apply: .spec.replicas .spec.selector .spec.template.spec.securityContext'],
    ],
    [
      'set elements and keyed elements',
      [['a', 'apply', { metadata: { finalizers: ['x', 'y'], ownerReferences: [{ uid: 'u', name: 'n' }] } }]],
      ['a Apply: .metadata.finalizers[="x"] .metadata.finalizers[="y"] .metadata.ownerReferences[uid="u"]'],
    ],
    [
      'a port without a protocol is a TCP port; a node selector is one field',
      [
        [
          'a',
          'apply',
          spec({
            template: {
              spec: { nodeSelector: { a: 'b' }, containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] },
            },
          }),
        ],
      ],
      [
        'a Apply: .spec.template.spec.containers[name="c"] .spec.template.spec.containers[name="c"].name' +
          ' .spec.template.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"]' +
          ' .spec.template.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].containerPort .spec.template.spec.nodeSelector',
      ],
    ],
    [
      'what was there before anybody applied has an owner with a name of its own',
      [
        ['a', 'update', spec({ replicas: 1, paused: true })],
        ['', 'update', spec({ replicas: 1 })],
      ],
      ['a Update: .spec.replicas'],
    ],
  ])('%s', (_, steps, wanted) => expect(owners(run(steps).entries)).toEqual(wanted));

  it('an object that nobody owned is owned by before-first-apply when the first applies', () => {
    const live = spec({ replicas: 1, paused: true });
    const writer = { manager: 'a', apiVersion: 'apps/v1', now: '2026-01-01T00:00:00Z' };
    const conflicts = apply({ entries: [], live, zero, config: spec({ replicas: 2 }), shape, writer, force: false });
    expect(conflicts).toMatchObject({ conflicts: [{ owner: { manager: 'before-first-apply' } }] });
    const forced = apply({ entries: [], live, zero, config: spec({ replicas: 2 }), shape, writer, force: true });
    expect('entries' in forced && owners(forced.entries)).toEqual([
      'a Apply: .spec.replicas',
      'before-first-apply Update: .spec.paused',
    ]);
    expect(entriesAfterUpdate({ entries: [], before: live, zero, after: spec({}), shape, writer })).toEqual([]);
  });

  it('bumps the time of who took something, and of nobody else', () => {
    const { entries } = run([
      ['a', 'update', spec({ replicas: 1, paused: true })],
      ['b', 'update', spec({ replicas: 2, paused: true })],
      ['a', 'update', spec({ replicas: 2, paused: true })],
      ['b', 'update', spec({ replicas: 3, paused: true })],
    ]);
    expect(owners(entries, true)).toEqual(['a Update@0: .spec.paused', 'b Update@3: .spec.replicas']);
  });

  it('keeps ten updaters; the oldest become one', () => {
    const steps = Array.from({ length: 13 }, (_, i): Step => {
      const all = Object.fromEntries(Array.from({ length: i + 1 }, (__, n) => [`l${n}`, 'x']));
      return [`m${String(i).padStart(2, '0')}`, 'update', labels(all)];
    });
    // The clock of the steps goes round after ten: all of one second, then by name.
    const at = steps.map(([m, op, object]) => [m, op, object] as Step);
    const state: State = { object: undefined, entries: [], conflicts: [] };
    for (const step of at) doStep(state, step, 0);
    expect(state.entries.map((e) => e.manager)).toEqual([
      'ancient-changes',
      'm04',
      'm05',
      'm06',
      'm07',
      'm08',
      'm09',
      'm10',
      'm11',
      'm12',
    ]);
    expect(owners(state.entries)[0]).toBe(
      'ancient-changes Update: .metadata.labels .metadata.labels.l0 .metadata.labels.l1 .metadata.labels.l2 .metadata.labels.l3',
    );
  });
});

describe('conflicts', () => {
  it.each<[string, Step[], string[]]>([
    [
      'another value',
      [
        ['a', 'apply', spec({ replicas: 1 })],
        ['b', 'apply', spec({ replicas: 2 })],
      ],
      ['a .spec.replicas'],
    ],
    [
      'the same value is none',
      [
        ['a', 'apply', spec({ replicas: 1 })],
        ['b', 'apply', spec({ replicas: 1 })],
      ],
      [],
    ],
    [
      'what nobody owns is free',
      [
        ['a', 'apply', spec({ replicas: 1 })],
        ['b', 'apply', spec({ paused: true })],
      ],
      [],
    ],
    [
      'with an updater',
      [
        ['a', 'update', spec({ replicas: 1 })],
        ['a', 'apply', spec({ replicas: 2 })],
      ],
      ['a .spec.replicas'],
    ],
    [
      'inside a list with keys',
      [
        ['a', 'apply', container({ name: 'c', image: '1' }, { name: 'd', image: '1' })],
        ['b', 'apply', container({ name: 'c', image: '2' }, { name: 'e', image: '1' })],
      ],
      ['a .spec.template.spec.containers[name="c"].image'],
    ],
    [
      'a selector as a whole',
      [
        ['a', 'apply', spec({ selector: { matchLabels: { a: 'b' } } })],
        ['b', 'apply', spec({ selector: { matchLabels: { a: 'b', c: 'd' } } })],
      ],
      ['a .spec.selector'],
    ],
  ])('%s', (_, steps, wanted) => expect(run(steps).conflicts).toEqual(wanted));
});

describe('what an applier no longer says', () => {
  it.each<[string, Step[], JsonObject]>([
    [
      'goes',
      [
        ['a', 'apply', spec({ replicas: 1, paused: true })],
        ['a', 'apply', spec({ replicas: 1 })],
      ],
      spec({ replicas: 1 }),
    ],
    [
      'stays when another owns it',
      [
        ['a', 'apply', spec({ replicas: 1, paused: true })],
        ['b', 'apply', spec({ paused: true })],
        ['a', 'apply', spec({ replicas: 1 })],
      ],
      spec({ replicas: 1, paused: true }),
    ],
    [
      'stays when it was never the applier`s',
      [
        ['x', 'update', spec({ replicas: 1, minReadySeconds: 3 })],
        ['a', 'apply', spec({ paused: true })],
        ['a', 'apply', spec({ revisionHistoryLimit: 1 })],
      ],
      spec({ replicas: 1, minReadySeconds: 3, revisionHistoryLimit: 1 }),
    ],
    [
      'goes out of a list with its element; others keep theirs',
      [
        ['a', 'apply', container({ name: 'c', image: '1' }, { name: 'd', image: '1' })],
        ['b', 'apply', container({ name: 'e', image: '1' })],
        ['a', 'apply', container({ name: 'c', image: '1' })],
      ],
      container({ name: 'c', image: '1' }, { name: 'e', image: '1' }),
    ],
    [
      'leaves an element that another set a field of',
      [
        ['a', 'apply', container({ name: 'c', image: '1' }, { name: 'd', image: '1' })],
        ['b', 'apply', container({ name: 'd', tty: true })],
        ['a', 'apply', container({ name: 'c', image: '1' })],
      ],
      container({ name: 'c', image: '1' }, { name: 'd', tty: true }),
    ],
    [
      'goes out of a set and a map',
      [
        ['a', 'apply', { metadata: { finalizers: ['x', 'y'], labels: { l: '1', m: '1' } } }],
        ['b', 'apply', { metadata: { finalizers: ['z'], labels: { n: '1' } } }],
        ['a', 'apply', { metadata: { finalizers: ['x'], labels: { l: '1' } } }],
      ],
      { metadata: { finalizers: ['x', 'z'], labels: { l: '1', n: '1' } } },
    ],
    [
      'elements stand in the order applied, and others` where they were',
      [
        ['x', 'update', container({ name: 'own' }, { name: 'c' }, { name: 'd' })],
        ['a', 'apply', container({ name: 'd' }, { name: 'n' }, { name: 'c' })],
      ],
      container({ name: 'own' }, { name: 'd' }, { name: 'n' }, { name: 'c' }),
    ],
  ])('%s', (_, steps, wanted) => expect(run(steps).object).toEqual(wanted));
});

describe('configurations that no type takes', () => {
  it.each<[JsonObject, string]>([
    [spec({ foo: 1 }), '.spec.foo: field not declared in schema'],
    [container({ name: 'a' }, { name: 'a' }), '.spec.template.spec.containers: duplicate entries for key [name="a"]'],
    [{ metadata: { finalizers: ['x', 'x'] } }, '.metadata.finalizers: duplicate entries for key [="x"]'],
    [
      container({ image: 'x' }),
      '.spec.template.spec.containers: element 0: associative list with keys has an element that omits key field "name" (and doesn\'t have default value)',
    ],
    [spec({ replicas: '1' }), '.spec.replicas: expected numeric (int or float), got "1"'],
    [spec({ template: [] }), '.spec.template: expected map, got []'],
    [container('x' as never), '.spec.template.spec.containers: element 0: associative list'],
  ])('%j', (config, message) => expect(applyErrors(config, shape).join('\n')).toContain(message));
});

it.each<[unknown[] | undefined, ReturnType<typeof readGiven>]>([
  [undefined, 'nothing'],
  [[], 'reset'],
  [[{}], 'reset'],
  [[{}, {}], 'nothing'],
  [[{ manager: 'a', operation: 'Nothing', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: {} }], 'nothing'],
  [[{ manager: 'a', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { bad: {} } }], 'nothing'],
  [
    [{ fieldsV1: { 'f:a': {} }, fieldsType: 'FieldsV1', operation: 'Apply', apiVersion: 'v1', manager: 'a' }],
    [{ manager: 'a', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:a': {} } }],
  ],
])('managedFields of a client %j are read as %j', (given, read) => expect(readGiven(given)).toEqual(read));

import { describe, expect, it } from 'vitest';
import {
  asMember,
  difference,
  type FieldSet,
  insert,
  intersection,
  paths,
  pathText,
  readFieldSet,
  sorted,
  union,
} from './fieldset.ts';

const setOf = (...texts: string[]): FieldSet => {
  const set: FieldSet = {};
  for (const text of texts) insert(set, text.split(' '));
  return sorted(set);
};
const texts = (set: FieldSet): string[] => paths(set).map((p) => p.join(' '));

describe('sets of fields', () => {
  it.each<[string[], FieldSet]>([
    [[], {}],
    [['f:a'], { 'f:a': {} }],
    [['f:a f:b'], { 'f:a': { 'f:b': {} } }],
    [['f:a', 'f:a f:b'], { 'f:a': { '.': {}, 'f:b': {} } }],
    [['f:a f:b', 'f:a'], { 'f:a': { '.': {}, 'f:b': {} } }],
    [['f:l v:"x"', 'f:l'], { 'f:l': { '.': {}, 'v:"x"': {} } }],
  ])('%j is written %j', (members, written) => {
    expect(setOf(...members)).toEqual(written);
    expect(texts(written).sort()).toEqual([...members].sort());
    expect(readFieldSet(written)).toEqual(written);
  });

  it('a member becomes one only once', () => {
    expect(asMember(undefined)).toEqual({});
    expect(asMember({ 'f:a': {} })).toEqual({ '.': {}, 'f:a': {} });
    expect(asMember({ '.': {}, 'f:a': {} })).toEqual({ '.': {}, 'f:a': {} });
  });

  it('shares what an operation leaves alone', () => {
    const [a, b] = [setOf('f:a f:b', 'f:c'), setOf('f:z')];
    expect(difference(a, b)).toBe(a);
    expect(union(a, a)).toBe(a);
    expect(union(a, setOf('f:a f:b'))).toBe(a);
    expect(difference(a, setOf('f:c'))['f:a']).toBe(a['f:a']);
  });

  // Against sets of texts, where there is nothing to get wrong.
  it.each(Array.from({ length: 200 }, (_, seed) => seed))('algebra, seed %i', (seed) => {
    let state = seed * 7919 + 1;
    const random = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((state / 2 ** 31) * below);
    };
    const some = (): string[] => [
      ...new Set(
        Array.from({ length: random(8) }, () =>
          Array.from({ length: 1 + random(3) }, () => ['f:a', 'f:b', 'k:{"n":"x"}', 'v:1'][random(4)]).join(' '),
        ),
      ),
    ];
    const [left, right] = [some(), some()];
    const [a, b] = [setOf(...left), setOf(...right)];
    const before = JSON.stringify([a, b]);
    expect(texts(union(a, b)).sort()).toEqual([...new Set([...left, ...right])].sort());
    expect(texts(difference(a, b)).sort()).toEqual(left.filter((x) => !right.includes(x)).sort());
    expect(texts(intersection(a, b)).sort()).toEqual(left.filter((x) => right.includes(x)).sort());
    // One set has one spelling.
    expect(sorted(difference(union(a, b), b))).toEqual(setOf(...left.filter((x) => !right.includes(x))));
    expect(JSON.stringify([a, b])).toBe(before);
  });
});

describe('FieldsV1 of a client', () => {
  it.each<[unknown, FieldSet | undefined]>([
    [{ 'k:{"b":1,"a":"x"}': { '.': {} } }, { 'k:{"a":"x","b":1}': {} }],
    [{ 'v: "x"': {} }, { 'v:"x"': {} }],
    [{ 'i:3': {} }, { 'i:3': {} }],
    [{ 'i:x': {} }, undefined],
    [{ 'k:[]': {} }, undefined],
    [{ 'v:{': {} }, undefined],
    [{ name: {} }, undefined],
    [{ 'f:a': 1 }, undefined],
    [{ '.': {} }, undefined],
    [JSON.parse('{"__proto__":{}}'), undefined],
    [[], undefined],
    [null, undefined],
  ])('%j is %j', (given, read) => expect(readFieldSet(given)).toEqual(read));

  it('of any depth is refused', () => {
    let deep: Record<string, unknown> = {};
    for (let i = 0; i < 10_000; i += 1) deep = { 'f:a': deep };
    expect(readFieldSet(deep)).toBeUndefined();
  });
});

it.each([
  ['f:spec f:replicas', '.spec.replicas'],
  ['f:spec f:containers k:{"name":"web"} f:image', '.spec.containers[name="web"].image'],
  ['f:ports k:{"containerPort":80,"protocol":"TCP"}', '.ports[containerPort=80,protocol="TCP"]'],
  ['f:finalizers v:"x"', '.finalizers[="x"]'],
  ['f:l i:2', '.l[2]'],
])('%s is told as %s', (path, text) => expect(pathText(path.split(' '))).toBe(text));

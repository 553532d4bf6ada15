import { describe, expect, it } from 'vitest';
import { decodeJson, decodeYaml } from './body.ts';

describe('duplicate keys', () => {
  it.each([
    ['{"a":1,"b":{"a":1}}', []],
    ['{"a":1,"a":2}', ['a']],
    ['{"spec":{"x":[{"y":1},{"y":1,"z":2,"y":3}]}}', ['spec.x[1].y']],
    ['{"a":"\\"a\\":","b":":","c\\\\":1}', []],
    ['{"a":{"b":1},"a":{"b":1,"b":2}}', ['a', 'a.b']],
    ['{ "a" :1, "\\u0061" : 2 }', ['a']],
    ['[]', []],
    ['{"a":["x","x"],"b":"x"}', []],
  ])('%s: %j', (text, duplicates) => expect(decodeJson(text).duplicates).toEqual(duplicates));

  it('are found in YAML too', () => {
    expect(decodeYaml('a: 1\nb:\n  c: 1\n  c: 2\n').duplicates).toEqual(['line 4: key already set in map']);
    expect(decodeYaml('a: yes\nb: y\nmode: 0644\nn: no\n').value).toEqual({ a: true, b: 'y', mode: 0o644, n: false });
    expect(() => decodeYaml('a: [')).toThrow('error converting YAML to JSON');
  });
});

describe('texts that would exhaust the server are bad requests', () => {
  const nested = (levels: number): string => `${'{"a":['.repeat(levels)}1${']}'.repeat(levels)}`;
  const bomb = 'bcdef'.split('').reduce((lines, name, i) => {
    const tenfold = Array(10).fill(`*${'abcde'.charAt(i)}`);
    return `${lines}\n${name}: &${name} [${tenfold.join(', ')}]`;
  }, 'a: &a [x, x, x, x, x, x, x, x, x, x]');

  it.each([
    ['too deep', () => decodeJson(nested(600)), 'exceeded max depth'],
    ['far too deep', () => decodeJson(nested(100_000)), 'exceeded max depth'],
    ['aliases of aliases', () => decodeYaml(bomb), 'Excessive alias count'],
    ['an alias of nothing', () => decodeYaml('a: *b'), 'Unresolved alias'],
    ['an alias of itself', () => decodeYaml('a: &a [*a]'), 'error converting YAML to JSON'],
    ['no number', () => decodeYaml('a: .inf'), 'unsupported value: Infinity'],
    ['YAML that is too deep', () => decodeYaml('['.repeat(20_000)), 'error converting YAML to JSON'],
  ])('%s', (_name, decode, message) => {
    expect(decode).toThrow(message);
    expect(decode).toThrow(expect.objectContaining({ status: expect.objectContaining({ code: 400 }) as unknown }));
  });

  it('what is deep and no deeper is read', () => {
    expect(decodeJson(nested(500)).duplicates).toEqual([]);
    expect(decodeJson(`{"a":"${'['.repeat(5000)}"}`).value).toEqual({ a: '['.repeat(5000) });
  });
});

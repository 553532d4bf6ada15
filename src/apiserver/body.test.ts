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

import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { manifestYaml, yamlText } from './yaml.ts';

it.each([
  ['0644', 420],
  ['0x1f', 31],
  ['yes', true],
  ['off', false],
  ['y', 'y'],
  ['N', 'N'],
  ['12:30', '12:30'],
  ['8080:80', '8080:80'],
  ['190:20:30.15', '190:20:30.15'],
  ['2026-11-23', '2026-11-23'],
  ['2026-11-23T10:00:00Z', '2026-11-23T10:00:00Z'],
  ['~', null],
  ['1e3', 1000],
  ['"0644"', '0644'],
])('%s is %j', (text, value) => {
  expect(parse(`key: ${text}`, manifestYaml)).toEqual({ key: value });
});

it('merge keys take over what an anchor holds', () => {
  expect(parse('a: &a {x: 1}\nb: {<<: *a, y: 2}', manifestYaml)).toEqual({ a: { x: 1 }, b: { x: 1, y: 2 } });
});

it('what is written is read back as it was, by readers of 1.1 and of 1.2', () => {
  const strings = 'yes n on 1_000 1e3 0o7 0644 0x1f 12:30:45 2020-01-01 2026-11-23T10:00:00Z ~ null true .inf'.split(
    ' ',
  );
  const value = { ...Object.fromEntries(strings.map((s) => [s, s])), long: 'word '.repeat(40), lines: 'a\nb\n', n: 1 };
  const text = yamlText(value);
  expect(parse(text, manifestYaml)).toEqual(value);
  expect(parse(text, { version: '1.1' })).toEqual(value);
  expect(parse(text, { version: '1.2' })).toEqual(value);
});

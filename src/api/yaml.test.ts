import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { manifestYaml } from './yaml.ts';

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

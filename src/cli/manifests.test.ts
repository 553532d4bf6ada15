import { describe, expect, it } from 'vitest';
import { readManifests } from './manifests.ts';

const read = (text: string, path = 'a.yaml'): ReturnType<typeof readManifests> => readManifests([{ path, text }]);

describe('readManifests', () => {
  it('takes documents in their order, with file and line, and skips empty ones', () => {
    const text =
      '---\n# nothing\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}\n';
    expect(read(text).map((m) => [m.kind, m.where])).toEqual([
      ['Service', 'a.yaml:4'],
      ['Deployment', 'a.yaml:8'],
    ]);
  });

  it('takes a List apart', () => {
    const item = (name: string): string => `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}}`;
    const found = read(`{apiVersion: v1, kind: List, items: [${item('a')}, ${item('b')}]}`);
    expect(found.map((m) => m.object.metadata.name)).toEqual(['a', 'b']);
  });

  it.each([
    ['kind: Pod\nmetadata: {name: [}', /a\.yaml:2: not YAML/],
    ['a: 1\na: 2', /a\.yaml:2: not YAML: Map keys must be unique/],
    ['just text', /a\.yaml:1: wanted an object with apiVersion and kind, got string/],
    ['metadata: {name: x}\napiVersion: v1', /a\.yaml:1: kind is not set/],
    ['{apiVersion: v1, kind: Gadget, metadata: {name: x}}', /no matches for kind "Gadget" in version "v1"/],
    ['{apiVersion: v1, kind: deployment, metadata: {name: x}}', /served is Deployment in apps\/v1/],
    ['{apiVersion: v1, kind: Pod}', /metadata\.name: Required value/],
  ])('refuses %j', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it('lists everything that is wrong in all files at once', () => {
    const files = [
      { path: 'a.yaml', text: 'kind: Pod' },
      { path: '-', text: 'kind: Pod' },
    ];
    expect(() => readManifests(files)).toThrow(/nothing was applied:\n {2}a\.yaml:1: .*\n {2}standard input:1: /);
  });
});

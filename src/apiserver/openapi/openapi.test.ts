import { describe, expect, it } from 'vitest';
import { KINDS } from '../../api/kinds.ts';
import { kindTypeName, typeNames } from '../../api/schema.ts';
import { createOpenApi } from './documents.ts';
import { gnosticDocument } from './gnostic.ts';
import { openapiV2 } from './v2.ts';

type Json = Record<string, unknown>;
const v2 = openapiV2() as { paths: Record<string, Json>; definitions: Record<string, Json> };

describe('OpenAPI v2', () => {
  it('defines every type it refers to, and every kind', () => {
    const text = JSON.stringify(v2);
    const references = [...text.matchAll(/"#\/definitions\/([^"]+)"/g)].map((m) => m[1] ?? '');
    expect(references.length).toBeGreaterThan(500);
    expect(references.filter((r) => !(r in v2.definitions))).toEqual([]);
    expect(text).not.toContain('#/components/');
    expect(text).not.toContain('allOf');
    for (const { kind } of KINDS) expect(v2.definitions).toHaveProperty([kindTypeName(kind)]);
  });

  it('says where a list is merged, and what a PATCH takes', () => {
    const spec = v2.definitions['io.k8s.api.core.v1.PodSpec'] as { properties: Record<string, Json> };
    expect(spec.properties['volumes']).toEqual({
      type: 'array',
      items: { $ref: '#/definitions/io.k8s.api.core.v1.Volume' },
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge,retainKeys',
    });
    const item = v2.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'] as {
      patch: Json;
      parameters: Json[];
    };
    expect(item.patch['consumes']).toContain('application/strategic-merge-patch+json');
    expect(item.patch['x-kubernetes-group-version-kind']).toEqual({ group: 'apps', version: 'v1', kind: 'Deployment' });
    const names = (item.patch['parameters'] as Json[]).map((p) => p['name']);
    expect(names).toEqual(expect.arrayContaining(['body', 'dryRun', 'fieldValidation']));
    expect(item.parameters.map((p) => [p['name'], p['in'], p['type']])).toEqual([
      ['name', 'path', 'string'],
      ['namespace', 'path', 'string'],
    ]);
  });
});

/** Length-delimited fields of a message, by number; anything else there is an error. */
function fields(bytes: Uint8Array): [number, Uint8Array][] {
  const found: [number, Uint8Array][] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag % 8 === 0) found.push([Math.floor(tag / 8), Uint8Array.of(varint())]);
    else {
      expect(tag % 8).toBe(2);
      const size = varint();
      found.push([Math.floor(tag / 8), bytes.subarray(at, at + size)]);
      at += size;
    }
  }
  expect(at).toBe(bytes.length);
  return found;
}

describe('OpenAPI v2 as protobuf', () => {
  const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
  const one = (bytes: Uint8Array, number: number): Uint8Array =>
    fields(bytes).find(([n]) => n === number)?.[1] as Uint8Array;
  const all = (bytes: Uint8Array, number: number): Uint8Array[] =>
    fields(bytes).flatMap(([n, value]) => (n === number ? [value] : []));
  const document = gnosticDocument(openapiV2());

  it('has every path and definition by its name', () => {
    expect(text(one(document, 1))).toBe('2.0');
    const names = (list: Uint8Array[]): string[] => list.map((pair) => text(one(pair, 1)));
    expect(names(all(one(document, 8), 2)).sort()).toEqual(Object.keys(v2.paths).sort());
    expect(names(all(one(document, 9), 1)).sort()).toEqual(Object.keys(v2.definitions).sort());
  });

  it('has types, references and extensions in their fields', () => {
    const definitions = all(one(document, 9), 1);
    const schema = one(definitions.find((d) => text(one(d, 1)) === 'io.k8s.api.core.v1.PodSpec') as Uint8Array, 2);
    const properties = all(one(schema, 25), 1);
    const containers = one(properties.find((p) => text(one(p, 1)) === 'containers') as Uint8Array, 2);
    expect(text(one(one(containers, 22), 1))).toBe('array');
    expect(text(one(one(one(containers, 23), 1), 1))).toBe('#/definitions/io.k8s.api.core.v1.Container');
    const extensions = all(containers, 31).map((e) => [text(one(e, 1)), text(one(one(e, 2), 2))]);
    expect(extensions).toContainEqual(['x-kubernetes-patch-merge-key', '"name"']);
    expect(text(one(schema, 19))).toBe('containers');
  });
});

describe('OpenAPI v3 documents', () => {
  it('are found by the addresses of the index, each under the hash of its content', () => {
    const openApi = createOpenApi();
    const { paths } = openApi.index() as { paths: Record<string, { serverRelativeURL: string }> };
    const hashes = Object.entries(paths).map(([path, { serverRelativeURL }]) => {
      const document = openApi.get(path);
      expect(serverRelativeURL).toBe(`/openapi/v3/${path}?hash=${document?.hash}`);
      return document?.hash;
    });
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(openApi.get('apis/nope/v1')).toBeUndefined();
    expect(createOpenApi().get('api/v1')?.hash).toBe(openApi.get('api/v1')?.hash);
    expect(typeNames().length).toBeGreaterThan(100);
  });
});

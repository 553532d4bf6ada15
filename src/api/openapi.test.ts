import { describe, expect, it } from 'vitest';
import { KINDS } from './kinds.ts';
import { openapiV3 } from './openapi.ts';

interface Operation {
  readonly parameters: { name: string }[];
  readonly requestBody?: { content: Record<string, unknown> };
  readonly 'x-kubernetes-group-version-kind': { group: string; version: string; kind: string };
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, Record<string, unknown>> };
}
const documentOf = (group: string): Document => openapiV3(group, 'v1') as Document;
const GROUPS = [...new Set(KINDS.map(({ group }) => group))];

describe('openapiV3', () => {
  it.each(GROUPS)('group "%s": every reference is resolved', (group) => {
    const text = JSON.stringify(documentOf(group));
    const { schemas } = documentOf(group).components;
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      expect(schemas).toHaveProperty([name]);
  });

  it.each(KINDS.map(({ kind, group, version }) => [kind, group, version] as const))(
    '%s: apply finds its patch, the parameters it verifies, and its schema',
    (kind, group, version) => {
      const document = documentOf(group);
      const same = (gvk: unknown): boolean => JSON.stringify(gvk) === JSON.stringify({ group, version, kind });
      const patches = Object.values(document.paths)
        .map(({ patch }) => patch)
        .filter((patch) => patch !== undefined && same(patch['x-kubernetes-group-version-kind']));
      expect(patches.length).toBeGreaterThan(0);
      for (const patch of patches) {
        expect(Object.keys(patch?.requestBody?.content ?? {})).toContain('application/strategic-merge-patch+json');
        expect(patch?.parameters.map(({ name }) => name)).toEqual([
          'dryRun',
          'fieldManager',
          'fieldValidation',
          'force',
        ]);
      }
      const typed = Object.values(document.components.schemas).filter((schema) => {
        const gvks = schema['x-kubernetes-group-version-kind'] as unknown[] | undefined;
        return gvks?.some(same);
      });
      expect(typed).toHaveLength(1);
    },
  );

  it('says how lists are merged', () => {
    const { schemas } = documentOf('apps').components;
    expect(schemas['io.k8s.api.core.v1.PodSpec']?.['properties']).toMatchObject({
      containers: {
        type: 'array',
        items: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Container' }] },
        'x-kubernetes-patch-merge-key': 'name',
        'x-kubernetes-patch-strategy': 'merge',
      },
    });
    expect(schemas['io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector']).toMatchObject({
      'x-kubernetes-map-type': 'atomic',
    });
  });

  it('has paths for both scopes, subresources and lists', () => {
    expect(Object.keys(documentOf('apps').paths)).toEqual(
      expect.arrayContaining([
        '/apis/apps/v1/deployments',
        '/apis/apps/v1/namespaces/{namespace}/deployments',
        '/apis/apps/v1/namespaces/{namespace}/deployments/{name}',
        '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale',
        '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/status',
      ]),
    );
    expect(documentOf('').paths['/api/v1/nodes/{name}']?.['get']).toBeDefined();
    expect(documentOf('').components.schemas).toHaveProperty(['io.k8s.api.core.v1.PodList']);
  });
});

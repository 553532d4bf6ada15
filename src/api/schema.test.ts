import { describe, expect, it } from 'vitest';
import { KINDS } from './kinds.ts';
import { checkShape, checkTypeShape, pruneUnknown, rootSchema, typeNames, typeSchema } from './schema.ts';
import type { Kind } from './types.ts';

describe('facts', () => {
  it('has every kind served, and every type that a type refers to', () => {
    for (const { kind } of KINDS) expect(rootSchema(kind).fields['metadata']).toBeDefined();
    for (const name of typeNames()) {
      for (const [field, schema] of Object.entries(typeSchema(name)?.fields ?? {})) {
        const ref = schema.ref ?? schema.items?.ref;
        if (ref) expect(typeSchema(ref), `${name}.${field} -> ${ref}`).toBeDefined();
      }
    }
  });
  it('knows merge keys, list types and what is required', () => {
    const pod = typeSchema('io.k8s.api.core.v1.PodSpec')?.fields;
    expect(pod?.['containers']).toEqual({
      type: 'array',
      items: { type: 'object', ref: 'io.k8s.api.core.v1.Container' },
      required: true,
      mergeKey: 'name',
      patchStrategy: 'merge',
    });
    expect(pod?.['volumes']?.patchStrategy).toBe('merge,retainKeys');
    const service = typeSchema('io.k8s.api.core.v1.ServiceSpec')?.fields;
    expect(service?.['ports']?.listMapKeys).toEqual(['port', 'protocol']);
    expect(typeSchema('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector')?.atomic).toBe(true);
    // v1.35: newer than the package with the merge keys, older than the one with the fields.
    expect(typeSchema('io.k8s.api.core.v1.Container')?.fields['restartPolicyRules']?.listType).toBe('atomic');
    expect(pod?.['schedulingGroup']).toBeUndefined();
  });
  it('has no type of other groups', () => {
    expect(typeSchema('io.k8s.api.batch.v1.Job')).toBeUndefined();
    expect(typeSchema('toString')).toBeUndefined();
  });
});

describe('checkShape', () => {
  const cannot = (kind: Kind, rest: string): string =>
    `${kind} in version "v1" cannot be handled as a ${kind}: ${rest}`;
  it.each<[Kind, object, string]>([
    [
      'Service',
      { spec: { ports: [{ port: 'x' }] } },
      'json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
    ],
    [
      'Deployment',
      { spec: { replicas: 1.5 } },
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'Deployment',
      { spec: { replicas: 3e9 } },
      'json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'ConfigMap',
      { data: { a: 1 } },
      'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
    [
      'Pod',
      { metadata: { labels: ['a'] } },
      'json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string',
    ],
    [
      'Pod',
      { spec: { containers: { name: 'a' } } },
      'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    ['Pod', { spec: true }, 'json: cannot unmarshal bool into Go struct field Pod.spec of type v1.PodSpec'],
    [
      'Pod',
      { spec: { containers: [{ resources: { limits: { cpu: 'much' } } }] } },
      "spec.containers[0].resources.limits.cpu: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    ['Secret', { data: { a: '***' } }, 'data.a: illegal base64 data'],
    [
      'Lease',
      { spec: { renewTime: 'now' } },
      'spec.renewTime: parsing time "now" as "2006-01-02T15:04:05Z07:00": not an RFC 3339 time',
    ],
  ])('%s %j', (kind, object, message) => {
    expect(checkShape(kind, object)).toEqual({ wrongType: [cannot(kind, message)], unknown: [] });
  });
  it('lists unknown fields with their indices', () => {
    const pod = { Spec: 1, spec: { foo: 1, containers: [{}, { nmae: 'a', ports: [{ hostport: 1 }] }] } };
    expect(checkShape('Pod', pod)).toEqual({
      wrongType: [],
      unknown: ['Spec', 'spec.foo', 'spec.containers[1].nmae', 'spec.containers[1].ports[0].hostport'],
    });
  });
  it('takes null anywhere, numbers as quantities, and ints and text as targetPort', () => {
    const service = {
      metadata: { creationTimestamp: null },
      spec: { ports: [{ targetPort: 'http' }, { targetPort: 80 }] },
    };
    expect(checkShape('Service', service)).toEqual({ wrongType: [], unknown: [] });
    expect(checkShape('Node', { status: { capacity: { cpu: 2 } } }).wrongType).toEqual([]);
  });
  it('refuses what is no object', () => {
    expect(checkShape('Pod', [])).toEqual({ wrongType: [cannot('Pod', 'not a JSON object')], unknown: [] });
  });
  it('checks the bodies of subresources', () => {
    expect(checkTypeShape('io.k8s.api.autoscaling.v1.Scale', { spec: { replicas: 'x' } }).wrongType).toEqual([
      'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas of type int32',
    ]);
  });
});

describe('pruneUnknown', () => {
  it('drops unknown fields and nulls, and writes quantities and times canonically', () => {
    const pod = {
      metadata: {
        name: 'a',
        creationTimestamp: null,
        deletionTimestamp: '2026-01-01T01:00:00.7+01:00',
        labels: { a: null },
      },
      spec: { x: 1, containers: [{ name: 'c', y: 2, resources: { limits: { cpu: 0.5, memory: '1024Mi' } } }, null] },
    };
    expect(pruneUnknown('Pod', pod)).toEqual({
      metadata: { name: 'a', deletionTimestamp: '2026-01-01T00:00:00Z', labels: { a: '' } },
      spec: { containers: [{ name: 'c', resources: { limits: { cpu: '500m', memory: '1Gi' } } }, {}] },
    });
  });
  it('keeps microseconds', () => {
    const lease = { spec: { renewTime: '2026-01-01T01:00:00.123456+01:00' } };
    expect(pruneUnknown('Lease', lease)).toEqual({ spec: { renewTime: '2026-01-01T00:00:00.123456Z' } });
  });
  it('is not led astray by __proto__', () => {
    const object = JSON.parse('{"data":{"__proto__":"x"},"__proto__":{"y":1}}') as object;
    expect(JSON.stringify(pruneUnknown('ConfigMap', object))).toBe('{"data":{"__proto__":"x"}}');
  });
});

import { describe, expect, it } from 'vitest';
import type { Kind } from '../types.ts';
import { errorsOf, type Fields, KEY, LABEL, SUBDOMAIN, updateErrors, VALUE } from './sentences.ts';

describe('metadata', () => {
  it.each<[Kind, Fields, string[]]>([
    ['ConfigMap', {}, []],
    ['ConfigMap', { metadata: { name: 'a.b-c.1' } }, []],
    ['ConfigMap', { metadata: { name: 'A' } }, [`metadata.name: Invalid value: "A": ${SUBDOMAIN}`]],
    ['ConfigMap', { metadata: { name: '' } }, ['metadata.name: Required value: name or generateName is required']],
    ['ConfigMap', { metadata: { generateName: 'a-' } }, []],
    ['ConfigMap', { metadata: { namespace: '' } }, ['metadata.namespace: Required value']],
    [
      'ConfigMap',
      { metadata: { name: 'a'.repeat(254) } },
      [`metadata.name: Invalid value: "${'a'.repeat(254)}": must be no more than 253 bytes`],
    ],
    ['Namespace', { metadata: { name: 'a.b' } }, ['metadata.name: Invalid value: "a.b": must not contain dots']],
    [
      'Namespace',
      { metadata: { name: '-a' } },
      [`metadata.name: Invalid value: "-a": ${LABEL}`, `metadata.labels: Invalid value: "-a": ${VALUE}`],
    ],
    ['Namespace', { metadata: { namespace: 'y' } }, ['metadata.namespace: Forbidden: not allowed on this type']],
    [
      'ConfigMap',
      { metadata: { labels: { '-a': 'b', 'a/b/c': '', c: '-' } } },
      [
        `metadata.labels: Invalid value: "-a": ${KEY}`,
        "metadata.labels: Invalid value: \"a/b/c\": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        `metadata.labels: Invalid value: "-": ${VALUE}`,
      ],
    ],
    [
      'ConfigMap',
      { metadata: { labels: { '/a': '' } } },
      ['metadata.labels: Invalid value: "/a": prefix part must be non-empty'],
    ],
    ['ConfigMap', { metadata: { annotations: { 'Example.COM/a': 'anything: at all' } } }, []],
    [
      'ConfigMap',
      { metadata: { annotations: { a: 'x'.repeat(300_000) } } },
      ['metadata.annotations: Too long: may not be more than 262144 bytes'],
    ],
    [
      'ConfigMap',
      { metadata: { finalizers: ['own', 'a.b/c', 'orphan'] } },
      [
        'metadata.finalizers[0]: Invalid value: "own": name is neither a standard finalizer name nor is it fully qualified',
      ],
    ],
    [
      'ConfigMap',
      { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: '', name: 'a', uid: 'u' }] } },
      ['metadata.ownerReferences.kind: Invalid value: "": must not be empty'],
    ],
  ])('%s %j', (kind, fields, expected) => {
    const found = errorsOf(kind, fields);
    expect(found).toEqual(expected);
  });
  it('update', () => {
    expect(updateErrors('ConfigMap', { metadata: { uid: 'b' } }, { metadata: { uid: 'a' } })).toEqual([
      'metadata.uid: Invalid value: "b": field is immutable',
    ]);
    const old = { metadata: { deletionTimestamp: 'now', finalizers: ['a.b/c'] } };
    const now = { metadata: { finalizers: ['a.b/c', 'd.e/f'] } };
    expect(updateErrors('ConfigMap', now, old)).toEqual([
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"d.e/f"}',
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import type { Kind } from '../types.ts';
import { type FieldError, invalid } from './index.ts';
import { errorsOf, type Fields, IP, updateErrors } from './sentences.ts';

describe('the rest', () => {
  it.each<[Kind, Fields, string[]]>([
    ['EndpointSlice', { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] }, []],
    ['EndpointSlice', { endpoints: [] }, ['addressType: Required value']],
    [
      'EndpointSlice',
      { addressType: 'IPv4', endpoints: [{ addresses: [] }] },
      ['endpoints[0].addresses: Required value: must contain at least 1 address'],
    ],
    [
      'EndpointSlice',
      { addressType: 'IPv4', endpoints: [{ addresses: ['::2', '127.0.0.1'] }] },
      [
        'endpoints[0].addresses[0]: Invalid value: "::2": must be an IPv4 address',
        'endpoints[0].addresses[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
    [
      'EndpointSlice',
      { addressType: 'IPv4', endpoints: [], ports: [{ port: 1 }, { port: 2 }] },
      ['ports[1].name: Duplicate value: ""'],
    ],
    [
      'Endpoints',
      { subsets: [{ ports: [{ port: 80 }] }] },
      ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`'],
    ],
    [
      'Endpoints',
      { subsets: [{ addresses: [{ ip: 'x' }], ports: [{ port: 80 }] }] },
      [`subsets[0].addresses[0].ip: Invalid value: "x": ${IP}`],
    ],
    [
      'ConfigMap',
      { data: { '../a': 'b' } },
      [
        "data[../a]: Invalid value: \"../a\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        'data[../a]: Invalid value: "../a": must not start with \'..\'',
      ],
    ],
    ['ConfigMap', { data: { a: 'x'.repeat(1_048_577) } }, ['[]: Too long: may not be more than 1048576 bytes']],
    [
      'ConfigMap',
      { data: { a: 'b' }, binaryData: { a: 'eA==' } },
      ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    ],
    ['Secret', { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } }, ['data[tls.key]: Required value']],
    [
      'Secret',
      { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '{' } },
      ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character in JSON'],
    ],
    ['Secret', { type: 'kubernetes.io/basic-auth', stringData: { password: 'x' } }, []],
    [
      'Lease',
      { spec: { leaseDurationSeconds: 0 } },
      ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
    ],
    [
      'Node',
      { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }, { key: 'a', effect: 'NoSchedule' }, { key: 'b' }] } },
      [
        'spec.taints[1]: Duplicate value: {"key":"a","value":"","effect":"NoSchedule"}',
        'spec.taints[2].effect: Required value',
      ],
    ],
    [
      'Event',
      { involvedObject: { kind: 'Pod', namespace: 'other' } },
      ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
    ],
    ['Event', { involvedObject: { kind: 'Node', name: 'n' } }, []],
    [
      'ControllerRevision',
      { revision: -1 },
      ['revision: Invalid value: -1: must be greater than or equal to 0', 'data: Required value: data is mandatory'],
    ],
    ['ServiceAccount', {}, []],
  ])('%s %j', (kind, fields, expected) => expect(errorsOf(kind, fields)).toEqual(expected));

  it.each<[Kind, Fields, Fields, string[]]>([
    [
      'ConfigMap',
      { data: { a: 'c' } },
      { immutable: true, data: { a: 'b' } },
      [
        'immutable: Forbidden: field is immutable when `immutable` is set',
        'data: Forbidden: field is immutable when `immutable` is set',
      ],
    ],
    ['Secret', { type: 'b' }, { type: 'a' }, ['type: Invalid value: "b": field is immutable']],
    [
      'EndpointSlice',
      { addressType: 'IPv4', endpoints: [] },
      { addressType: 'IPv6', endpoints: [] },
      ['addressType: Invalid value: "IPv4": field is immutable'],
    ],
    [
      'Node',
      { spec: { podCIDRs: ['10.0.1.0/24'] } },
      { spec: { podCIDRs: ['10.0.0.0/24'] } },
      ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
    ],
    [
      'ControllerRevision',
      { data: { a: 1 } },
      { data: { a: 2 } },
      ['data: Invalid value: {"a":1}: field is immutable'],
    ],
  ])('update of a %s', (kind, now, old, expected) => expect(updateErrors(kind, now, old)).toEqual(expected));
});

describe('invalid', () => {
  const missing: FieldError = { type: 'FieldValueRequired', field: 'spec.a', detail: '' };
  const wrong: FieldError = { type: 'FieldValueInvalid', field: 'spec.b', badValue: 3, detail: 'must be 1' };
  it('says one error as it is', () => {
    expect(invalid('Deployment', 'web', [missing]).status).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Deployment.apps "web" is invalid: spec.a: Required value',
      reason: 'Invalid',
      details: {
        name: 'web',
        group: 'apps',
        kind: 'Deployment',
        causes: [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.a' }],
      },
      code: 422,
    });
  });
  it('says several in brackets, each once', () => {
    const { status } = invalid('Pod', 'p', [missing, wrong, wrong]);
    expect(status.message).toBe('Pod "p" is invalid: [spec.a: Required value, spec.b: Invalid value: 3: must be 1]');
    expect(status.details).not.toHaveProperty('group');
  });
});

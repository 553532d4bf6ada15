import { describe, expect, it } from 'vitest';
import { ApiError } from '../status.ts';
import { decodeProtobuf, type TypeMeta } from './decode.ts';
import { encodeEnvelope, encodeMessage, encodeProtobuf } from './encode.ts';

const text = new TextEncoder();
type Part = number | string | readonly Part[];

/** Bytes by hand: a number is a byte, a string its UTF-8, a list is preceded by its length. */
function bytes(...parts: readonly Part[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part): number[] => {
      if (typeof part === 'number') return [part];
      if (typeof part === 'string') return [...text.encode(part)];
      const inner = bytes(...part);
      return [inner.length, ...inner];
    }),
  );
}

/** k8s\0, then runtime.Unknown with its type and the message. */
const envelope = (apiVersion: string, kind: string, ...raw: Part[]): Uint8Array =>
  bytes('k8s', 0, 0x0a, [0x0a, [apiVersion], 0x12, [kind]], 0x12, raw);

const configMap: TypeMeta = { apiVersion: 'v1', kind: 'ConfigMap' };
const decode = (expected: TypeMeta, body: Uint8Array): unknown => decodeProtobuf(body, expected);
const refusal = (expected: TypeMeta, body: Uint8Array): string => {
  try {
    decodeProtobuf(body, expected);
  } catch (e) {
    if (e instanceof ApiError && e.status.code === 400) return e.message;
    throw e;
  }
  return 'taken';
};

describe('bytes by hand', () => {
  it('are a ConfigMap as clients send it: zero values on the wire, unsaid ones in JSON', () => {
    const emptyMeta = [0x0a, ['a'], 0x12, [], 0x1a, [], 0x38, 0x00, 0x42, []];
    const body = envelope('v1', 'ConfigMap', 0x0a, emptyMeta, 0x12, [0x0a, ['k'], 0x12, ['v']], 0x12, [0x0a, ['e']]);
    expect(decode(configMap, body)).toEqual({ ...configMap, metadata: { name: 'a' }, data: { k: 'v', e: '' } });
  });

  it('come out as they went in', () => {
    const object = { ...configMap, metadata: { name: 'a' }, data: { k: 'v' }, binaryData: { b: 'AAH/' } };
    const map = [0x0a, ['k'], 0x12, ['v']];
    const body = envelope('v1', 'ConfigMap', 0x0a, [0x0a, ['a']], 0x12, map, 0x1a, [
      0x0a,
      ['b'],
      0x12,
      [0x00, 0x01, 0xff],
    ]);
    expect(encodeProtobuf(object)).toEqual(body);
    expect(decode(configMap, body)).toEqual(object);
  });

  it('tell a pointer to zero from no value, and say what Go does not leave out', () => {
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment' };
    const spec = [0x08, 0x00, 0x12, [0x0a, [0x0a, ['a'], 0x12, ['b']]], 0x28, 0x00];
    expect(decode(deployment, envelope('apps/v1', 'Deployment', 0x0a, [0x0a, ['d']], 0x12, spec))).toEqual({
      ...deployment,
      metadata: { name: 'd' },
      spec: { replicas: 0, selector: { matchLabels: { a: 'b' } }, template: { metadata: {}, spec: {} }, strategy: {} },
      status: {},
    });
  });

  it('are ports by number and by name, times, and a DeleteOptions of any group', () => {
    const service = { apiVersion: 'v1', kind: 'Service' };
    const ports = [
      0x0a,
      [0x18, 0x50, 0x22, [0x08, 0x00, 0x10, 0x90, 0x3f]],
      0x0a,
      [0x18, 0x51, 0x22, [0x08, 0x01, 0x1a, ['w']]],
    ];
    expect(decode(service, envelope('v1', 'Service', 0x12, ports))).toMatchObject({
      spec: {
        ports: [
          { port: 80, targetPort: 8080 },
          { port: 81, targetPort: 'w' },
        ],
      },
    });
    // 1,767,822,848 s and 1,000,000 ns.
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
    const renewTime = [0x08, 0x80, 0xac, 0xfb, 0xca, 0x06, 0x10, 0xc0, 0x84, 0x3d];
    const body = envelope(lease.apiVersion, 'Lease', 0x0a, [0x42, renewTime], 0x12, [0x22, renewTime]);
    expect(decode(lease, body)).toMatchObject({
      metadata: { creationTimestamp: '2026-01-07T21:54:08Z' },
      spec: { renewTime: '2026-01-07T21:54:08.001000Z' },
    });
    const options = { apiVersion: 'v1', kind: 'DeleteOptions' };
    expect(decode(options, envelope('apps/v1', 'DeleteOptions', 0x08, 0x00, 0x22, ['Foreground']))).toEqual({
      kind: 'DeleteOptions',
      apiVersion: 'apps/v1',
      gracePeriodSeconds: 0,
      propagationPolicy: 'Foreground',
    });
  });

  it('are what was expected when they do not say what they are', () => {
    expect(decode(configMap, bytes('k8s', 0, 0x12, [0x12, [0x0a, ['k']]]))).toEqual({
      ...configMap,
      metadata: {},
      data: { k: '' },
    });
  });

  it('keep what is text: byte order marks, names of prototypes, large numbers', () => {
    const data = JSON.parse('{"__proto__":"\ufeffx","constructor":"ü☃"}') as Record<string, string>;
    const made = decode(configMap, encodeProtobuf({ ...configMap, metadata: { generation: 2 ** 53 - 1 }, data }));
    expect(JSON.stringify(made)).toBe(
      JSON.stringify({ ...configMapOrder, metadata: { generation: 2 ** 53 - 1 }, data }),
    );
  });
});

const configMapOrder = { kind: 'ConfigMap', apiVersion: 'v1' };

describe('what is malformed is refused', () => {
  it.each<[string, Uint8Array, string]>([
    ['nothing', bytes(), 'expected prefix [107 56 115 0]'],
    ['JSON', bytes('{}'), 'expected prefix [107 56 115 0]'],
    ['a length beyond the end', bytes('k8s', 0, 0x12, 0x05, 0x0a), 'unexpected EOF'],
    ['a number that does not end', envelope('v1', 'ConfigMap', 0x20, 0x80), 'unexpected EOF'],
    [
      'a number of eleven bytes',
      envelope('v1', 'ConfigMap', 0x20, ...Array<number>(11).fill(0xff)),
      'integer overflow',
    ],
    ['field 0', envelope('v1', 'ConfigMap', 0x00, 0x00), 'illegal tag 0'],
    ['a group that does not end', envelope('v1', 'ConfigMap', 0x7b), 'unexpected EOF'],
    ['an end of no group', envelope('v1', 'ConfigMap', 0x7c), 'illegal wire type 4'],
    ['a number where a text is', envelope('v1', 'ConfigMap', 0x12, [0x10, 0x01], 0x08, 0x01), 'wrong wireType = 0'],
    ['a kind that nobody knows', envelope('v9', 'Gadget'), 'no kind "Gadget" is registered for version "v9"'],
    [
      'a time of the year 300,000',
      envelope('v1', 'ConfigMap', 0x0a, [0x42, [0x08, ...bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)]]),
      'a time out of range',
    ],
  ])('%s', (_, body, message_) => expect(refusal(configMap, body)).toContain(message_));

  it('raw JSON is JSON, and no deeper than it can be walked', () => {
    const revision = { apiVersion: 'apps/v1', kind: 'ControllerRevision' };
    // LocalObjectReference has one field, a string with number 1, as RawExtension has its bytes.
    const raw = (json: string): Uint8Array => {
      const extension = encodeMessage('core.v1.LocalObjectReference', { name: json });
      const message_ = new Uint8Array([0x12, ...varint(extension.length)]);
      const whole = new Uint8Array(message_.length + extension.length);
      whole.set(message_);
      whole.set(extension, message_.length);
      return encodeEnvelope(revision, whole);
    };
    expect(refusal(revision, raw('{"a":'))).toContain('raw JSON: ');
    expect(refusal(revision, raw('['.repeat(100_000) + ']'.repeat(100_000)))).toContain('exceeded max depth');
    expect(decode(revision, raw('[[1]]'))).toMatchObject({ data: [[1]] });
  });

  it('fields that nobody knows are stepped over, groups in groups too', () => {
    const unknown = [
      0x7b,
      0x7b,
      0x08,
      0x01,
      0x7c,
      0x7c,
      0x79,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      0x7d,
      1,
      2,
      3,
      4,
      0x7a,
      ['x'],
      0x78,
      0x01,
    ];
    expect(decode(configMap, envelope('v1', 'ConfigMap', ...unknown, 0x12, [0x0a, ['k'], 0x12, ['v']]))).toEqual({
      ...configMap,
      metadata: {},
      data: { k: 'v' },
    });
  });
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

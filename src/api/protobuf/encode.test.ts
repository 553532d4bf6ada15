import { describe, expect, it } from 'vitest';
import { apiVersionOf, KINDS } from '../kinds.ts';
import { ApiError } from '../status.ts';
import { decodeProtobuf, type TypeMeta } from './decode.ts';
import { encodeEnvelope, encodeList, encodeMessage, encodeProtobuf, encodeWatchFrame } from './encode.ts';
import { type Field, message, messageNames, messageOf } from './messages.ts';

const configMap: TypeMeta = { apiVersion: 'v1', kind: 'ConfigMap' };

describe('lists and watches', () => {
  it('a list is its items one after the other', () => {
    const item = (name: string): Uint8Array => encodeMessage('core.v1.ConfigMap', { metadata: { name } });
    const type = { apiVersion: 'v1', kind: 'ConfigMapList' };
    const list = encodeList(type, { resourceVersion: '7' }, [item('a'), item('b')]);
    expect(decodeProtobuf(list, type)).toEqual({
      ...type,
      metadata: { resourceVersion: '7' },
      items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }],
    });
  });

  it('every list has its metadata in 1 and its items in 2', () => {
    for (const name of messageNames().filter((n) => n.endsWith('List'))) {
      const numbers = message(name).fields.map((f) => [f.name, f.number]);
      expect([name, ...numbers]).toEqual([name, ['metadata', 1], ['items', 2]]);
    }
  });

  it('a frame has its length in front, and an event without an envelope around an object with one', () => {
    const object = encodeEnvelope(configMap, encodeMessage('core.v1.ConfigMap', {}));
    const event = [
      0x0a,
      5,
      ...new TextEncoder().encode('ADDED'),
      0x12,
      object.length + 2,
      0x0a,
      object.length,
      ...object,
    ];
    expect(encodeWatchFrame('ADDED', object)).toEqual(Uint8Array.of(0, 0, 0, event.length, ...event));
  });
});

/** Any numbers, the same in each run. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** An object of that message with no zero in it: zeros may come or go, as the table says. */
function anyObject(name: string, next: () => number): Record<string, unknown> {
  const pick = (...from: readonly unknown[]): unknown => from[Math.floor(next() * from.length)];
  const value = (field: Field): unknown => {
    switch (field.letter) {
      case 's':
        return pick('a', 'web', 'ünï ☃', '\ufeffb', 'x'.repeat(200));
      case 'i':
        return pick(1, 127, 128, 65_535, 2 ** 31 - 1, -1, -(2 ** 31));
      case 'l':
        return pick(1, 300, 2 ** 31, 2 ** 40, 2 ** 53 - 1, -1, -(2 ** 53) + 1);
      case 'b':
        return true;
      case 'y':
        return pick('AA==', 'AAEC', '////');
      case 'q':
        return pick('100m', '1Gi');
      case 'x':
        return pick(80, -1, 'http', '25%');
      case 't':
        return pick('2025-12-12T00:00:00Z', '1969-12-31T23:59:59Z', '9999-12-31T23:59:59Z');
      case 'u':
        return pick('2025-12-12T00:00:00.123456Z', '1969-12-31T23:59:59.000001Z');
      case 'r':
        return pick({ a: [1, null, { b: 'c' }] }, [1], 'text', 5);
      case 'e':
        return pick(['a'], ['a', '', 'b']);
      default:
        return anyObject(field.message, next);
    }
  };
  const entries = message(name).fields.flatMap((field): [string, unknown][] => {
    if (field.flag === '=') return Object.entries(anyObject(field.message, next));
    if (next() < 0.4) return [];
    if (field.flag === '[') return [[field.name, next() < 0.5 ? [value(field)] : [value(field), value(field)]]];
    if (field.flag === '{') return [[field.name, { [next() < 0.5 ? 'b/c' : '']: value(field), z: value(field) }]];
    return [[field.name, value(field)]];
  });
  return Object.fromEntries(entries);
}

/** Refused as a bad request; whatever else is thrown is a fault of the decoder. */
function isRefused(type: TypeMeta, body: Uint8Array): boolean {
  try {
    decodeProtobuf(body, type);
  } catch (e) {
    if (e instanceof ApiError && e.status.code === 400) return true;
    throw e;
  }
  return false;
}

describe('any object of any kind', () => {
  const types = KINDS.flatMap((row) => [
    { apiVersion: apiVersionOf(row), kind: row.kind },
    { apiVersion: apiVersionOf(row), kind: `${row.kind}List` },
  ]);

  it.each(types.map((t, i) => [t.kind, t, i] as const))('%s goes round', (_, type, seed) => {
    const next = chance(seed);
    for (let i = 0; i < 10; i += 1) {
      const object = { ...type, ...anyObject(messageOf(type.apiVersion, type.kind) ?? '', next) };
      const once = decodeProtobuf(encodeProtobuf(object), type);
      expect(once).toMatchObject(object);
      expect(decodeProtobuf(encodeProtobuf(once), type)).toEqual(once);
    }
  });

  it('with bytes that are not its own is refused or read, and nothing else happens', () => {
    const next = chance(3);
    let refused = 0;
    for (const type of types.filter((t) => !t.kind.endsWith('List'))) {
      const whole = encodeProtobuf({ ...type, ...anyObject(messageOf(type.apiVersion, type.kind) ?? '', next) });
      for (let i = 0; i < 60; i += 1) {
        const broken = whole.slice(0, i % 3 === 0 ? Math.floor(next() * whole.length) : whole.length);
        for (let n = 0; n < i % 4; n += 1) broken[Math.floor(next() * broken.length)] = Math.floor(next() * 256);
        if (isRefused(type, broken)) refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(200);
  });
});

import { describe, expect, it } from 'vitest';
import { apiVersionOf, KINDS } from '../kinds.ts';
import { type FieldSchema, kindTypeName, type TypeSchema, typeNames, typeSchema } from '../schema.ts';
import { type Field, message, messageNames, messageOf } from './messages.ts';

/** The table and schema.json come from different sources and must say the same. */
describe('the field table', () => {
  const short = (name: string): string => name.replace(/^io\.k8s\.(api|apimachinery\.pkg\.apis)\./, '');
  const jsonFields = (name: string): [string, Field][] =>
    message(name).fields.flatMap((f) => (f.flag === '=' ? jsonFields(f.message) : [[f.name, f]]));
  const letters: Readonly<Record<string, string>> = {
    string: 's',
    boolean: 'b',
    quantity: 'q',
    intOrString: 'x',
    time: 't',
    microTime: 'u',
    bytes: 'y',
    any: 'r',
  };
  const one = (f: FieldSchema): string => {
    if (f.type === 'object') return `o:${short(f.ref ?? '')}`;
    if (f.type === 'integer') return f.format === 'int32' ? 'i' : 'l';
    return letters[f.type] ?? f.type;
  };
  const wanted = (f: FieldSchema): string =>
    f.type === 'array' || f.type === 'map' ? `${f.type === 'map' ? '{' : '['}${one(f.items as FieldSchema)}` : one(f);
  const said = (f: Field): string =>
    `${f.flag === '[' || f.flag === '{' ? f.flag : ''}${f.letter}${f.letter === 'o' ? `:${f.message}` : ''}`;

  it('has every kind that is served, with its list', () => {
    for (const row of KINDS) {
      expect(messageOf(apiVersionOf(row), row.kind)).toBe(short(kindTypeName(row.kind)));
      expect(messageOf(apiVersionOf(row), `${row.kind}List`)).toBe(`${short(kindTypeName(row.kind))}List`);
    }
  });

  it('has the fields of schema.json, with their types', () => {
    const differences: string[] = [];
    for (const full of typeNames()) {
      const type = typeSchema(full) as TypeSchema;
      const name = short(full);
      if (!messageNames().includes(name)) {
        differences.push(`only in schema.json: ${name}`);
        continue;
      }
      const { apiVersion: _a, kind: _k, ...rest } = type.fields;
      const isRoot = 'metadata' in type.fields || messageOf('v1', name.split('.').at(-1) ?? '') === name;
      const expected = Object.entries(isRoot ? rest : type.fields).map(([f, s]) => `${name}.${f} ${wanted(s)}`);
      const found = jsonFields(name).map(([f, field]) => `${name}.${f} ${said(field)}`);
      differences.push(...expected.filter((e) => !found.includes(e)).map((e) => `only in schema.json: ${e}`));
      differences.push(...found.filter((f) => !expected.includes(f)).map((f) => `only in messages.json: ${f}`));
    }
    // Alpha in v1.35 and gone in v1.36, where schema.json comes from.
    expect(differences).toEqual(['only in messages.json: core.v1.PodSpec.workloadRef o:core.v1.WorkloadReference']);
  });

  it('nests no message in itself: the stack of the decoder ends with the types', () => {
    const walk = (name: string, above: readonly string[]): void => {
      expect(above).not.toContain(name);
      for (const f of message(name).fields) if (f.letter === 'o') walk(f.message, [...above, name]);
    };
    for (const row of KINDS) walk(messageOf(apiVersionOf(row), row.kind) ?? '', []);
  });
});

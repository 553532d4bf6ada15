// A v2 document as the protobuf that kubectl asks for (openapi.v2.Document of github.com/google/gnostic). The numbers are
// the fields' numbers there; what a document of ours never has is left out.
import { joinBytes } from '../../lib/bytes.ts';
import type { Json } from './v2.ts';

export const protobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** A message is its fields, each already encoded. */
type Bytes = readonly Uint8Array[];

const text = new TextEncoder();

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Uint8Array.from(out);
}

const VARINT = 0;
const LENGTH = 2;
const tag = (field: number, wire: number): Uint8Array => varint(field * 8 + wire);

const message = (field: number, parts: Bytes): Bytes => {
  const content = joinBytes(parts);
  return [tag(field, LENGTH), varint(content.length), content];
};
const string = (field: number, value: unknown): Bytes =>
  typeof value === 'string' && value !== '' ? message(field, [text.encode(value)]) : [];
const strings = (field: number, values: unknown): Bytes =>
  Array.isArray(values) ? values.flatMap((v) => message(field, [text.encode(v as string)])) : [];
const bool = (field: number, value: unknown): Bytes => (value === true ? [tag(field, VARINT), varint(1)] : []);

/** A map is a list of its pairs: name 1, value 2. */
const pairs = (field: number, object: unknown, value: (v: Json) => Bytes): Bytes =>
  Object.entries((object ?? {}) as Json).flatMap(([name, v]) =>
    message(field, [...string(1, name), ...message(2, value(v as Json))]),
  );

/** x-kubernetes-...: pairs whose value is YAML text, and JSON is YAML. */
const extensions = (field: number, object: Json): Bytes =>
  Object.entries(object)
    .filter(([name]) => name.startsWith('x-'))
    .flatMap(([name, v]) => message(field, [...string(1, name), ...message(2, string(2, JSON.stringify(v)))]));

function schema(s: Json): Bytes {
  const { items, additionalProperties, properties } = s;
  return [
    ...string(1, s['$ref']),
    ...string(2, s['format']),
    ...string(4, s['description']),
    ...bool(16, s['uniqueItems']),
    ...strings(19, s['required']),
    ...(additionalProperties ? message(21, message(1, schema(additionalProperties as Json))) : []),
    ...(s['type'] === undefined ? [] : message(22, string(1, s['type']))),
    ...(items ? message(23, message(1, schema(items as Json))) : []),
    ...(properties ? message(25, pairs(1, properties, schema)) : []),
    ...extensions(31, s),
  ];
}

/** ParametersItem > Parameter > body, or > NonBodyParameter > query or path. */
function parameter(p: Json): Bytes {
  const { name, in: place, required } = p;
  if (place === 'body') {
    const body = [
      ...string(2, name),
      ...string(3, place),
      ...bool(4, required),
      ...message(5, schema(p['schema'] as Json)),
    ];
    return message(1, message(1, body));
  }
  // Only a query's parameter may be empty, so the fields after its name have other numbers.
  const query = place === 'query';
  const type = query ? 6 : 5;
  const unique = query ? 20 : 19;
  const fields = [
    ...bool(1, required),
    ...string(2, place),
    ...string(4, name),
    ...string(type, p['type']),
    ...bool(unique, p['uniqueItems']),
  ];
  return message(1, message(2, message(query ? 3 : 4, fields)));
}

const parameters = (field: number, list: unknown): Bytes =>
  ((list ?? []) as Json[]).flatMap((p) => message(field, parameter(p)));

const response = (r: Json): Bytes =>
  message(1, [
    ...string(1, r['description']),
    ...(r['schema'] ? message(2, message(1, schema(r['schema'] as Json))) : []),
  ]);

const operation = (o: Json): Bytes => [
  ...strings(6, o['produces']),
  ...strings(7, o['consumes']),
  ...parameters(8, o['parameters']),
  ...message(9, pairs(1, o['responses'], response)),
  ...extensions(13, o),
];

const operationFields: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

const pathItem = (p: Json): Bytes => [
  ...Object.entries(operationFields).flatMap(([method, field]) =>
    p[method] ? message(field, operation(p[method] as Json)) : [],
  ),
  ...parameters(9, p['parameters']),
];

/** The document of openapiV2. */
export function gnosticDocument(document: Json): Uint8Array {
  const info = document['info'] as Json;
  return joinBytes([
    ...string(1, document['swagger']),
    ...message(2, [...string(1, info['title']), ...string(2, info['version'])]),
    ...message(8, pairs(2, document['paths'], pathItem)),
    ...message(9, pairs(1, document['definitions'], schema)),
  ]);
}

// OpenAPI v2 ("swagger") of the whole API, for kubectl up to about 1.27: it validates, merges and explains from nothing
// else. Made from the v3 documents: one vocabulary of types, two notations.
//
//   v3  {allOf: [{$ref: '#/components/schemas/X'}], x-...}        v2  {$ref: '#/definitions/X', x-...}
//       requestBody.content[type].schema                              consumes: [type], a parameter in: body
import { openapiV3 } from '../../api/openapi.ts';
import { groupVersions } from '../discovery.ts';

export type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const definition = (reference: unknown): string => String(reference).replace('#/components/schemas/', '#/definitions/');

function schema(v3: Json): Json {
  const { allOf, oneOf, properties, items, additionalProperties, $ref, ...rest } = v3;
  const only = Array.isArray(allOf) ? (allOf[0] as Json) : undefined;
  if (only?.['$ref'] !== undefined) return { $ref: definition(only['$ref']), ...rest };
  if ($ref !== undefined) return { $ref: definition($ref), ...rest };
  return {
    ...rest,
    // Quantity and IntOrString: v2 has no alternatives and calls both strings.
    ...(oneOf === undefined ? {} : { type: 'string' }),
    ...(isObject(items) ? { items: schema(items) } : {}),
    ...(isObject(additionalProperties) ? { additionalProperties: schema(additionalProperties) } : {}),
    ...(isObject(properties) ? { properties: mapped(properties, schema) } : {}),
  };
}

const mapped = (object: Json, change: (value: Json) => Json): Json =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value as Json)]));

/** A parameter of a query or a path says its type itself in v2. */
function parameter(v3: Json): Json {
  const { schema: type, ...rest } = v3;
  return { ...rest, ...(type as Json) };
}

function operation(v3: Json): Json {
  const { parameters = [], requestBody, responses, ...extensions } = v3;
  const content = ((requestBody as Json | undefined)?.['content'] ?? {}) as Record<string, { schema: Json }>;
  const [body] = Object.values(content);
  return {
    consumes: body ? Object.keys(content) : ['*/*'],
    produces: ['application/json', 'application/yaml'],
    parameters: [
      ...(body ? [{ name: 'body', in: 'body', required: true, schema: schema(body.schema) }] : []),
      ...(parameters as Json[]).map(parameter),
    ],
    responses: mapped(responses as Json, ({ description, content: answer }) => {
      const [first] = Object.values((answer ?? {}) as Record<string, { schema: Json }>);
      return { description, ...(first ? { schema: schema(first.schema) } : {}) };
    }),
    ...extensions,
  };
}

function pathItem(v3: Json): Json {
  const { parameters, ...operations } = v3;
  return {
    ...mapped(operations, operation),
    ...(Array.isArray(parameters) ? { parameters: (parameters as Json[]).map(parameter) } : {}),
  };
}

export function openapiV2(): Json {
  const documents = groupVersions().map(({ group, version }) => openapiV3(group, version) as Json);
  const paths = documents.map((d) => mapped(d['paths'] as Json, pathItem));
  const definitions = documents.map((d) => mapped((d['components'] as Json)['schemas'] as Json, schema));
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.35.0+podlan' },
    paths: Object.assign({}, ...paths) as Json,
    definitions: Object.assign({}, ...definitions) as Json,
  };
}

// OpenAPI v3 of one group version, made from schema.json and the table of kinds. kubectl reads from it how to merge lists
// (apply), what may be validated by the server (create, apply, replace) and the fields of a type (explain). No prose.
import { apiVersionOf, groupVersionPath, KINDS, type KindRow } from './kinds.ts';
import { type FieldSchema, kindTypeName, type TypeSchema, typeSchema } from './schema.ts';

type Json = Record<string, unknown>;

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const DELETE_OPTIONS = `${META}.DeleteOptions`;
const STATUS = `${META}.Status`;
const SCALE = 'io.k8s.api.autoscaling.v1.Scale';
const BINDING = 'io.k8s.api.core.v1.Binding';
const EVICTION = 'io.k8s.api.policy.v1.Eviction';

/** Types that are one JSON value with a name of its own: explain shows `<Quantity>`, not `<string>`. */
const NAMED: { readonly [T in FieldSchema['type']]?: { readonly name: string; readonly schema: Json } } = {
  quantity: {
    name: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
    schema: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  intOrString: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    schema: { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string' },
  },
  time: { name: `${META}.Time`, schema: { type: 'string', format: 'date-time' } },
  microTime: { name: `${META}.MicroTime`, schema: { type: 'string', format: 'date-time' } },
};

const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const SUBRESOURCE_KINDS: Readonly<Record<string, GroupVersionKind>> = {
  [SCALE]: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  [BINDING]: { group: '', version: 'v1', kind: 'Binding' },
  [EVICTION]: { group: 'policy', version: 'v1', kind: 'Eviction' },
  [STATUS]: { group: '', version: 'v1', kind: 'Status' },
};

const gvkOf = ({ group, version, kind }: KindRow): GroupVersionKind => ({ group, version, kind });

/** Types that stand for themselves in apiVersion and kind. */
const TOP_LEVEL: ReadonlyMap<string, GroupVersionKind> = new Map([
  ...Object.entries(SUBRESOURCE_KINDS),
  ...KINDS.flatMap((row): [string, GroupVersionKind][] => [
    [kindTypeName(row.kind), gvkOf(row)],
    [`${kindTypeName(row.kind)}List`, { ...gvkOf(row), kind: `${row.kind}List` }],
  ]),
]);

/** Collects the types that a document's paths and other types refer to. */
class Components {
  readonly schemas: Json = {};

  use(name: string): Json {
    if (!Object.hasOwn(this.schemas, name)) {
      const type = typeSchema(name);
      if (!type) throw new Error(`no schema of ${name}`);
      this.schemas[name] = {};
      this.schemas[name] = this.type(type);
    }
    return reference(name);
  }

  private type(type: TypeSchema): Json {
    const fields = Object.entries(type.fields);
    const required = fields.filter(([, field]) => field.required).map(([name]) => name);
    const gvk = TOP_LEVEL.get(type.name);
    return {
      type: 'object',
      ...(required.length > 0 ? { required } : {}),
      properties: Object.fromEntries(fields.map(([name, field]) => [name, this.field(field)])),
      ...(type.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(gvk ? { 'x-kubernetes-group-version-kind': [gvk] } : {}),
    };
  }

  private field(field: FieldSchema): Json {
    return {
      ...this.value(field),
      ...(field.mergeKey ? { 'x-kubernetes-patch-merge-key': field.mergeKey } : {}),
      ...(field.patchStrategy ? { 'x-kubernetes-patch-strategy': field.patchStrategy } : {}),
      ...(field.listType ? { 'x-kubernetes-list-type': field.listType } : {}),
      ...(field.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(field.listMapKeys ? { 'x-kubernetes-list-map-keys': field.listMapKeys } : {}),
    };
  }

  private value(field: FieldSchema): Json {
    const named = NAMED[field.type];
    if (named) {
      this.schemas[named.name] = named.schema;
      return { allOf: [reference(named.name)] };
    }
    switch (field.type) {
      case 'object':
        // Alone, a $ref could not carry the extensions beside it.
        return { allOf: [this.use(field.ref ?? '')] };
      case 'array':
        return { type: 'array', items: field.items ? this.value(field.items) : {} };
      case 'map':
        return { type: 'object', additionalProperties: field.items ? this.value(field.items) : {} };
      case 'bytes':
        return { type: 'string', format: 'byte' };
      case 'any':
        return { type: 'object' };
      default:
        return { type: field.type, ...(field.format ? { format: field.format } : {}) };
    }
  }
}

const query = (...names: string[]): Json[] =>
  names.map((name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } }));
const inPath = (...names: string[]): Json[] =>
  names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string', uniqueItems: true } }));

const WRITE = ['dryRun', 'fieldManager', 'fieldValidation'];
const LIST = ['allowWatchBookmarks', 'continue', 'fieldSelector', 'labelSelector', 'limit'];
const WATCH = ['resourceVersion', 'resourceVersionMatch', 'sendInitialEvents', 'timeoutSeconds', 'watch'];
const DELETE = ['dryRun', 'gracePeriodSeconds', 'propagationPolicy'];

/** Of a PATCH; the second is what makes kubectl merge lists by their keys. */
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

const content = (schema: Json, types: readonly string[]): Json =>
  Object.fromEntries(types.map((type) => [type, { schema }]));
const BODY = ['application/json', 'application/yaml'];
/** A patch is any object: its shape depends on its type. */
const ANY = { type: 'object' };

const operation = (action: string, gvk: GroupVersionKind, parameters: Json[], answer: Json, body?: Json): Json => ({
  parameters,
  ...(body ? { requestBody: { content: body } } : {}),
  responses: { 200: { description: 'OK', content: content(answer, BODY) }, 401: { description: 'Unauthorized' } },
  'x-kubernetes-action': action,
  'x-kubernetes-group-version-kind': gvk,
});

function collectionPath(components: Components, row: KindRow, creates: boolean): Json {
  const type = kindTypeName(row.kind);
  const [gvk, object, list] = [gvkOf(row), components.use(type), components.use(`${type}List`)];
  const get = operation('list', gvk, query(...LIST, ...WATCH), list);
  if (!creates) return { get };
  const post = operation('post', gvk, query(...WRITE), object, content(object, BODY));
  if (!row.deletesCollection) return { get, post };
  return {
    get,
    post,
    delete: operation(
      'deletecollection',
      gvk,
      query(...DELETE, ...LIST),
      components.use(STATUS),
      content(components.use(DELETE_OPTIONS), BODY),
    ),
  };
}

/** get, put and patch of an object, its status or its scale. */
function objectOperations(gvk: GroupVersionKind, object: Json): Json {
  return {
    get: operation('get', gvk, [], object),
    put: operation('put', gvk, query(...WRITE), object, content(object, BODY)),
    patch: operation('patch', gvk, query(...WRITE, 'force'), object, content(ANY, PATCH_TYPES)),
  };
}

function subresourcePath(components: Components, row: KindRow, subresource: string): Json | undefined {
  const post = (type: string): Json => {
    const object = components.use(type);
    const gvk = SUBRESOURCE_KINDS[type] ?? gvkOf(row);
    return { post: operation('post', gvk, query(...WRITE), object, content(object, BODY)) };
  };
  switch (subresource) {
    case 'status':
      return objectOperations(gvkOf(row), components.use(kindTypeName(row.kind)));
    case 'finalize': {
      const object = components.use(kindTypeName(row.kind));
      return { put: operation('put', gvkOf(row), query(...WRITE), object, content(object, BODY)) };
    }
    case 'scale':
      return objectOperations(SUBRESOURCE_KINDS[SCALE] ?? gvkOf(row), components.use(SCALE));
    case 'binding':
      return post(BINDING);
    case 'eviction':
      return post(EVICTION);
    default:
      // exec, attach, log, portforward are streams: nothing of theirs has a schema.
      return undefined;
  }
}

function kindPaths(components: Components, row: KindRow): Record<string, Json> {
  const base = groupVersionPath(row);
  const scope = row.namespaced ? '/namespaces/{namespace}' : '';
  const collection = `${base}${scope}/${row.plural}`;
  const scopeParameters = row.namespaced ? ['namespace'] : [];
  const objectParameters = inPath('name', ...scopeParameters);
  const object = components.use(kindTypeName(row.kind));
  const paths: Record<string, Json> = {
    [collection]: { ...collectionPath(components, row, true), parameters: inPath(...scopeParameters) },
    [`${collection}/{name}`]: {
      ...objectOperations(gvkOf(row), object),
      delete: operation(
        'delete',
        gvkOf(row),
        query(...DELETE),
        components.use(STATUS),
        content(components.use(DELETE_OPTIONS), BODY),
      ),
      parameters: objectParameters,
    },
  };
  if (row.namespaced) paths[`${base}/${row.plural}`] = collectionPath(components, row, false);
  for (const subresource of row.subresources) {
    const path = subresourcePath(components, row, subresource);
    if (path) paths[`${collection}/{name}/${subresource}`] = { ...path, parameters: objectParameters };
  }
  return paths;
}

/** The document at /openapi/v3/api/v1 ('' and 'v1') or /openapi/v3/apis/<group>/<version>. */
export function openapiV3(group: string, version: string): object {
  const components = new Components();
  const rows = KINDS.filter((row) => row.group === group && row.version === version);
  const paths = Object.assign({}, ...rows.map((row) => kindPaths(components, row))) as Json;
  const [first] = rows;
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: first ? apiVersionOf(first) : version },
    paths,
    components: { schemas: components.schemas },
  };
}

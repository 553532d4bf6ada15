// Writes src/api/protobuf/messages.json: the field numbers of the types that are served, for clients that speak protobuf.
//
// The sources are no dependencies of the project. To generate anew (after a row was added to src/api/kinds.ts):
//
//     mkdir /tmp/protobuf && cd /tmp/protobuf && export GOFLAGS=-mod=mod GOMODCACHE=/tmp/protobuf && go mod init facts
//     go get k8s.io/api@v0.35.0 k8s.io/apimachinery@v0.35.0
//     cd <project> && node scripts/schema/protobuf.ts /tmp/protobuf/k8s.io/api@v0.35.0 /tmp/protobuf/k8s.io/apimachinery@v0.35.0
//
// The .proto files give messages, numbers and wire types. They do not say what a field is in JSON (its name, whether zero
// is left out, whether zero and absent differ): the tags of the Go structs beside them do. What stands in only one of the
// two is an error: better loud than lost.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KINDS } from '../../src/api/kinds.ts';

/** Bodies and answers that are no served kind. Reviews and tokens: all that a client sends without storing it. */
const BESIDE_KINDS = [
  ...['Status', 'DeleteOptions', 'WatchEvent', 'PartialObjectMetadata', 'PartialObjectMetadataList'].map(
    (type) => `meta.v1.${type}`,
  ),
  'core.v1.Binding',
  'policy.v1.Eviction',
  'autoscaling.v1.Scale',
  'authentication.v1.TokenRequest',
  'authentication.v1.TokenReview',
  'authentication.v1.SelfSubjectReview',
  ...['SubjectAccessReview', 'LocalSubjectAccessReview', 'SelfSubjectAccessReview', 'SelfSubjectRulesReview'].map(
    (type) => `authorization.v1.${type}`,
  ),
];

/** Messages whose JSON is no object; their letters are read in src/api/protobuf/messages.ts. */
const LETTERS: Readonly<Record<string, string>> = {
  string: 's',
  int32: 'i',
  int64: 'l',
  bool: 'b',
  bytes: 'y',
  'api.resource.Quantity': 'q',
  'util.intstr.IntOrString': 'x',
  'meta.v1.Time': 't',
  'meta.v1.MicroTime': 'u',
  'runtime.RawExtension': 'r',
  'meta.v1.FieldsV1': 'r',
};
/** Structs in Go although their JSON is a scalar: omitempty does nothing to them. */
const STRUCT_LETTERS = new Set(['q', 'x', 't', 'u', 'r']);

interface ProtoField {
  readonly label: 'optional' | 'repeated' | 'map';
  readonly type: string;
  readonly name: string;
  readonly number: number;
}
interface GoField {
  readonly type: string;
  readonly json: string;
}

const shortName = (full: string): string => full.replace(/^\.?k8s\.io\.(api|apimachinery\.pkg(\.apis)?)\./, '');

/** Short message name -> fields. */
const messages = new Map<string, readonly ProtoField[]>();
/** Short type name -> field number -> what the struct's tags say. */
const structs = new Map<string, ReadonlyMap<number, GoField>>();

function readProto(text: string): string {
  const bare = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const group = shortName(`${/^package (.*);$/m.exec(bare)?.[1]}.`);
  for (const [, name = '', body = ''] of bare.matchAll(/^message (\w+) \{([\s\S]*?)^\}/gm)) {
    const fields = [...body.matchAll(/(optional|repeated|map<string, ([\w.]+)>) ?([\w.]*) (\w+) = (\d+);/g)];
    if (fields.length !== body.split(';').length - 1)
      throw new Error(`${group}${name}: a field that is not understood`);
    messages.set(
      `${group}${name}`,
      fields.map(([, label = '', value, type = '', field = '', number]) => {
        const raw = value ?? type;
        const local = raw in LETTERS || raw.includes('.') ? shortName(raw) : `${group}${raw}`;
        const kind = value === undefined ? (label as ProtoField['label']) : 'map';
        return { label: kind, type: local, name: field, number: Number(number) };
      }),
    );
  }
  return group;
}

function readGo(text: string, group: string): void {
  for (const [, name = '', body = ''] of text.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
    const fields = new Map<number, GoField>();
    for (const [, left = '', tags = ''] of body.matchAll(/^\t([^/\n`]+?) *`(.*)`/gm)) {
      const number = /protobuf:"\w+,(\d+)/.exec(tags)?.[1];
      if (number === undefined) continue;
      const type = left.trim().split(/\s+/).at(-1) ?? '';
      fields.set(Number(number), { type, json: /json:"([^"]*)"/.exec(tags)?.[1] ?? '' });
    }
    structs.set(`${group}${name}`, fields);
  }
}

function readPackages(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) readPackages(join(dir, entry.name));
  }
  const proto = join(dir, 'generated.proto');
  if (!existsSync(proto)) return;
  const group = readProto(readFileSync(proto, 'utf8'));
  for (const file of readdirSync(dir)) {
    if (file.endsWith('.go') && !/_test\.go$|generated/.test(file))
      readGo(readFileSync(join(dir, file), 'utf8'), group);
  }
}

/** A message around a list, for the values of a map of lists: in JSON it is the list. */
const isStrings = (type: string): boolean => !structs.has(type) && messages.get(type)?.[0]?.name === 'items';

function typeCode(type: string, queue: string[]): string {
  const letter = LETTERS[type];
  if (letter !== undefined) return letter;
  if (isStrings(type)) return 'e';
  queue.push(type);
  return `o:${type}`;
}

/** The code of one field, e.g. '1!s', '3*i', '4[o:core.v1.Container', '2{q' (key in src/api/protobuf/messages.ts). */
function fieldCode(field: ProtoField, go: GoField, queue: string[]): string {
  const code = typeCode(field.type, queue);
  if (field.label !== 'optional') return `${field.number}${field.label === 'map' ? '{' : '['}${code}`;
  const [, ...options] = go.json.split(',');
  const flag = (): string => {
    if (options.includes('inline')) return '=';
    if (go.type.startsWith('*')) return '*';
    if (options.includes('omitzero')) return '';
    const isStruct = code.startsWith('o:') || STRUCT_LETTERS.has(code);
    return isStruct || !options.includes('omitempty') ? '!' : '';
  };
  return `${field.number}${flag()}${code}`;
}

function messageCodes(name: string, queue: string[]): Record<string, string> {
  const fields = messages.get(name);
  const go = structs.get(name);
  if (!fields || !go) throw new Error(`no message ${name}`);
  const codes: Record<string, string> = {};
  for (const field of fields) {
    const found = go.get(field.number);
    if (!found) throw new Error(`${name}.${field.name}: no field of the struct has the number ${field.number}`);
    const json = found.json.split(',')[0];
    // An inlined struct has no name in JSON; the message's serves to tell it from the others.
    codes[json === '' || json === undefined ? `=${field.name}` : json] = fieldCode(field, found, queue);
  }
  return codes;
}

const sources = process.argv.slice(2);
if (sources.length !== 2) throw new Error('usage: protobuf.ts <k8s.io/api> <k8s.io/apimachinery>');
for (const dir of sources) readPackages(dir);

const queue = [
  ...KINDS.flatMap(({ group, version, kind }) => {
    const name = `${group === '' ? 'core' : group.split('.')[0]}.${version}.${kind}`;
    return [name, `${name}List`];
  }),
  ...BESIDE_KINDS,
];
const found: Record<string, Record<string, string>> = {};
for (let next = queue.shift(); next !== undefined; next = queue.shift()) found[next] ??= messageCodes(next, queue);

const sorted = Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1));
const lines = sorted.map(([name, fields]) => `${JSON.stringify(name)}:${JSON.stringify(fields)}`);
const target = join(import.meta.dirname, '../../src/api/protobuf/messages.json');
writeFileSync(target, `{\n${lines.join(',\n')}\n}\n`);
console.log(`${target}: ${sorted.length} messages`);

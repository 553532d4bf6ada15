// The messages of Kubernetes' protobuf form: field numbers, and what of Go's JSON they do not say themselves.
import { apiVersionOf, KINDS } from '../kinds.ts';
import text from './messages.json' with { type: 'json' };

// messages.json: message -> JSON name -> code. A code is
//
//     <number> [ * | ! | = | '[' | '{' ] ( s | i | l | b | y | q | x | t | u | r | e | o:<message> )
//                |   |   |   |     |      string int32 int64 bool bytes quantity intOrString time microTime
//                |   |   |   |     map    raw JSON, a list of strings in a message of its own, message
//                |   |   |   list
//                |   |   a struct whose fields stand among those of the object around it
//                |   in JSON even when zero
//                a pointer: zero and absent differ
//
// and none of these: zero is left out of JSON.
const CODES = text as unknown as Readonly<Record<string, Readonly<Record<string, string>>>>;

export type Letter = 's' | 'i' | 'l' | 'b' | 'y' | 'q' | 'x' | 't' | 'u' | 'r' | 'e' | 'o';
export type Flag = '' | '*' | '!' | '=' | '[' | '{';

export interface Field {
  readonly name: string;
  readonly number: number;
  /** Among the fields of its message. */
  readonly index: number;
  readonly flag: Flag;
  readonly letter: Letter;
  /** Of letter o. */
  readonly message: string;
}

export interface Message {
  readonly name: string;
  /** In the order of Go's structs, which is the order of Go's JSON. */
  readonly fields: readonly Field[];
  readonly byNumber: ReadonlyMap<number, Field>;
}

const CODE = /^(\d+)([*!=[{]?)([silbyqxture]|o:(.+))$/;

function decodeField(name: string, code: string, index: number): Field {
  const [, number, flag, letter = '', message = ''] = CODE.exec(code) ?? [];
  if (number === undefined) throw new Error(`messages.json: unknown code ${code}`);
  return { name, number: Number(number), index, flag: flag as Flag, letter: letter[0] as Letter, message };
}

const known = new Map<string, Message>();

/** By the short name of its type: 'core.v1.PodSpec', 'meta.v1.Status'. */
export function message(name: string): Message {
  const found = known.get(name);
  if (found) return found;
  const codes = Object.hasOwn(CODES, name) ? CODES[name] : undefined;
  if (!codes) throw new Error(`messages.json has no ${name}: scripts/schema/protobuf.ts makes it anew`);
  const fields = Object.entries(codes).map(([field, code], index) => decodeField(field, code, index));
  const made: Message = { name, fields, byNumber: new Map(fields.map((f) => [f.number, f])) };
  known.set(name, made);
  return made;
}

export const messageNames = (): string[] => Object.keys(CODES);

/** Kinds of meta/v1 are registered in every group version: clients name them with that of the resource. */
const IN_EVERY_GROUP = ['DeleteOptions', 'WatchEvent'];

const byKind = new Map<string, string>();
for (const row of KINDS) {
  const group = row.group === '' ? 'core' : (row.group.split('.')[0] ?? '');
  byKind.set(`${apiVersionOf(row)} ${row.kind}`, `${group}.${row.version}.${row.kind}`);
  byKind.set(`${apiVersionOf(row)} ${row.kind}List`, `${group}.${row.version}.${row.kind}List`);
}
for (const [apiVersion, group, kinds] of [
  ['v1', 'core', ['Binding']],
  ['v1', 'meta', ['Status']],
  ['meta.k8s.io/v1', 'meta', ['PartialObjectMetadata', 'PartialObjectMetadataList']],
  ['meta.k8s.io/v1beta1', 'meta', ['PartialObjectMetadata', 'PartialObjectMetadataList']],
  ['policy/v1', 'policy', ['Eviction']],
  ['autoscaling/v1', 'autoscaling', ['Scale']],
  ['authentication.k8s.io/v1', 'authentication', ['TokenRequest', 'TokenReview', 'SelfSubjectReview']],
  [
    'authorization.k8s.io/v1',
    'authorization',
    ['SubjectAccessReview', 'LocalSubjectAccessReview', 'SelfSubjectAccessReview', 'SelfSubjectRulesReview'],
  ],
] as const) {
  for (const kind of kinds) byKind.set(`${apiVersion} ${kind}`, `${group}.v1.${kind}`);
}

/** The message of a kind, e.g. 'apps/v1' and 'Deployment'; undefined: it has no protobuf form here. */
export function messageOf(apiVersion: string, kind: string): string | undefined {
  if (IN_EVERY_GROUP.includes(kind)) return `meta.v1.${kind}`;
  const name = byKind.get(`${apiVersion} ${kind}`);
  return name !== undefined && Object.hasOwn(CODES, name) ? name : undefined;
}

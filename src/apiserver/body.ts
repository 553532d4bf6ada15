// Bodies in: JSON, YAML and protobuf to plain values, with the duplicate keys that JSON.parse would swallow.
import { type Document, LineCounter, parseDocument } from 'yaml';
import { decodeProtobuf, type TypeMeta } from '../api/protobuf/decode.ts';
import { messageOf } from '../api/protobuf/messages.ts';
import { manifestYaml } from '../api/yaml.ts';
import { badRequest, unsupportedMediaType } from './errors.ts';
import { parseMediaTypes, PROTOBUF } from './negotiate.ts';

export interface Decoded {
  readonly value: unknown;
  /** Paths of keys given twice, e.g. 'spec.replicas'. */
  readonly duplicates: readonly string[];
}

const accepted = ['application/json', 'application/yaml'];

/**
 * `expected` is what the body must be: protobuf does not always say so itself. What is not read (CBOR) is refused by name:
 * 415 with the media types that are.
 */
export function decodeBody(
  bytes: Uint8Array | undefined,
  contentType: string | undefined,
  expected: TypeMeta,
): Decoded {
  const type = parseMediaTypes(contentType ?? '')[0]?.type ?? 'application/json';
  const hasMessage = messageOf(expected.apiVersion, expected.kind) !== undefined;
  if (type === PROTOBUF && hasMessage) {
    return { value: decodeProtobuf(bytes ?? new Uint8Array(), expected), duplicates: [] };
  }
  if (type !== 'application/json' && type !== 'application/yaml') {
    throw unsupportedMediaType(hasMessage ? [...accepted, PROTOBUF] : accepted);
  }
  const text = new TextDecoder().decode(bytes ?? new Uint8Array());
  return type === 'application/yaml' ? decodeYaml(text) : decodeJson(text);
}

/** Deeper than any object of the API, and far from what would exhaust the stack of those who walk it (Go stops at 10,000). */
const depthLimit = 1000;

export function decodeJson(text: string): Decoded {
  const { depth, colons } = measure(text);
  if (depth > depthLimit) throw badRequest(`couldn't get version/kind; json parse error: exceeded max depth`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    throw badRequest(`couldn't get version/kind; json parse error: ${e instanceof Error ? e.message : String(e)}`);
  }
  // Every pair of a JSON text has one colon outside strings, and every pair that JSON.parse kept is one key of the value:
  // equal counts mean that there is nothing to look for, and that is nearly always so.
  return { value, duplicates: colons === keyCount(value) ? [] : findDuplicates(text) };
}

export function decodeYaml(text: string): Decoded {
  const document = parseDocument(text, { ...manifestYaml, uniqueKeys: false });
  const error = document.errors[0];
  if (error) throw badRequest(`error converting YAML to JSON: yaml: ${error.message}`);
  const lines = new LineCounter();
  const strict = parseDocument(text, { ...manifestYaml, uniqueKeys: true, lineCounter: lines });
  const duplicates = strict.errors
    .filter((e) => e.code === 'DUPLICATE_KEY')
    .map((e) => `line ${lines.linePos(e.pos[0]).line}: key already set in map`);
  return { value: decodeJson(jsonOf(document)).value, duplicates };
}

/** Aliases that lead nowhere, to themselves or to a text that explodes are found only when they are followed. */
function jsonOf(document: Document): string {
  try {
    return JSON.stringify(document.toJS(), (_key, value: unknown) => {
      if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`unsupported value: ${value}`);
      return value;
    });
  } catch (e) {
    throw badRequest(`error converting YAML to JSON: yaml: ${e instanceof Error ? e.message : String(e)}`);
  }
}

/** How deep objects and arrays lie in one another, and how many colons stand outside strings. */
function measure(text: string): { depth: number; colons: number } {
  let [depth, now, colons] = [0, 0, 0];
  for (let i = 0; i < text.length; i += 1) {
    const c = text.charCodeAt(i);
    if (c === 0x22) i = stringEnd(text, i);
    else if (c === 0x3a) colons += 1;
    else if (c === 0x7b || c === 0x5b) depth = Math.max(depth, (now += 1));
    else if (c === 0x7d || c === 0x5d) now -= 1;
  }
  return { depth, colons };
}

/** Index of the closing quote of the string that opens at `at`. */
function stringEnd(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function keyCount(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + keyCount(item), 0);
  let count = 0;
  for (const item of Object.values(value)) count += 1 + keyCount(item);
  return count;
}

/** Walks a text that JSON.parse has accepted, so its grammar is taken for granted. */
function findDuplicates(text: string): string[] {
  const found: string[] = [];
  const stack: { keys: Set<string> | undefined; path: string; index: number; key: string }[] = [];
  const child = (): string => {
    const top = stack.at(-1);
    if (!top) return '';
    if (!top.keys) return `${top.path}[${top.index}]`;
    return top.path === '' ? top.key : `${top.path}.${top.key}`;
  };
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    const top = stack.at(-1);
    if (c === '{' || c === '[')
      stack.push({ keys: c === '{' ? new Set() : undefined, path: child(), index: 0, key: '' });
    else if (c === '}' || c === ']') stack.pop();
    else if (c === ',' && top && !top.keys) top.index += 1;
    else if (c === '"') {
      const end = stringEnd(text, i);
      const isKey = top?.keys && /^\s*:/.test(text.slice(end + 1, end + 64));
      if (top?.keys && isKey) {
        top.key = JSON.parse(text.slice(i, end + 1)) as string;
        if (top.keys.has(top.key)) found.push(child());
        top.keys.add(top.key);
      }
      i = end;
    }
  }
  return found;
}

// Manifest files to objects, before anything is sent: what is not YAML, has no kind or a kind that is not served is
// refused here, with its file and line, so that nothing is half applied because of it.
import { LineCounter, parseAllDocuments } from 'yaml';
import { apiVersionOf, KINDS } from '../api/kinds.ts';
import type { Kind } from '../api/types.ts';
import { manifestYaml } from '../api/yaml.ts';
import { UserError } from './errors.ts';

export interface ManifestFile {
  /** As the user named it; '-' is standard input. */
  readonly path: string;
  readonly text: string;
}

/** An object as written; `where` is file:line. */
export interface Manifest {
  readonly where: string;
  readonly kind: Kind;
  readonly object: ManifestObject;
}

export interface ManifestObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string>; [more: string]: unknown };
  [more: string]: unknown;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** All objects of all files, in order; `kind: List` is taken apart. Throws a UserError that lists everything wrong. */
export function readManifests(files: readonly ManifestFile[]): Manifest[] {
  const problems: string[] = [];
  const found = files.flatMap((file) => readFile(file, problems));
  if (problems.length > 0) throw new UserError(`nothing was applied:\n${problems.map((p) => `  ${p}`).join('\n')}`);
  return found;
}

function readFile(file: ManifestFile, problems: string[]): Manifest[] {
  const lines = new LineCounter();
  const name = file.path === '-' ? 'standard input' : file.path;
  const documents = parseAllDocuments(file.text, { ...manifestYaml, lineCounter: lines });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => {
    const line = lines.linePos(document.contents?.range?.[0] ?? document.range[0]).line;
    const [error] = document.errors;
    if (error) {
      problems.push(`${name}:${lines.linePos(error.pos[0]).line}: not YAML: ${error.message.split('\n')[0]}`);
      return [];
    }
    const value: unknown = document.toJS();
    return value === null || value === undefined ? [] : readObject(value, `${name}:${line}`, problems);
  });
}

function readObject(value: unknown, where: string, problems: string[]): Manifest[] {
  if (!isRecord(value)) {
    problems.push(
      `${where}: wanted an object with apiVersion and kind, got ${Array.isArray(value) ? 'a list' : typeof value}`,
    );
    return [];
  }
  const { apiVersion, kind, metadata, items } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    problems.push(`${where}: ${typeof kind === 'string' ? 'apiVersion' : 'kind'} is not set`);
    return [];
  }
  if (kind === 'List' && Array.isArray(items)) {
    return items.flatMap((item, i) => readObject(item, `${where} items[${i}]`, problems));
  }
  const row = KINDS.find((r) => r.kind === kind && apiVersionOf(r) === apiVersion);
  if (!row) {
    problems.push(`${where}: no matches for kind "${kind}" in version "${apiVersion}"${suggestion(kind)}`);
    return [];
  }
  if (!isRecord(metadata) || typeof metadata.name !== 'string' || metadata.name === '') {
    problems.push(`${where}: metadata.name: Required value: ${kind} has no name`);
    return [];
  }
  return [{ where, kind: row.kind, object: value as ManifestObject }];
}

function suggestion(kind: string): string {
  const row = KINDS.find((r) => r.kind.toLowerCase() === kind.toLowerCase());
  return row ? `; served is ${row.kind} in ${apiVersionOf(row)}` : '';
}

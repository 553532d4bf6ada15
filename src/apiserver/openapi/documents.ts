// The OpenAPI documents as they are served: each is made when it is first asked for, and lasts as long as the program.
import { openapiV3 } from '../../api/openapi.ts';
import { groupVersions } from '../discovery.ts';
import { gnosticDocument } from './gnostic.ts';
import { openapiV2 } from './v2.ts';

export interface OpenApiDocument {
  readonly bytes: Uint8Array;
  readonly hash: string;
}

export interface OpenApi {
  /** Of v3, by 'apis/apps/v1'. */
  get(path: string): OpenApiDocument | undefined;
  /** Of v3: where each document is, with its hash. */
  index(): unknown;
  v2(form: 'json' | 'protobuf'): Uint8Array;
}

/** FNV-1a over the text, twice with different starts: tells documents apart, and guards nothing. */
function hash(content: string): string {
  const run = (seed: number): string => {
    let h = seed;
    for (let i = 0; i < content.length; i += 1) h = Math.imul(h ^ content.charCodeAt(i), 0x01000193);
    return (h >>> 0).toString(16).padStart(8, '0');
  };
  return `${run(0x811c9dc5)}${run(0x1b873593)}`.toUpperCase();
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

export function createOpenApi(): OpenApi {
  const encoder = new TextEncoder();
  const documents = new Map(
    groupVersions().map(({ group, version, path }) => [
      path,
      once((): OpenApiDocument => {
        const content = JSON.stringify(openapiV3(group, version));
        return { bytes: encoder.encode(content), hash: hash(content) };
      }),
    ]),
  );
  const index = once(() => ({
    paths: Object.fromEntries(
      [...documents].map(([path, document]) => [
        path,
        { serverRelativeURL: `/openapi/v3/${path}?hash=${document().hash}` },
      ]),
    ),
  }));
  const v2 = {
    json: once(() => encoder.encode(JSON.stringify(openapiV2()))),
    protobuf: once(() => gnosticDocument(openapiV2())),
  };
  return { get: (path) => documents.get(path)?.(), index, v2: (form) => v2[form]() };
}

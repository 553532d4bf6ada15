// Objects to bytes, in the form that the client accepts: as they are (the bytes of the cache), as protobuf, as a Table, as
// metadata alone, or as YAML.
import type { ApiResponse } from '../api/http.ts';
import { apiVersionOf, type KindRow } from '../api/kinds.ts';
import { encodeProtobuf } from '../api/protobuf/encode.ts';
import { tableColumns, tableRow } from '../api/table.ts';
import type { KubeObject } from '../api/types.ts';
import { yamlText } from '../api/yaml.ts';
import type { Call, Context } from './context.ts';
import { type Accepted, type Format, mediaTypes } from './negotiate.ts';
import { protobufList, protobufObject } from './protobuf.ts';
import type { Cached } from './watchcache.ts';

const encoder = new TextEncoder();

export const baseHeaders = { 'cache-control': 'no-cache, private' };

export function warningHeader(warnings: readonly string[]): Record<string, string> {
  if (warnings.length === 0) return {};
  const texts = warnings.map((w) => `299 - "${w.replace(/[\\"]/g, (c) => `\\${c}`)}"`);
  return { warning: texts.join(', ') };
}

/** Answer with a value that is not in the cache. */
export function valueAnswer(
  value: unknown,
  code = 200,
  call?: Pick<Call, 'accept' | 'request' | 'warnings'>,
): ApiResponse {
  const format = call?.accept.format ?? 'json';
  const warnings = call?.warnings ?? [];
  if (format === 'protobuf') return bytesAnswer(encodeProtobuf(value as object), format, code, warnings);
  const pretty = call?.request.query.get('pretty');
  const indent = pretty === 'true' || pretty === '1' ? 2 : undefined;
  const text = format === 'yaml' ? yamlText(value) : `${JSON.stringify(value, null, indent)}\n`;
  return bytesAnswer(encoder.encode(text), format, code, warnings);
}

function bytesAnswer(body: Uint8Array, format: Format, code: number, warnings: readonly string[]): ApiResponse {
  return { code, headers: { ...baseHeaders, 'content-type': mediaTypes[format], ...warningHeader(warnings) }, body };
}

const asItIs = (call: Call): boolean =>
  call.accept.view === 'object' && call.accept.format === 'json' && !call.request.query.has('pretty');

const asMessages = ({ accept }: Call): boolean => accept.view === 'object' && accept.format === 'protobuf';

export function objectAnswer(ctx: Context, call: Call, found: Cached, code: number): ApiResponse {
  if (asMessages(call)) return bytesAnswer(protobufObject(call.row, found), 'protobuf', code, call.warnings);
  if (!asItIs(call)) return valueAnswer(viewOf(ctx, call, found), code, call);
  return bytesAnswer(found.bytes, 'json', code, call.warnings);
}

/** One object in the view that was asked for. */
export function viewOf(ctx: Context, call: Call, found: Cached): unknown {
  const { accept } = call;
  if (accept.view === 'Table') {
    return table(ctx, call, [found], { resourceVersion: found.object.metadata.resourceVersion });
  }
  return accept.view === 'PartialObjectMetadata' ? partial(found.object, accept) : found.object;
}

const metaVersion = (accept: Accepted): string => `meta.k8s.io/${accept.metaVersion}`;

export const partial = (object: KubeObject, accept: Accepted): unknown => ({
  kind: 'PartialObjectMetadata',
  apiVersion: metaVersion(accept),
  metadata: object.metadata,
});

export interface ListMeta {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

export function table(ctx: Context, call: Call, items: readonly Cached[], metadata: ListMeta, columns = true): unknown {
  const { row, accept } = call;
  const now = ctx.env.nowMs();
  const include = call.request.query.get('includeObject') ?? 'Metadata';
  return {
    kind: 'Table',
    apiVersion: metaVersion(accept),
    metadata,
    columnDefinitions: columns ? tableColumns(row.kind) : [],
    rows: items.map(({ object }) => ({
      cells: tableRow(row.kind, object, now),
      ...(include === 'None' ? {} : { object: include === 'Object' ? object : partial(object, accept) }),
    })),
  };
}

export const listKind = (row: KindRow): string => (row.kind === 'Endpoints' ? 'EndpointsList' : `${row.kind}List`);

const comma = encoder.encode(',');
const listEnd = encoder.encode(']}\n');

export function listAnswer(ctx: Context, call: Call, items: readonly Cached[], metadata: ListMeta): ApiResponse {
  const { row, accept } = call;
  if (accept.view === 'Table') return valueAnswer(table(ctx, call, items, metadata), 200, call);
  if (accept.view === 'PartialObjectMetadata') {
    const partials = items.map((i) => partial(i.object, accept));
    const kind = 'PartialObjectMetadataList';
    return valueAnswer({ kind, apiVersion: metaVersion(accept), metadata, items: partials }, 200, call);
  }
  if (asMessages(call)) return bytesAnswer(protobufList(row, listKind(row), metadata, items), 'protobuf', 200, []);
  if (!asItIs(call)) {
    const objects = items.map((i) => i.object);
    return valueAnswer({ kind: listKind(row), apiVersion: apiVersionOf(row), metadata, items: objects }, 200, call);
  }
  const head = JSON.stringify({ kind: listKind(row), apiVersion: apiVersionOf(row), metadata }).slice(0, -1);
  return bytesAnswer(joined(encoder.encode(`${head},"items":[`), items), 'json', 200, []);
}

/** The bytes of a list: those of its items, one after the other. */
function joined(start: Uint8Array, items: readonly Cached[]): Uint8Array {
  let size = start.length + listEnd.length + Math.max(0, items.length - 1);
  for (const i of items) size += i.bytes.length;
  const all = new Uint8Array(size);
  all.set(start, 0);
  let at = start.length;
  items.forEach((item, n) => {
    if (n > 0) {
      all.set(comma, at);
      at += 1;
    }
    all.set(item.bytes, at);
    at += item.bytes.length;
  });
  all.set(listEnd, at);
  return all;
}

// Watches. Where one starts follows from resourceVersion:
//
//   none, "0"    everything that there is as ADDED, then what happens
//   n            what happened after n (from the history), then what happens; too long ago: 410 as an ERROR event
//   sendInitialEvents=true   as none, then a bookmark that says that the initial events are over
//
// A selector turns changes into what they are to this watcher: an object that it begins to select was ADDED, one that it
// no longer selects was DELETED.
import type { ApiResponse } from '../api/http.ts';
import { apiVersionOf } from '../api/kinds.ts';
import { encodeProtobuf, encodeWatchFrame } from '../api/protobuf/encode.ts';
import type { KubeObject } from '../api/types.ts';
import type { Call, Context } from './context.ts';
import { badRequest, expired } from './errors.ts';
import { keyPrefix, servedText } from './objects.ts';
import { type Format, mediaTypes, PROTOBUF } from './negotiate.ts';
import { protobufFrame } from './protobuf.ts';
import { baseHeaders, partial, table } from './render.ts';
import { askedRevision, count, flag, type Selects, selection } from './select.ts';
import type { WatchStream } from './streams.ts';
import { cached, type Cached, type CacheEvent } from './watchcache.ts';

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

const encoder = new TextEncoder();
const watchTypes: Readonly<Record<Format, string>> = {
  json: mediaTypes.json,
  yaml: mediaTypes.json,
  protobuf: `${PROTOBUF};stream=watch`,
};
const frameEnd = encoder.encode('}\n');
const frameStart = (type: string): Uint8Array => encoder.encode(`{"type":"${type}","object":`);
const starts: Readonly<Record<EventType, Uint8Array>> = {
  ADDED: frameStart('ADDED'),
  MODIFIED: frameStart('MODIFIED'),
  DELETED: frameStart('DELETED'),
};

/** Upstream's: half an hour to an hour, so that watches do not all end at once. */
const minTimeoutMs = 1_800_000;

export function watch(ctx: Context, call: Call): ApiResponse {
  const selects = selection(call);
  const asked = askedRevision(call);
  const initial = initialEvents(call);
  const bookmarks = flag(call, 'allowWatchBookmarks');
  const timeoutSeconds = count(call, 'timeoutSeconds') ?? 0;
  const timeoutMs = timeoutSeconds > 0 ? timeoutSeconds * 1000 : Math.floor(minTimeoutMs * (1 + ctx.env.random()));

  const resource = ctx.cache.resource(call.row);
  const sender = new Sender(ctx, call, selects);
  const anyState = asked === undefined || asked === 0;
  const fromNow = initial ?? anyState;
  const start = anyState || fromNow ? ctx.cache.revision() : asked;
  const past = anyState || fromNow ? [] : resource.since(start);
  // Each event once, whatever comes between: the history covers up to now, the listener what follows.
  let stop: () => void = () => undefined;
  const stream = ctx.streams.open({
    timeoutMs,
    signal: call.request.signal,
    onBookmark: bookmarks ? () => stream.push(sender.bookmark(ctx.cache.revision(), false)) : undefined,
    onEnd: () => stop(),
  });
  if (past === undefined) {
    const error = expired(`too old resource version: ${start} (${resource.changedAt()})`);
    stream.push(sender.valueFrame('ERROR', error.status));
    stream.end();
  } else {
    if (fromNow) for (const c of resource.list(call.namespace)) sender.existing(stream, c);
    for (const event of past) sender.event(stream, event);
    if (initial && bookmarks) stream.push(sender.bookmark(ctx.cache.revision(), true));
    const seen = Math.max(start, ctx.cache.revision());
    stop = resource.onEvent((event) => {
      // A watch may start in the future; and a listener that joins while an event is told must not hear it twice.
      if (event.revision > seen) sender.event(stream, event);
    });
    if (stream.ended) stop();
  }
  return { code: 200, headers: { ...baseHeaders, 'content-type': watchTypes[call.accept.format] }, body: stream.body };
}

/** undefined: not asked about. Upstream takes it only together with the two others. */
function initialEvents(call: Call): boolean | undefined {
  const text = call.request.query.get('sendInitialEvents');
  const match = call.request.query.get('resourceVersionMatch') ?? '';
  if (text === null) {
    if (match === '') return undefined;
    throw badRequest(
      'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
  }
  if (match !== 'NotOlderThan') {
    throw badRequest(
      'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  }
  return text === 'true' || text === '1';
}

/** Events in the form that one client asked for. Frames of the plain form are shared by all watchers of an event. */
class Sender {
  private readonly ctx: Context;
  private readonly call: Call;
  private readonly selects: Selects;
  private readonly prefix: string;
  private readonly plain: boolean;
  private readonly protobuf: boolean;
  private columnsSent = false;

  constructor(ctx: Context, call: Call, selects: Selects) {
    this.ctx = ctx;
    this.call = call;
    this.selects = selects;
    this.prefix = keyPrefix(call.row, call.namespace);
    this.plain = call.accept.view === 'object';
    this.protobuf = call.accept.format === 'protobuf';
  }

  private wants(c: Cached | undefined): c is Cached {
    return c !== undefined && c.key.startsWith(this.prefix) && (!this.selects || this.selects(c.object));
  }

  existing(stream: WatchStream, c: Cached): void {
    if (this.wants(c)) stream.push(this.plain ? this.objectFrame('ADDED', c) : this.valueFrame('ADDED', this.view(c)));
  }

  event(stream: WatchStream, event: CacheEvent): void {
    const was = this.wants(event.before);
    const is = this.wants(event.after);
    if (!was && !is) return;
    const type: EventType = is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED';
    stream.push(this.frame(type, event));
  }

  private frame(type: EventType, event: CacheEvent): Uint8Array {
    if (!this.plain) return this.valueFrame(type, this.view(subject(type, event)));
    const key = this.protobuf ? `protobuf ${type}` : type;
    const made = event.frames.get(key);
    if (made) return made;
    const frame = this.objectFrame(type, subject(type, event));
    event.frames.set(key, frame);
    return frame;
  }

  private objectFrame(type: EventType, c: Cached): Uint8Array {
    return this.protobuf ? protobufFrame(this.call.row, type, c) : jsonFrame(type, c.bytes);
  }

  /** Around something that is not in the cache. */
  valueFrame(type: string, object: unknown): Uint8Array {
    if (this.protobuf) return encodeWatchFrame(type, encodeProtobuf(object as object));
    return encoder.encode(`${JSON.stringify({ type, object })}\n`);
  }

  private view(c: Cached): unknown {
    const { accept } = this.call;
    if (accept.view === 'PartialObjectMetadata') return partial(c.object, accept);
    // The columns are told once per watch.
    const columns = !this.columnsSent;
    this.columnsSent = true;
    const metadata = { resourceVersion: c.object.metadata.resourceVersion };
    return table(this.ctx, this.call, [c], metadata, columns);
  }

  bookmark(revision: number, initialEnd: boolean): Uint8Array {
    const { row, accept } = this.call;
    const metadata = {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    };
    const bare = { kind: row.kind, apiVersion: apiVersionOf(row), metadata } as unknown as KubeObject;
    const object =
      accept.view === 'PartialObjectMetadata'
        ? partial(bare, accept)
        : accept.view === 'Table'
          ? { ...(table(this.ctx, this.call, [], metadata, false) as object), rows: [] }
          : bare;
    return this.valueFrame('BOOKMARK', object);
  }
}

function jsonFrame(type: EventType, bytes: Uint8Array): Uint8Array {
  const start = starts[type];
  const frame = new Uint8Array(start.length + bytes.length + frameEnd.length);
  frame.set(start, 0);
  frame.set(bytes, start.length);
  frame.set(frameEnd, start.length + bytes.length);
  return frame;
}

/** What an event speaks of: the new state, or the last one, with the version of its end. */
function subject(type: EventType, event: CacheEvent): Cached {
  if (type !== 'DELETED') return event.after as Cached;
  const last = event.before as Cached;
  const text = servedText(last.stored, event.revision);
  return { ...cached(last.key, last.stored, event.revision), bytes: encoder.encode(text) };
}

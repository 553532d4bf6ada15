// The two ways of a write to say who owns what after it, as the admission calls them: with the object before and after.
import { apiVersionOf, type KindRow } from '../../api/kinds.ts';
import { rootSchema } from '../../api/schema.ts';
import { rfc3339 } from '../../api/time.ts';
import type { KubeObject, Pod } from '../../api/types.ts';
import { sameJson } from '../objects.ts';
import type { Call, Context } from '../context.ts';
import { withoutStatus } from '../strategy.ts';
import { type Entry, entriesAfterUpdate, readGiven, type Writer } from './owners.ts';
import { rootShape, type Shape } from './shape.ts';
import { zeroObject } from './zero.ts';

/** `asked` is the object as the request has it. `before` undefined: the object is new. */
export type Ownership = (before: KubeObject | undefined, after: KubeObject, asked: KubeObject) => readonly Entry[];

/** Written by the server itself, which made every entry. */
export const entriesOf = (object: KubeObject): readonly Entry[] => (object.metadata.managedFields ?? []) as Entry[];

const shapes = new Map<string, Shape>();
export function shapeOfKind(row: KindRow): Shape {
  let shape = shapes.get(row.kind);
  if (!shape) shapes.set(row.kind, (shape = rootShape(rootSchema(row.kind))));
  return shape;
}

export function updateBy(row: KindRow, writer: Writer): Ownership {
  return (before, after, asked) => {
    const live = before ? entriesOf(before) : [];
    return entriesAfterUpdate({
      entries: startingFrom(live, asked.metadata.managedFields, writer),
      before,
      zero: zeroObject(row.kind),
      after: before ? after : withoutAdmitted(row, after, asked),
      shape: shapeOfKind(row),
      writer,
    });
  };
}

/** Owners may be rewritten with the object itself, not with a part of it. Sent back as they were, they need no reading. */
function startingFrom(live: readonly Entry[], given: readonly unknown[] | undefined, writer: Writer): readonly Entry[] {
  if (given === undefined || writer.subresource !== undefined || sameJson(given, live)) return live;
  const read = readGiven(given);
  if (read === 'reset') return [];
  return read === 'nothing' || read.length === 0 ? live : read;
}

/** What upstream's admission fills into a new pod after the owners are counted is nobody's. */
const filledIn = ['serviceAccountName', 'serviceAccount', 'priority', 'preemptionPolicy', 'tolerations'] as const;

function withoutAdmitted(row: KindRow, object: KubeObject, asked: KubeObject): KubeObject {
  // The first status is the server's.
  if (object.kind !== 'Pod') return withoutStatus(row, object);
  const spec = { ...(object as Pod).spec };
  for (const key of filledIn) if ((asked as Pod).spec?.[key] === undefined) delete spec[key];
  return withoutStatus(row, { ...object, spec } as KubeObject);
}

const longestManager = 128;

/** The name given, else what the client calls itself before the first slash. */
export function managerOf(call: Call): string {
  const named = call.request.query.get('fieldManager');
  if (named) return named;
  const agent = (call.request.headers['user-agent'] ?? '').split('/')[0] ?? '';
  const encoder = new TextEncoder();
  let name = '';
  let size = 0;
  for (const character of agent) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) continue;
    size += encoder.encode(character).length;
    if (size > longestManager) break;
    name += character;
  }
  return name === '' ? 'unknown' : name;
}

export const writerOf = (ctx: Context, call: Call, subresource = call.subresource): Writer => ({
  manager: managerOf(call),
  apiVersion: apiVersionOf(call.row),
  now: rfc3339(ctx.env.nowMs()),
  ...(subresource === undefined ? {} : { subresource }),
});

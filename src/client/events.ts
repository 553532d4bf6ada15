// Event objects: one per series (same object, source, reason and message), which counts how often it happened.
import { rfc3339 } from '../api/time.ts';
import type { Draft, Event, KubeObject } from '../api/types.ts';
import { fnv1a, hex8 } from './hash.ts';
import type { Change } from './types.ts';

type EventChange = Extract<Change, { op: 'event' }>;

/** Events of one component. What a plan says of the change is the message. */
export const eventsFrom =
  (source: string) =>
  (regarding: KubeObject, type: EventChange['type'], reason: string, message: string): EventChange => ({
    op: 'event',
    regarding,
    type,
    reason,
    message,
    source,
    why: message,
  });

/** Name of the series' Event: the object's name and a hash, as upstream's names look. */
export function eventSeries(change: EventChange): string {
  const { name, uid } = change.regarding.metadata;
  const text = [uid, change.source, change.type, change.reason, change.message].join('\0');
  return `${name}.${hex8(fnv1a(text))}${hex8(fnv1a(`${text}\0`))}`;
}

export function eventObject(change: EventChange, name: string, nowMs: number): Draft<Event> {
  const { regarding } = change;
  const { metadata: meta } = regarding;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: meta.namespace ?? 'default' },
    involvedObject: {
      apiVersion: regarding.apiVersion,
      kind: regarding.kind,
      name: meta.name,
      uid: meta.uid,
      resourceVersion: meta.resourceVersion,
      ...(meta.namespace === undefined ? {} : { namespace: meta.namespace }),
    },
    type: change.type,
    reason: change.reason,
    message: change.message.slice(0, 1024),
    source: { component: change.source },
    firstTimestamp: rfc3339(nowMs),
    lastTimestamp: rfc3339(nowMs),
    count: 1,
    reportingComponent: change.source,
    reportingInstance: '',
  };
}

export const eventPatch = (count: number, nowMs: number): unknown => ({ count, lastTimestamp: rfc3339(nowMs) });

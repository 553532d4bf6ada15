// Event objects: one per series (same object, source, reason and message), which counts how often it happened.
import type { Draft, Event } from '../api/types.ts';
import type { Change } from './types.ts';

type EventChange = Extract<Change, { op: 'event' }>;

/** Name of the series' Event: the object's name and a hash, as upstream's names look. */
export function eventSeries(change: EventChange): string {
  const { name, uid } = change.regarding.metadata;
  const text = [uid, change.source, change.type, change.reason, change.message].join('\0');
  return `${name}.${fnv1a(text)}${fnv1a(`${text}\0`)}`;
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
    firstTimestamp: seconds(nowMs),
    lastTimestamp: seconds(nowMs),
    count: 1,
    reportingComponent: change.source,
    reportingInstance: '',
  };
}

export const eventPatch = (count: number, nowMs: number): unknown => ({ count, lastTimestamp: seconds(nowMs) });

const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** 32-bit FNV-1a as 8 hex digits. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

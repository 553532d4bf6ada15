// Events are forgotten an hour after they last happened.
import { parseTime } from '../../api/time.ts';
import type { Event } from '../../api/types.ts';
import type { Plan, View } from '../../client/types.ts';

const keptMs = 60 * 60 * 1000;
const everyMs = 60 * 1000;

const lastMs = (e: Event): number => parseTime(e.lastTimestamp ?? e.eventTime ?? e.metadata.creationTimestamp);

export function plan(view: View, nowMs: number): Plan {
  const old = view.list('Event').filter((e) => !(lastMs(e) + keptMs > nowMs));
  return {
    changes: old.map(({ metadata: { namespace, name, uid } }) => ({
      op: 'delete',
      kind: 'Event',
      namespace,
      name,
      uid,
      why: 'events are kept for an hour',
    })),
    requeueAt: nowMs + everyMs,
  };
}

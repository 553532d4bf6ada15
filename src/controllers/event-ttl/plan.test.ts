import { expect, it } from 'vitest';
import { rfc3339 } from '../../api/time.ts';
import type { KubeObject } from '../../api/types.ts';
import { viewOf } from '../../client/cache.ts';
import { plan } from './plan.ts';

const hourMs = 3_600_000;
const nowMs = 10 * hourMs;
const event = (name: string, agoMs: number, field: 'lastTimestamp' | 'eventTime' | 'created'): KubeObject => {
  const at = rfc3339(nowMs - agoMs);
  const metadata = {
    name,
    namespace: 'default',
    uid: name,
    resourceVersion: '1',
    creationTimestamp: field === 'created' ? at : rfc3339(0),
  };
  return { apiVersion: 'v1', kind: 'Event', metadata, ...(field === 'created' ? {} : { [field]: at }) };
};

it('forgets events an hour after they last happened, whichever field says when that was', () => {
  const view = viewOf([
    event('old', hourMs, 'lastTimestamp'),
    event('older', 2 * hourMs, 'eventTime'),
    event('oldest', 3 * hourMs, 'created'),
    event('fresh', hourMs - 1000, 'lastTimestamp'),
    event('made-now', 0, 'created'),
  ]);
  const { changes, requeueAt } = plan(view, nowMs);
  expect(changes.map((change) => change.op === 'delete' && change.name)).toEqual(['old', 'older', 'oldest']);
  expect(requeueAt).toBeGreaterThan(nowMs);
});

import type { Controller } from '../../client/types.ts';
import { plan } from './plan.ts';

export const eventTtl: Controller = {
  name: 'event-ttl-controller',
  // A look at all events now and then is cheaper than an appointment for each of them.
  watches: [],
  writes: ['Event'],
  startKeys: ['all'],
  keys: () => [],
  plan: (view, _key, nowMs) => plan(view, nowMs),
};

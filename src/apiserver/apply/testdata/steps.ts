// A Deployment's history as a list of writes, for tests.
import { rootSchema } from '../../../api/schema.ts';
import { pathText } from '../fieldset.ts';
import { apply, entriesAfterUpdate, type Entry } from '../owners.ts';
import { type JsonObject, rootShape } from '../shape.ts';

export const shape = rootShape(rootSchema('Deployment'));
export const zero = {
  metadata: {},
  spec: { template: { metadata: {}, spec: { containers: null } }, strategy: {} },
  status: {},
};

export type Step =
  | readonly [manager: string, op: 'update' | 'status' | 'scale', object: JsonObject]
  | readonly [manager: string, op: 'apply' | 'force', config: JsonObject];

export interface State {
  object: JsonObject | undefined;
  entries: readonly Entry[];
  conflicts: string[];
}

export function run(steps: readonly Step[]): State {
  const state: State = { object: undefined, entries: [], conflicts: [] };
  steps.forEach((step, at) => doStep(state, step, at));
  return state;
}

export function doStep(state: State, [manager, op, object]: Step, at: number): void {
  const now = `2026-01-01T00:00:0${at % 10}Z`;
  const writer = { manager, apiVersion: 'apps/v1', now };
  const live = state.object;
  if (op === 'apply' || op === 'force') {
    const result = apply({ entries: state.entries, live, zero, config: object, shape, writer, force: op === 'force' });
    state.conflicts =
      'conflicts' in result ? result.conflicts.map((c) => `${c.owner.manager} ${pathText(c.path)}`) : [];
    if ('object' in result) Object.assign(state, result);
    return;
  }
  const subresource = op === 'update' ? {} : { subresource: op };
  state.entries = entriesAfterUpdate({
    entries: state.entries,
    before: live,
    zero,
    after: object,
    shape,
    writer: { ...writer, ...subresource },
  });
  state.object = object;
}

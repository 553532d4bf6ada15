// A pod, and the little of it that an update may change.
import type { core, Pod } from '../types.ts';
import { type Errors, forbidden, invalidValue, required, same } from './field.ts';
import { podSpecErrors } from './podspec.ts';

export function* podErrors(pod: Pod): Errors {
  yield* podSpecErrors('spec', pod.spec ?? { containers: [] });
}

/** The spec with everything that may change set to what it was. */
function withOldMutables(spec: core.PodSpec, old: core.PodSpec): core.PodSpec {
  const images = (now: readonly core.Container[] | undefined, before: readonly core.Container[] | undefined) =>
    now?.map((container, index) => ({ ...container, image: before?.[index]?.image }));
  return {
    ...spec,
    containers: images(spec.containers, old.containers) ?? [],
    ...(spec.initContainers ? { initContainers: images(spec.initContainers, old.initContainers) } : {}),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    tolerations: old.tolerations,
    schedulingGates: old.schedulingGates,
    ...(spec.terminationGracePeriodSeconds === 1 && (old.terminationGracePeriodSeconds ?? 0) < 0
      ? { terminationGracePeriodSeconds: old.terminationGracePeriodSeconds }
      : {}),
  };
}

const ONLY =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

export function* podUpdateErrors({ spec }: Pod, { spec: old }: Pod): Errors {
  for (const list of ['containers', 'initContainers'] as const) {
    if ((spec[list] ?? []).length !== (old[list] ?? []).length) {
      yield forbidden(`spec.${list}`, 'pod updates may not add or remove containers');
      return;
    }
    for (const [index, { image }] of (spec[list] ?? []).entries()) {
      if (!image && old[list]?.[index]?.image) yield required(`spec.${list}[${index}].image`);
    }
  }
  const [deadline, oldDeadline] = [spec.activeDeadlineSeconds, old.activeDeadlineSeconds];
  if (oldDeadline !== undefined && (deadline === undefined || deadline > oldDeadline)) {
    yield invalidValue(
      'spec.activeDeadlineSeconds',
      deadline,
      deadline === undefined
        ? 'must not update from a positive integer to nil value'
        : 'must be less than or equal to previous value',
    );
  }
  const kept = (old.tolerations ?? []).every((before) =>
    // Its seconds may be shortened or lengthened by the one who waits.
    (spec.tolerations ?? []).some((now) => same({ ...now, tolerationSeconds: before.tolerationSeconds }, before)),
  );
  if (!kept)
    yield forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds');
  for (const { name } of spec.schedulingGates ?? []) {
    if (!(old.schedulingGates ?? []).some((gate) => gate.name === name)) {
      yield forbidden('spec.schedulingGates', `only deletion is allowed, but found new scheduling gate '${name}'`);
    }
  }
  const rest = withOldMutables(spec, old) as unknown as Record<string, unknown>;
  const before = old as unknown as Record<string, unknown>;
  const changed = [...new Set([...Object.keys(rest), ...Object.keys(before)])].filter((k) => !same(rest[k], before[k]));
  // Upstream prints a Go diff here; the names of the changed fields say the same.
  if (changed.length > 0) yield forbidden('spec', `${ONLY}\nchanged: ${changed.map((k) => `spec.${k}`).join(', ')}`);
}

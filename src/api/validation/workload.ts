// Deployment, ReplicaSet, StatefulSet: a selector, a template that it matches, and how to replace pods.
import { matchLabelSelector } from '../selectors.ts';
import type { core, Deployment, ReplicaSet, StatefulSet } from '../types.ts';
import { type Errors, forbidden, IMMUTABLE, invalidValue, nonNegative, notSupported, required, same } from './field.ts';
import { templateErrors } from './podspec.ts';
import { isEmptySelector, labelSelectorErrors } from './selector.ts';

type Selector = Deployment['spec']['selector'];

/** `noun` is upstream's, which calls a ReplicaSet a deployment here. */
function* selectorErrors(
  selector: Selector | undefined,
  template: core.PodTemplateSpec | undefined,
  noun: string,
): Errors {
  if (!selector) {
    yield required('spec.selector');
    return;
  }
  const errors = [...labelSelectorErrors('spec.selector', selector)];
  yield* errors;
  if (isEmptySelector(selector)) {
    yield invalidValue('spec.selector', selector, `empty selector is invalid for ${noun}`);
  } else if (errors.length === 0 && !matchLabelSelector(selector, template?.metadata?.labels)) {
    yield invalidValue(
      'spec.template.metadata.labels',
      template?.metadata?.labels ?? {},
      '`selector` does not match template `labels`',
    );
  }
}

function* workloadTemplateErrors(template: core.PodTemplateSpec | undefined): Errors {
  yield* templateErrors('spec.template', template);
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  if (restartPolicy !== undefined && restartPolicy !== 'Always') {
    yield notSupported('spec.template.spec.restartPolicy', restartPolicy, ['Always']);
  }
  if (activeDeadlineSeconds !== undefined) {
    yield forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in ReplicaSet is not Supported');
  }
}

/** 'N%' -> N; undefined for anything else. */
const percent = (value: number | string | undefined): number | undefined => {
  const match = typeof value === 'string' ? /^(\d+)%$/.exec(value) : undefined;
  return match ? Number(match[1]) : undefined;
};

function* intOrPercentErrors(field: string, value: number | string | undefined): Errors {
  if (typeof value === 'number') yield* nonNegative(field, value);
  else if (value !== undefined && percent(value) === undefined) {
    yield invalidValue(
      field,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    );
  }
}

function* atMostAllErrors(field: string, value: number | string | undefined): Errors {
  if ((percent(value) ?? 0) > 100) yield invalidValue(field, value, 'must not be greater than 100%');
}

function* strategyErrors({ type, rollingUpdate }: NonNullable<Deployment['spec']['strategy']>): Errors {
  const at = 'spec.strategy';
  if (type === 'Recreate') {
    if (rollingUpdate) {
      yield forbidden(`${at}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'");
    }
    return;
  }
  if (type !== 'RollingUpdate') {
    yield notSupported(`${at}.type`, type ?? '', ['Recreate', 'RollingUpdate']);
    return;
  }
  const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
  yield* intOrPercentErrors(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable);
  yield* intOrPercentErrors(`${at}.rollingUpdate.maxSurge`, maxSurge);
  const isZero = (value: number | string | undefined): boolean => value === 0 || percent(value) === 0;
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    yield invalidValue(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0');
  }
  yield* atMostAllErrors(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable);
}

export function* deploymentErrors({ spec }: Deployment): Errors {
  const { replicas, minReadySeconds = 0, revisionHistoryLimit, progressDeadlineSeconds } = spec ?? {};
  yield* nonNegative('spec.replicas', replicas);
  yield* selectorErrors(spec?.selector, spec?.template, 'deployment');
  yield* workloadTemplateErrors(spec?.template);
  yield* strategyErrors(spec?.strategy ?? {});
  yield* nonNegative('spec.minReadySeconds', minReadySeconds);
  yield* nonNegative('spec.revisionHistoryLimit', revisionHistoryLimit);
  yield* nonNegative('spec.progressDeadlineSeconds', progressDeadlineSeconds);
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds) {
    yield invalidValue('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds');
  }
}

export function* replicaSetErrors({ spec }: ReplicaSet): Errors {
  yield* nonNegative('spec.replicas', spec?.replicas);
  yield* nonNegative('spec.minReadySeconds', spec?.minReadySeconds);
  yield* selectorErrors(spec?.selector, spec?.template, 'deployment');
  yield* workloadTemplateErrors(spec?.template);
}

export function* selectorUpdateErrors({ spec }: Deployment | ReplicaSet, old: Deployment | ReplicaSet): Errors {
  if (!same(spec.selector, old.spec.selector)) yield invalidValue('spec.selector', spec.selector, IMMUTABLE);
}

function* updateStrategyErrors({ type, rollingUpdate }: NonNullable<StatefulSet['spec']['updateStrategy']>): Errors {
  const at = 'spec.updateStrategy';
  if (type === 'OnDelete') {
    if (rollingUpdate) {
      yield invalidValue(`${at}.rollingUpdate`, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'");
    }
    return;
  }
  if (!type) yield required(at);
  else if (type !== 'RollingUpdate') yield invalidValue(at, { type }, "must be 'RollingUpdate' or 'OnDelete'");
  yield* nonNegative(`${at}.rollingUpdate.partition`, rollingUpdate?.partition);
  const { maxUnavailable } = rollingUpdate ?? {};
  yield* intOrPercentErrors(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable);
  if (maxUnavailable === 0 || percent(maxUnavailable) === 0) {
    yield invalidValue(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable, 'cannot be 0');
  }
  yield* atMostAllErrors(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable);
}

export function* statefulSetErrors({ spec }: StatefulSet): Errors {
  const { podManagementPolicy } = spec ?? {};
  if (!podManagementPolicy) yield required('spec.podManagementPolicy');
  else if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel') {
    yield invalidValue('spec.podManagementPolicy', podManagementPolicy, "must be 'OrderedReady' or 'Parallel'");
  }
  yield* updateStrategyErrors(spec?.updateStrategy ?? {});
  yield* nonNegative('spec.replicas', spec?.replicas);
  yield* nonNegative('spec.minReadySeconds', spec?.minReadySeconds);
  yield* nonNegative('spec.revisionHistoryLimit', spec?.revisionHistoryLimit);
  yield* nonNegative('spec.ordinals.start', spec?.ordinals?.start);
  yield* selectorErrors(spec?.selector, spec?.template, 'statefulset');
  yield* workloadTemplateErrors(spec?.template);
}

const MUTABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

export function* statefulSetUpdateErrors({ spec }: StatefulSet, { spec: old }: StatefulSet): Errors {
  const rest = { ...spec, ...Object.fromEntries(MUTABLE.map((name) => [name, old[name]])) };
  if (!same(rest, old)) {
    const list = MUTABLE.map((name) => `'${name}'`);
    yield forbidden(
      'spec',
      `updates to statefulset spec for fields other than ${list.slice(0, -1).join(', ')} and ${list.at(-1)} are forbidden`,
    );
  }
}

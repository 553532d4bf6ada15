// Namespace, Node, Lease, Event, ControllerRevision.
import { tryCidr } from '../../lib/ip.ts';
import type { ControllerRevision, Event, Lease, Namespace, Node } from '../types.ts';
import {
  duplicate,
  type Errors,
  forbidden,
  formatErrors,
  IMMUTABLE,
  invalidValue,
  nonNegative,
  required,
  same,
} from './field.ts';
import { finalizerErrors } from './metadata.ts';
import { isLabelValue, isQualifiedName } from './names.ts';
import { taintEffectErrors } from './selector.ts';

export function* namespaceErrors({ spec }: Namespace): Errors {
  yield* finalizerErrors('spec.finalizers', spec?.finalizers);
}

export function* nodeErrors({ spec }: Node): Errors {
  const keys = new Set<string>();
  for (const [index, { key, value = '', effect }] of (spec?.taints ?? []).entries()) {
    const at = `spec.taints[${index}]`;
    yield* formatErrors(`${at}.key`, key, isQualifiedName(key ?? ''));
    yield* formatErrors(`${at}.value`, value, isLabelValue(value));
    yield* taintEffectErrors(`${at}.effect`, effect, false);
    const id = `${key}:${effect}`;
    if (keys.has(id)) yield duplicate(at, { key, value, effect });
    keys.add(id);
  }
  for (const [index, cidr] of (spec?.podCIDRs ?? []).entries()) {
    if (!tryCidr(cidr)) {
      yield invalidValue(
        `spec.podCIDRs[${index}]`,
        cidr,
        'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      );
    }
  }
  if (spec?.podCIDR && spec.podCIDRs?.length && spec.podCIDRs[0] !== spec.podCIDR) {
    yield invalidValue('spec.podCIDRs', spec.podCIDRs, 'first value must match `podCIDR`');
  }
}

export function* nodeUpdateErrors({ spec }: Node, { spec: old }: Node): Errors {
  for (const [field, name] of [
    ['podCIDRs', 'podCIDR'],
    ['providerID', 'providerID'],
  ] as const) {
    const before = old?.[field];
    if (before && before.length > 0 && !same(spec?.[field], before)) {
      yield forbidden(`spec.${field}`, `node updates may not change ${name} except from "" to valid`);
    }
  }
}

export function* leaseErrors({ spec }: Lease): Errors {
  const { leaseDurationSeconds, leaseTransitions, holderIdentity } = spec ?? {};
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    yield invalidValue('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0');
  }
  yield* nonNegative('spec.leaseTransitions', leaseTransitions);
  if (holderIdentity === '') yield invalidValue('spec.holderIdentity', '', 'must not be empty');
}

/** An event lies where its object does; one about an object without namespace lies in `default`. */
export function* eventErrors({ involvedObject, metadata }: Event): Errors {
  const about = involvedObject?.namespace;
  const good = about
    ? about === metadata.namespace
    : metadata.namespace === 'default' || metadata.namespace === 'kube-system';
  if (!good) yield invalidValue('involvedObject.namespace', about ?? '', 'does not match event.namespace');
}

export function* controllerRevisionErrors({ data, revision }: ControllerRevision): Errors {
  yield* nonNegative('revision', revision);
  if (data === undefined || data === null) yield required('data', 'data is mandatory');
}

export function* controllerRevisionUpdateErrors(now: ControllerRevision, old: ControllerRevision): Errors {
  if (!same(now.data, old.data)) yield invalidValue('data', now.data, IMMUTABLE);
}

// metadata of every kind: names, labels, annotations, owners, finalizers.
import { kindRow } from '../kinds.ts';
import type { Kind, KubeObject, Meta } from '../types.ts';
import { type Errors, forbidden, formatErrors, IMMUTABLE, invalidValue, required, tooLong } from './field.ts';
import {
  byteLength,
  isDns1035Label,
  isDns1123Label,
  isDns1123Subdomain,
  isLabelValue,
  isQualifiedName,
} from './names.ts';

/** Kinds whose name must be less than a DNS subdomain, because it becomes one label of a DNS name. */
const NAME_FORMAT: { readonly [K in Kind]?: (name: string) => string[] } = {
  Namespace: isDns1123Label,
  Service: isDns1035Label,
  StatefulSet: isDns1123Label,
};

export const nameFormat = (kind: Kind): ((name: string) => string[]) => NAME_FORMAT[kind] ?? isDns1123Subdomain;

export function* labelErrors(field: string, labels: Readonly<Record<string, string>> | undefined): Errors {
  for (const [key, value] of Object.entries(labels ?? {})) {
    yield* formatErrors(field, key, isQualifiedName(key));
    yield* formatErrors(field, value, isLabelValue(value));
  }
}

const ANNOTATIONS_MAX_BYTES = 256 * 1024;

export function* annotationErrors(field: string, annotations: Readonly<Record<string, string>> | undefined): Errors {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    // Keys are compared without case, so they may have any.
    yield* formatErrors(field, key, isQualifiedName(key.toLowerCase()));
    bytes += byteLength(key) + byteLength(value);
  }
  if (bytes > ANNOTATIONS_MAX_BYTES) yield tooLong(field, ANNOTATIONS_MAX_BYTES);
}

function* ownerErrors(field: string, owners: Meta['ownerReferences']): Errors {
  const controllers: string[] = [];
  for (const owner of owners ?? []) {
    // Upstream's paths have no index here.
    if (!owner.apiVersion)
      yield invalidValue(`${field}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty');
    for (const key of ['kind', 'name', 'uid'] as const) {
      if (!owner[key]) yield invalidValue(`${field}.${key}`, owner[key] ?? '', 'must not be empty');
    }
    if (owner.controller) controllers.push(`${owner.kind}/${owner.name}`);
  }
  if (controllers.length > 1) {
    const [first, second] = controllers;
    yield invalidValue(
      field,
      owners,
      `Only one reference can have Controller set to true. Found "true" in references for ${first} and ${second}`,
    );
  }
}

const STANDARD_FINALIZERS = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

export function* finalizerErrors(field: string, finalizers: readonly string[] | undefined): Errors {
  for (const [index, name] of (finalizers ?? []).entries()) {
    const errors = isQualifiedName(name);
    yield* formatErrors(`${field}[${index}]`, name, errors);
    if (errors.length === 0 && !name.includes('/') && !STANDARD_FINALIZERS.has(name)) {
      yield invalidValue(
        `${field}[${index}]`,
        name,
        'name is neither a standard finalizer name nor is it fully qualified',
      );
    }
  }
}

export function* metadataErrors(kind: Kind, { metadata }: KubeObject): Errors {
  const format = nameFormat(kind);
  if (metadata.generateName) {
    // It is a prefix: a dash at its end will have characters after it.
    const masked = metadata.generateName.replace(/(.)-$/, '$1a');
    yield* formatErrors('metadata.generateName', metadata.generateName, format(masked));
  }
  if (!metadata.name) yield required('metadata.name', 'name or generateName is required');
  else yield* formatErrors('metadata.name', metadata.name, format(metadata.name));
  if (kindRow(kind).namespaced) {
    if (!metadata.namespace) yield required('metadata.namespace');
    else yield* formatErrors('metadata.namespace', metadata.namespace, isDns1123Label(metadata.namespace));
  } else if (metadata.namespace) yield forbidden('metadata.namespace', 'not allowed on this type');
  yield* labelErrors('metadata.labels', metadata.labels);
  yield* annotationErrors('metadata.annotations', metadata.annotations);
  yield* ownerErrors('metadata.ownerReferences', metadata.ownerReferences);
  yield* finalizerErrors('metadata.finalizers', metadata.finalizers);
}

export function* metadataUpdateErrors({ metadata }: KubeObject, { metadata: old }: KubeObject): Errors {
  for (const key of ['name', 'namespace', 'uid'] as const) {
    if (metadata[key] !== undefined && old[key] !== undefined && metadata[key] !== old[key]) {
      yield invalidValue(`metadata.${key}`, metadata[key], IMMUTABLE);
    }
  }
  if (!old.deletionTimestamp) return;
  const added = (metadata.finalizers ?? []).filter((name) => !(old.finalizers ?? []).includes(name));
  if (added.length > 0) {
    const list = added.map((name) => JSON.stringify(name)).join(', ');
    yield forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    );
  }
}

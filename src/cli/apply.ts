// `podlan up -f` applies as kubectl apply does on the client's side: what was applied last is remembered in an
// annotation, so that a field taken out of the manifest is taken out of the object too, and others' fields stay.
import type { ManifestObject } from './manifests.ts';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

type Json = Record<string, unknown>;
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object with the annotation that remembers it, as it goes to `create`. */
export function withLastApplied(object: ManifestObject): ManifestObject {
  const { [annotation]: _, ...others } = object.metadata.annotations ?? {};
  const plain: ManifestObject = { ...object, metadata: { ...object.metadata, annotations: others } };
  const text = `${JSON.stringify(plain)}\n`;
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...others, [annotation]: text } } };
}

/**
 * JSON merge patch (RFC 7386) from the live object to the manifest: everything the manifest says, and null for what it
 * said last time and no longer does. undefined: the live object is already so.
 */
export function applyPatch(manifest: ManifestObject, live: Json): unknown {
  const wanted = withLastApplied(manifest);
  const liveAnnotations =
    isRecord(live.metadata) && isRecord(live.metadata.annotations) ? live.metadata.annotations : {};
  const text = liveAnnotations[annotation];
  if (text === wanted.metadata.annotations?.[annotation] && covers(live, manifest)) return undefined;
  const last: unknown = typeof text === 'string' ? parse(text) : undefined;
  return mergePatch(isRecord(last) ? last : {}, wanted, live);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function mergePatch(last: Json, wanted: Json, live: Json): Json {
  const patch: Json = {};
  for (const [key, value] of Object.entries(wanted)) {
    const before = last[key];
    const now = live[key];
    patch[key] = isRecord(value) && isRecord(now) ? mergePatch(isRecord(before) ? before : {}, value, now) : value;
  }
  for (const key of Object.keys(last)) if (!(key in wanted) && key in live) patch[key] = null;
  return patch;
}

/** Everything that the manifest says stands so in the live object (which may say more: defaults, status, others' fields). */
function covers(live: unknown, wanted: unknown): boolean {
  if (isRecord(wanted))
    return isRecord(live) && Object.entries(wanted).every(([key, value]) => covers(live[key], value));
  if (Array.isArray(wanted)) {
    return Array.isArray(live) && live.length === wanted.length && wanted.every((value, i) => covers(live[i], value));
  }
  return live === wanted || (wanted === null && live === undefined);
}

// Objects that kubectl applied from its own side first: it kept what it had applied as an annotation. When the same kubectl
// applies through the server, what stood in there was its own, and the annotation is kept in step.
import type { Kind } from '../../api/types.ts';
import type { KubeObject } from '../../api/types.ts';
import { canonical } from '../../api/schema.ts';
import { compare } from './compare.ts';
import { difference, type FieldSet, nothing, union } from './fieldset.ts';
import { appliedFields, ownable, type Writer } from './owners.ts';
import { applyErrors } from './merge.ts';
import { isObject, type JsonObject, type Shape } from './shape.ts';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** Who chooses another name does without. */
const kubectl = 'kubectl';

function lastApplied(object: JsonObject | KubeObject): string | undefined {
  const { annotations } = (object.metadata ?? {}) as { annotations?: Record<string, unknown> };
  const text = isObject(annotations) ? annotations[annotation] : undefined;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** The fields of the annotation that still are as they were applied: kubectl may take them from itself. */
export function allowedByLastApplied(writer: Writer, live: KubeObject, shape: Shape): FieldSet {
  const text = writer.manager === kubectl ? lastApplied(live) : undefined;
  if (text === undefined) return nothing;
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    return nothing;
  }
  if (!isObject(config) || config['apiVersion'] !== writer.apiVersion || applyErrors(config, shape).length > 0)
    return nothing;
  const applied = ownable(canonical(live.kind as Kind, config));
  const change = compare(applied, ownable(live), shape);
  const changed = union(union(change.added, change.modified), change.removed);
  return difference(appliedFields(applied, shape), changed);
}

/** The annotation says what is applied now. An object without it does not get one. */
export function withLastApplied(writer: Writer, object: JsonObject, config: JsonObject): JsonObject {
  if (writer.manager !== kubectl || lastApplied(object) === undefined) return object;
  const metadata = object['metadata'] as JsonObject;
  const annotations = { ...(metadata['annotations'] as JsonObject), [annotation]: configText(config) };
  return { ...object, metadata: { ...metadata, annotations } };
}

/** Keys sorted and a line's end: as kubectl's encoder writes it. */
function configText(config: JsonObject): string {
  const { annotations, ...metadata } = config['metadata'] as JsonObject;
  if (isObject(annotations)) {
    const { [annotation]: _itself, ...others } = annotations;
    metadata['annotations'] = others;
  }
  return `${JSON.stringify(inOrder({ ...config, metadata }))}\n`;
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, inOrder(value[key])]));
}

// Deletion. One request leads to one of three ends, decided by what the object says about itself:
//
//   grace period > 0 (pods that run)        deletionTimestamp is set, the kubelet ends it with a delete of grace 0
//   finalizers, or a cascade that adds one  deletionTimestamp is set, the write that takes the last finalizer ends it
//   neither                                 it is gone
import type { ApiResponse } from '../api/http.ts';
import type { KindRow } from '../api/kinds.ts';
import { checkTypeShape } from '../api/schema.ts';
import { isNotFound } from '../api/status.ts';
import { parseTime, rfc3339 } from '../api/time.ts';
import type { KubeObject, Namespace } from '../api/types.ts';
import { decodeBody } from './body.ts';
import type { Call, Context } from './context.ts';
import { badRequest, conflict, forbidden, staleWrite, success, uidMismatch } from './errors.ts';
import { storedText } from './objects.ts';
import { valueAnswer, objectAnswer } from './render.ts';
import { count, selection } from './select.ts';
import { answersWithObject, gracePeriod } from './strategy.ts';
import { cached, type Cached } from './watchcache.ts';
import { dryRunOf, find, isDryRun } from './write.ts';

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: string;
  readonly orphanDependents?: boolean;
  readonly dryRun: boolean;
}

const policies = ['Orphan', 'Background', 'Foreground'];

/** From the body, else from the query. */
export function deleteOptions(call: Call): DeleteOptions {
  const { query, headers, body } = call.request;
  let given: Record<string, unknown> = {};
  if (body && body.length > 0) {
    const { value } = decodeBody(body, headers['content-type'], { apiVersion: 'v1', kind: 'DeleteOptions' });
    given = (value ?? {}) as Record<string, unknown>;
    const report = checkTypeShape('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions', given);
    if (report.wrongType[0] !== undefined) throw badRequest(report.wrongType[0]);
  } else {
    const orphan = query.get('orphanDependents');
    given = {
      gracePeriodSeconds: count(call, 'gracePeriodSeconds'),
      propagationPolicy: query.get('propagationPolicy') ?? undefined,
      ...(orphan === null ? {} : { orphanDependents: orphan === 'true' }),
    };
  }
  const options = given as Omit<DeleteOptions, 'dryRun'> & { dryRun?: string[] };
  const policy = options.propagationPolicy;
  if (policy !== undefined && options.orphanDependents !== undefined) {
    throw badRequest('propagationPolicy: Invalid value: orphanDependents and deletionPropagation cannot be both set');
  }
  if (policy !== undefined && !policies.includes(policy)) {
    throw badRequest(
      `propagationPolicy: Unsupported value: "${policy}": supported values: "Foreground", "Background", "Orphan", "nil"`,
    );
  }
  return { ...options, dryRun: isDryRun(options.dryRun ?? []) || dryRunOf(call) };
}

const GONE = 'gone';
type End = KubeObject | typeof GONE;

/** The object as it is after this delete: terminating, or gone. */
function afterDelete(current: KubeObject, o: DeleteOptions, nowMs: number): End {
  const meta = current.metadata;
  const held = meta.deletionTimestamp === undefined ? undefined : (meta.deletionGracePeriodSeconds ?? undefined);
  if (meta.deletionTimestamp !== undefined && held !== undefined && current.kind === 'Pod') {
    // Already on its way out: all that a client can do is to shorten the time.
    const asked = o.gracePeriodSeconds;
    if (asked === undefined || asked >= held) return (meta.finalizers?.length ?? 0) > 0 || held > 0 ? current : GONE;
    if (asked <= 0 && !meta.finalizers?.length) return GONE;
    const since = parseTime(meta.deletionTimestamp) - held * 1000;
    const deletionTimestamp = rfc3339(since + asked * 1000);
    return { ...current, metadata: { ...meta, deletionTimestamp, deletionGracePeriodSeconds: asked } };
  }
  const period = gracePeriod(current, o.gracePeriodSeconds) ?? 0;
  const finalizers = cascade(meta.finalizers ?? [], o);
  const namespace = current.kind === 'Namespace' ? ((current as Namespace).spec?.finalizers?.length ?? 0) : 0;
  if (period === 0 && finalizers.length === 0 && namespace === 0) return GONE;
  const { finalizers: _old, ...rest } = meta;
  const marked = meta.deletionTimestamp === undefined;
  const next: KubeObject = {
    ...current,
    metadata: {
      ...rest,
      ...(marked ? { deletionTimestamp: rfc3339(nowMs + period * 1000), deletionGracePeriodSeconds: period } : {}),
      ...(marked && meta.generation ? { generation: meta.generation + 1 } : {}),
      ...(finalizers.length > 0 ? { finalizers } : {}),
    },
  };
  if (current.kind !== 'Namespace') return next;
  // Upstream gives a namespace no grace period of its own.
  delete next.metadata.deletionGracePeriodSeconds;
  return { ...next, status: { ...(current as Namespace).status, phase: 'Terminating' } } as KubeObject;
}

/** What shall become of the dependents stands in the finalizers; the garbage collector reads it there. */
function cascade(finalizers: readonly string[], o: DeleteOptions): string[] {
  const { propagationPolicy: policy, orphanDependents } = o;
  const others = finalizers.filter((f) => f !== 'orphan' && f !== 'foregroundDeletion');
  if (policy === 'Orphan' || orphanDependents === true) return [...others, 'orphan'];
  if (policy === 'Foreground') return [...others, 'foregroundDeletion'];
  if (policy === 'Background' || orphanDependents === false) return others;
  return [...finalizers];
}

const protectedNamespaces = ['default', 'kube-system', 'kube-public'];

function checkAllowed(row: KindRow, name: string, current: Cached, o: DeleteOptions): void {
  const { uid, resourceVersion } = o.preconditions ?? {};
  const meta = current.object.metadata;
  if (uid !== undefined && uid !== meta.uid) throw uidMismatch(row, name, uid, meta.uid);
  if (resourceVersion !== undefined && resourceVersion !== meta.resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${meta.resourceVersion}`;
    throw conflict(row, name, why);
  }
  if (row.kind === 'Namespace' && protectedNamespaces.includes(name)) {
    throw forbidden(row, name, 'this namespace may not be deleted');
  }
}

/** `gone`: it is no more, `object` is how it last was. */
export async function deleteObject(
  ctx: Context,
  call: Call,
  o: DeleteOptions,
): Promise<{ object: Cached; gone: boolean }> {
  for (let attempt = 1; attempt <= 20; attempt += 1) {
    const current = find(ctx, call);
    checkAllowed(call.row, call.name, current, o);
    const end = afterDelete(current.object, o, ctx.env.nowMs());
    if (end === current.object) return { object: current, gone: false };
    if (o.dryRun) return { object: current, gone: end === GONE };
    if (end === GONE) {
      const result = await ctx.store.delete(current.key, current.revision);
      if (result.ok) return { object: current, gone: true };
    } else {
      const text = storedText(end);
      const result = await ctx.store.put(current.key, text, current.revision);
      if (result.ok) return { object: cached(current.key, text, result.revision), gone: false };
    }
  }
  throw staleWrite(call.row, call.name);
}

export async function deleteOne(ctx: Context, call: Call): Promise<ApiResponse> {
  const { object, gone } = await deleteObject(ctx, call, deleteOptions(call));
  if (!gone || answersWithObject(call.row)) return objectAnswer(ctx, call, object, 200);
  const status = success(call.row, call.name, object.object.metadata.uid);
  const { code: _code, ...body } = status;
  return valueAnswer(body, 200, call);
}

export async function deleteCollection(ctx: Context, call: Call): Promise<ApiResponse> {
  const options = deleteOptions(call);
  const selects = selection(call);
  const all = ctx.cache.resource(call.row).list(call.namespace);
  for (const { object } of all.filter((c) => !selects || selects(c.object))) {
    const { name, namespace } = object.metadata;
    try {
      await deleteObject(ctx, { ...call, name, namespace }, options);
    } catch (e) {
      // Somebody else deleted it first.
      if (!isNotFound(e)) throw e;
    }
  }
  const { code: _code, ...body } = success(call.row, undefined);
  return valueAnswer(body, 200, call);
}

// The scale subresource: the same three numbers of every workload as one kind, Scale of autoscaling/v1.
import type { ApiResponse } from '../api/http.ts';
import { checkTypeShape, typeSchema } from '../api/schema.ts';
import type { LabelSelector } from '../api/selectors.ts';
import type { Deployment, KubeObject } from '../api/types.ts';
import { checkWriteOptions } from './apply/options.ts';
import { updateBy, writerOf } from './apply/ownership.ts';
import { decodeBody } from './body.ts';
import type { Call, Context } from './context.ts';
import { badRequest } from './errors.ts';
import { readPatch } from './patch/patch.ts';
import { valueAnswer } from './render.ts';
import type { Cached } from './watchcache.ts';
import { addressed, changeObject, dryRunOf, find } from './write.ts';

const typeName = 'io.k8s.api.autoscaling.v1.Scale';
const typeMeta = { apiVersion: 'autoscaling/v1', kind: 'Scale' };

interface Scale extends KubeObject {
  spec?: { replicas?: number };
  status?: { replicas: number; selector: string };
}

/** A workload's selector as kubectl and the autoscaler write selectors. */
function selectorText(selector: LabelSelector | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([k, v]) => `${k}=${v}`);
  const rest = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${[...values].sort().join(',')})`;
  });
  return [...labels, ...rest].sort().join(',');
}

function scaleOf({ object }: Cached): Scale {
  const workload = object as Deployment;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = workload.metadata;
  const replicas = workload.spec.replicas;
  return {
    ...typeMeta,
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas: replicas ?? 1 },
    status: { replicas: workload.status?.replicas ?? 0, selector: selectorText(workload.spec.selector) },
  };
}

function checkScale(value: unknown): Scale {
  const report = checkTypeShape(typeName, value);
  if (report.wrongType[0] !== undefined) throw badRequest(report.wrongType[0]);
  const { apiVersion, kind } = value as Partial<Scale>;
  if ((kind !== undefined && kind !== 'Scale') || (apiVersion !== undefined && apiVersion !== 'autoscaling/v1')) {
    throw badRequest(
      `no kind "${kind}" is registered for version "${apiVersion}": the body must be a Scale of autoscaling/v1`,
    );
  }
  return value as Scale;
}

/** The workload with that scale; validation sees a negative number of replicas as it sees any other. */
function scaled({ object }: Cached, scale: Scale): KubeObject {
  const { resourceVersion, uid } = scale.metadata ?? {};
  const metadata = { ...object.metadata, resourceVersion: resourceVersion ?? '', ...(uid ? { uid } : {}) };
  const spec = { ...(object as Deployment).spec, replicas: scale.spec?.replicas ?? 0 };
  return { ...object, metadata, spec } as KubeObject;
}

export async function getScale(ctx: Context, call: Call): Promise<ApiResponse> {
  return valueAnswer(scaleOf(find(ctx, call)), 200, call);
}

export async function updateScale(ctx: Context, call: Call): Promise<ApiResponse> {
  const { value } = decodeBody(call.request.body, call.request.headers['content-type'], typeMeta);
  const scale = checkScale(value);
  addressed(call, { ...scale, metadata: scale.metadata ?? {} });
  checkWriteOptions(call, 'UpdateOptions');
  const owners = updateBy(call.row, writerOf(ctx, call));
  const done = await changeObject(ctx, call, (c) => scaled(c, scale), { dryRun: dryRunOf(call), owners });
  return valueAnswer(scaleOf(done), 200, call);
}

export async function patchScale(ctx: Context, call: Call): Promise<ApiResponse> {
  const schema = typeSchema(typeName);
  if (!schema) throw new Error(`no schema of ${typeName}`);
  checkWriteOptions(call, 'PatchOptions');
  const apply = readPatch(call, schema);
  const change = (c: Cached): KubeObject => {
    const now = scaleOf(c);
    const { resourceVersion: _any, ...metadata } = now.metadata;
    return scaled(c, checkScale(apply({ ...now, metadata })));
  };
  const owners = updateBy(call.row, writerOf(ctx, call));
  const done = await changeObject(ctx, call, change, { dryRun: dryRunOf(call), owners });
  return valueAnswer(scaleOf(done), 200, call);
}

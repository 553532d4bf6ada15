// What only pods have: the scheduler's binding, and eviction.
import type { ApiResponse } from '../api/http.ts';
import type { TypeMeta } from '../api/protobuf/decode.ts';
import { checkTypeShape } from '../api/schema.ts';
import { rfc3339 } from '../api/time.ts';
import type { Pod } from '../api/types.ts';
import { decodeBody } from './body.ts';
import type { Call, Context } from './context.ts';
import { badRequest, conflict, staleWrite, success, uidMismatch } from './errors.ts';
import { storedText } from './objects.ts';
import { valueAnswer } from './render.ts';
import { deleteObject, type DeleteOptions } from './delete.ts';
import { dryRunOf, find, isDryRun } from './write.ts';

function readBody(call: Call, typeName: string, expected: TypeMeta): unknown {
  const { value } = decodeBody(call.request.body, call.request.headers['content-type'], expected);
  const report = checkTypeShape(typeName, value);
  if (report.wrongType[0] !== undefined) throw badRequest(report.wrongType[0]);
  const name = (value as { metadata?: { name?: string } }).metadata?.name;
  if (name !== undefined && name !== '' && name !== call.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${call.name})`);
  }
  return value;
}

const done = (call: Call): ApiResponse => valueAnswer({ ...success(undefined, undefined), code: 201 }, 201, call);

interface Binding {
  metadata?: { uid?: string; resourceVersion?: string; annotations?: Record<string, string> };
  target?: { kind?: string; name?: string };
}

type Condition = NonNullable<NonNullable<Pod['status']>['conditions']>[number];

function bound(pod: Pod, binding: Binding, node: string, now: string): Pod {
  const condition: Condition = { type: 'PodScheduled', status: 'True', lastTransitionTime: now };
  const others = (pod.status?.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
  const { annotations } = binding.metadata ?? {};
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(annotations ? { annotations: { ...pod.metadata.annotations, ...annotations } } : {}),
      generation: (pod.metadata.generation ?? 0) + 1,
    },
    spec: { ...pod.spec, nodeName: node },
    status: { ...pod.status, conditions: [...others, condition] },
  };
}

export async function bind(ctx: Context, call: Call): Promise<ApiResponse> {
  const binding = readBody(call, 'io.k8s.api.core.v1.Binding', { apiVersion: 'v1', kind: 'Binding' }) as Binding;
  const node = binding.target?.name ?? '';
  const kind = binding.target?.kind ?? '';
  if (node === '') throw badRequest('Binding "" is invalid: target.name: Required value');
  if (kind !== '' && kind !== 'Node') {
    throw badRequest(`target.kind: Unsupported value: ${JSON.stringify(kind)}: supported values: "Node", "<empty>"`);
  }
  for (let attempt = 1; attempt <= 20; attempt += 1) {
    const current = find(ctx, call);
    const pod = current.object as Pod;
    const { uid, resourceVersion } = binding.metadata ?? {};
    if (uid && uid !== pod.metadata.uid) throw uidMismatch(call.row, call.name, uid, pod.metadata.uid);
    if (resourceVersion && resourceVersion !== pod.metadata.resourceVersion) throw staleWrite(call.row, call.name);
    if (pod.metadata.deletionTimestamp !== undefined) {
      throw conflict(call.row, call.name, `pod ${call.name} is being deleted, cannot be assigned to a host`);
    }
    if (pod.spec.nodeName) {
      throw conflict(call.row, call.name, `pod ${call.name} is already assigned to node "${pod.spec.nodeName}"`);
    }
    if ((pod.spec.schedulingGates ?? []).length > 0) {
      throw conflict(call.row, call.name, `pod ${call.name} has non-empty .spec.schedulingGates`);
    }
    if (dryRunOf(call)) return done(call);
    const text = storedText(bound(pod, binding, node, rfc3339(ctx.env.nowMs())));
    const result = await ctx.store.put(current.key, text, current.revision);
    if (result.ok) return done(call);
  }
  throw staleWrite(call.row, call.name);
}

/** There are no disruption budgets among the kinds served, so nothing stands against an eviction. */
export async function evict(ctx: Context, call: Call): Promise<ApiResponse> {
  type Given = Omit<DeleteOptions, 'dryRun'> & { dryRun?: readonly unknown[] };
  const eviction = readBody(call, 'io.k8s.api.policy.v1.Eviction', {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
  }) as { deleteOptions?: Given };
  const given = eviction.deleteOptions;
  await deleteObject(ctx, call, { ...given, dryRun: isDryRun(given?.dryRun ?? []) || dryRunOf(call) });
  return done(call);
}

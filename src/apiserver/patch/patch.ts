// PATCH: which kind of patch it is, and how its errors are said. Server-side apply has its own way (apply/request.ts).
import type { ApiResponse } from '../../api/http.ts';
import { type TypeSchema, rootSchema } from '../../api/schema.ts';
import { ApiError } from '../../api/status.ts';
import type { KubeObject } from '../../api/types.ts';
import { decodeObject } from '../admission.ts';
import { checkWriteOptions } from '../apply/options.ts';
import { updateBy, writerOf } from '../apply/ownership.ts';
import { applyType, serverSideApply } from '../apply/request.ts';
import { decodeJson } from '../body.ts';
import type { Call, Context } from '../context.ts';
import { badRequest, unprocessable, unsupportedMediaType } from '../errors.ts';
import { parseMediaTypes } from '../negotiate.ts';
import { objectAnswer } from '../render.ts';
import { addressed, changeObject, dryRunOf, fieldValidation } from '../write.ts';
import { jsonPatch, PatchError } from './json.ts';
import { mergePatch } from './merge.ts';
import { strategicPatch } from './strategic.ts';

export const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

const patchType = (call: Call): string => parseMediaTypes(call.request.headers['content-type'] ?? '')[0]?.type ?? '';

/** One object to another, as the request's body says. */
export function readPatch(call: Call, schema: TypeSchema): (current: unknown) => unknown {
  const type = patchType(call);
  if (!patchTypes.includes(type)) {
    // A scale has no owners of its own to apply to.
    throw unsupportedMediaType(call.subresource === 'scale' ? patchTypes : [...patchTypes, applyType]);
  }
  const { value } = decodeJson(new TextDecoder().decode(call.request.body ?? new Uint8Array()));
  return (current) => {
    try {
      if (type === 'application/json-patch+json') return jsonPatch(current, value);
      if (type === 'application/strategic-merge-patch+json') return strategicPatch(current, value, schema);
    } catch (e) {
      if (!(e instanceof PatchError)) throw e;
      throw e.malformed
        ? badRequest(e.message)
        : unprocessable(`the server rejected our request due to an error in our request: ${e.message}`);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw badRequest('a merge patch of an object is a JSON object');
    }
    return mergePatch(current, value);
  };
}

export async function patch(ctx: Context, call: Call): Promise<ApiResponse> {
  if (patchType(call) === applyType) return serverSideApply(ctx, call);
  checkWriteOptions(call, 'PatchOptions');
  const apply = readPatch(call, rootSchema(call.row.kind));
  const dryRun = dryRunOf(call);
  const owners = updateBy(call.row, writerOf(ctx, call));
  const pins = new TextDecoder().decode(call.request.body).includes('resourceVersion');
  const done = await changeObject(
    ctx,
    call,
    ({ object }) => {
      const next = patched(call, apply(object));
      // A version in the patch is a precondition; the current one is none.
      return pins ? next : { ...next, metadata: { ...next.metadata, resourceVersion: '' } };
    },
    { subresource: call.subresource, dryRun, owners },
  );
  return objectAnswer(ctx, call, done, 200);
}

function patched(call: Call, result: unknown): KubeObject {
  const validation = fieldValidation(call);
  call.warnings.length = 0;
  try {
    return addressed(call, decodeObject(call.row, result, [], validation, call.warnings));
  } catch (e) {
    // Upstream says of a patch what is wrong with it as an invalid value and not as a bad request.
    if (!(e instanceof ApiError) || !e.message.includes('strict decoding error')) throw e;
    const why = e.message.slice(e.message.indexOf('strict decoding error'));
    const message = `Invalid value: ${why}`;
    throw unprocessable(` "" is invalid: patch: ${message}`, [
      { reason: 'FieldValueInvalid', message, field: 'patch' },
    ]);
  }
}

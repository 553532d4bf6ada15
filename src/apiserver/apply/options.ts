// The query of a write as far as it speaks of owners.
import { ApiError, failure, type StatusCause } from '../../api/status.ts';
import type { Call } from '../context.ts';
import { badRequest } from '../errors.ts';

export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

interface Problem {
  readonly field: string;
  readonly reason: 'FieldValueRequired' | 'FieldValueForbidden' | 'FieldValueTooLong' | 'FieldValueInvalid';
  readonly message: string;
}

function invalidOptions(kind: OptionsKind, problems: readonly Problem[]): ApiError {
  const said = problems.map((p) => `${p.field}: ${p.message}`);
  const text = said.length === 1 ? said[0] : `[${said.join(', ')}]`;
  const causes: StatusCause[] = problems.map(({ reason, message, field }) => ({ reason, message, field }));
  return failure(422, 'Invalid', `${kind}.meta.k8s.io "" is invalid: ${text}`, {
    group: 'meta.k8s.io',
    kind,
    causes,
  });
}

const longest = 128;

function managerProblems(manager: string): Problem[] {
  const field = 'fieldManager';
  if (new TextEncoder().encode(manager).length > longest) {
    const message = `Too long: may not be more than ${longest} bytes`;
    return [{ field, reason: 'FieldValueTooLong', message }];
  }
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(manager)) return [];
  const message = `Invalid value: ${JSON.stringify(manager)}: should only contain printable characters`;
  return [{ field, reason: 'FieldValueInvalid', message }];
}

function forceOf(call: Call): boolean | undefined {
  const asked = call.request.query.get('force');
  if (asked === null || asked === '') return undefined;
  if (['true', '1', 't', 'T', 'TRUE', 'True'].includes(asked)) return true;
  if (['false', '0', 'f', 'F', 'FALSE', 'False'].includes(asked)) return false;
  throw badRequest(`invalid value of force: ${JSON.stringify(asked)}: it is true or false`);
}

/** Of every write but an apply. */
export function checkWriteOptions(call: Call, kind: OptionsKind): void {
  const problems: Problem[] = [];
  if (kind === 'PatchOptions' && forceOf(call) !== undefined) {
    const message = 'Forbidden: may not be specified for non-apply patch';
    problems.push({ field: 'force', reason: 'FieldValueForbidden', message });
  }
  problems.push(...managerProblems(call.request.query.get('fieldManager') ?? ''));
  if (problems.length > 0) throw invalidOptions(kind, problems);
}

/** Who applies must have a name, for it is the name that comes back with the next configuration. */
export function applyOptions(call: Call): { manager: string; force: boolean } {
  const manager = call.request.query.get('fieldManager') ?? '';
  const force = forceOf(call) ?? false;
  const problems = managerProblems(manager);
  if (manager === '') {
    const message = 'Required value: is required for apply patch';
    problems.push({ field: 'fieldManager', reason: 'FieldValueRequired', message });
  }
  if (problems.length > 0) throw invalidOptions('PatchOptions', problems);
  return { manager, force };
}

// An apply that would change what others own, as upstream says it.
import { type ApiError, failure } from '../../api/status.ts';
import { pathText } from './fieldset.ts';
import type { Conflict, Entry } from './owners.ts';

/** An updater is told with the version that it wrote; an applier is the same under all of them. */
function ownerText({ manager, operation, apiVersion, subresource }: Entry): string {
  const who =
    subresource === undefined
      ? JSON.stringify(manager)
      : `${JSON.stringify(manager)} with subresource ${JSON.stringify(subresource)}`;
  return operation === 'Update' ? `${who} using ${apiVersion}` : who;
}

export function applyConflict(conflicts: readonly Conflict[]): ApiError {
  const causes = conflicts.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${ownerText(owner)}`,
    field: pathText(path),
  }));
  const [first] = conflicts;
  if (first && conflicts.length === 1) {
    return failure(
      409,
      'Conflict',
      `Apply failed with 1 conflict: conflict with ${ownerText(first.owner)}: ${pathText(first.path)}`,
      { causes },
    );
  }
  const lines: string[] = [];
  for (const owner of new Set(conflicts.map((c) => c.owner))) {
    lines.push(`conflicts with ${ownerText(owner)}:`);
    lines.push(...conflicts.filter((c) => c.owner === owner).map((c) => `- ${pathText(c.path)}`));
  }
  return failure(409, 'Conflict', `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`, { causes });
}

// Sends manifests in their order, and tells of each what became of it.
import { ApiError } from '../api/status.ts';
import { kindRow } from '../api/kinds.ts';
import type { KubeObject } from '../api/types.ts';
import type { Client } from '../client/types.ts';
import { applyPatch, withLastApplied } from '../cli/apply.ts';
import { UserError } from '../cli/errors.ts';
import type { Manifest } from '../cli/manifests.ts';
import type { Progress } from './progress.io.ts';

export interface Applied {
  readonly manifest: Manifest;
  readonly result: 'created' | 'configured' | 'unchanged';
}

/** Throws a UserError that names what was refused, what was applied before it and what was not tried. */
export async function applyManifests(
  client: Client,
  manifests: readonly Manifest[],
  progress: Progress,
): Promise<Applied[]> {
  const done: Applied[] = [];
  const refused: string[] = [];
  for (const manifest of manifests) {
    progress.set('manifests', 'working', `${done.length + refused.length}/${manifests.length} ${title(manifest)}`);
    try {
      done.push({ manifest, result: await applyOne(client, manifest) });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      refused.push(`${manifest.where}: ${error.message}`);
    }
  }
  if (refused.length > 0) {
    progress.set('manifests', 'failed', `${refused.length} of ${manifests.length} refused`);
    throw new UserError(`${refused.join('\n')}\n${whatStands(done)}`);
  }
  if (manifests.length > 0) progress.set('manifests', 'done', summary(done));
  return done;
}

const title = (manifest: Manifest): string => {
  const { namespace, name } = manifest.object.metadata;
  return `${manifest.kind.toLowerCase()} ${namespace ? `${namespace}/` : ''}${name}`;
};

const summary = (done: readonly Applied[]): string =>
  (['created', 'configured', 'unchanged'] as const)
    .map((result) => ({ result, count: done.filter((a) => a.result === result).length }))
    .filter(({ count }) => count > 0)
    .map(({ result, count }) => `${count} ${result}`)
    .join(', ');

const whatStands = (done: readonly Applied[]): string =>
  done.length === 0
    ? 'nothing was applied'
    : `applied all the same: ${done.map((a) => `${title(a.manifest)} (${a.result})`).join(', ')}`;

async function applyOne(client: Client, { kind, object }: Manifest): Promise<Applied['result']> {
  const namespace = kindRow(kind).namespaced ? (object.metadata.namespace ?? 'default') : undefined;
  const key = { namespace, name: object.metadata.name };
  const live = await client.get(kind, key);
  if (!live) {
    await client.create(kind, withLastApplied({ ...object, metadata: { ...object.metadata, namespace } }));
    return 'created';
  }
  const patch = applyPatch(object, live as unknown as Record<string, unknown>);
  if (patch === undefined) return 'unchanged';
  const now: KubeObject = await client.patch(kind, key, 'merge', patch);
  return now.metadata.resourceVersion === live.metadata.resourceVersion ? 'unchanged' : 'configured';
}

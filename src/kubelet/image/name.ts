// Image names: 'web' is docker.io/library/web:latest, as container engines have it.

/** registry/path[:tag][@digest] in full; undefined: not a name. */
export function normalImageName(name: string): string | undefined {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._\-/:@+]*$/.test(name)) return undefined;
  const [before = '', digest] = name.split('@');
  const first = before.split('/')[0] ?? '';
  const hasRegistry = before.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost');
  const path = hasRegistry ? before.slice(first.length + 1) : before;
  const registry = hasRegistry && first !== 'index.docker.io' ? first : 'docker.io';
  const full = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  const [, repository, tag] = /^([a-z0-9][a-z0-9._\-/]*?)(?::([\w][\w.-]{0,127}))?$/.exec(full) ?? [];
  if (repository === undefined) return undefined;
  if (digest !== undefined)
    return /^sha256:[0-9a-f]{64}$/.test(digest) ? `${registry}/${repository}@${digest}` : undefined;
  return `${registry}/${repository}:${tag ?? 'latest'}`;
}

/** The machine's own root as an image. */
export const HOST_IMAGE = 'docker.io/library/host:latest';

/**
 * Name of an image in an archive. OCI layouts carry what their maker wrote: a full name, or a tag alone, which is then a tag
 * of the file's own name: web.tar with the tag v1 holds web:v1.
 */
export function archivedName(annotations: Readonly<Record<string, string>>, fileName: string): string | undefined {
  const whole = annotations['io.containerd.image.name'];
  const reference = whole ?? annotations['org.opencontainers.image.ref.name'];
  const base = fileName.replace(/\.(tar|tgz|tar\.gz|oci)$/, '').toLowerCase();
  if (reference === undefined) return normalImageName(base);
  if (whole !== undefined || /[/:]/.test(reference)) return normalImageName(reference);
  return normalImageName(`${base}:${reference}`);
}

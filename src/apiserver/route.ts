// Path -> what is asked for. The shape of every resource's paths follows from its row in the table of kinds:
//
//   /api/v1/namespaces/my-app/pods/web-1/log      /apis/apps/v1/deployments
//   `-------'          `----' `--' `---' `-'      `----------' `---------'
//   group version   namespace plural name subresource
import { groupVersionPath, type KindRow, KINDS } from '../api/kinds.ts';

export interface ResourceRoute {
  readonly row: KindRow;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

const rows = new Map(KINDS.map((row) => [`${groupVersionPath(row)}/${row.plural}`, row]));
const groupVersions = new Set(KINDS.map(groupVersionPath));

/** undefined: not a path of a resource that is served. */
export function resourceRoute(path: string): ResourceRoute | undefined {
  const parts = path.split('/').filter((p) => p !== '');
  const head = parts[0] === 'api' ? 2 : 3;
  const groupVersion = `/${parts.slice(0, head).join('/')}`;
  if (!groupVersions.has(groupVersion)) return undefined;
  const rest = parts.slice(head).map(decodePart);
  if (rest.length === 0 || rest.includes(undefined)) return undefined;
  const [first, second, third, ...more] = rest as string[];
  // Everything below a namespace, except the namespace itself and its subresources.
  if (first === 'namespaces' && second !== undefined && third !== undefined) {
    const row = rows.get(`${groupVersion}/${third}`);
    if (row?.namespaced) return tail(row, second, more);
  }
  const row = rows.get(`${groupVersion}/${first}`);
  if (!row) return undefined;
  // A namespaced resource without a namespace is a list over all of them.
  if (row.namespaced) return rest.length === 1 ? tail(row, undefined, []) : undefined;
  return tail(row, undefined, (rest as string[]).slice(1));
}

function tail(row: KindRow, namespace: string | undefined, rest: readonly string[]): ResourceRoute | undefined {
  const [name, subresource, ...more] = rest;
  if (more.length > 0) return undefined;
  if (subresource !== undefined && !row.subresources.includes(subresource)) return undefined;
  return { row, namespace, name, subresource };
}

function decodePart(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

// Lists: from the cache when they are about now, page by page from the store at the revision of their first page.
import type { ApiResponse } from '../api/http.ts';
import { firstWhere } from '../store/sorted.ts';
import { isCompacted } from '../store/types.ts';
import type { Call, Context } from './context.ts';
import { badRequest, expired, futureRevision } from './errors.ts';
import { keyPrefix } from './objects.ts';
import { type ListMeta, listAnswer } from './render.ts';
import { askedRevision, count, type Selects, selection } from './select.ts';
import { cached, type Cached } from './watchcache.ts';

/** Where a page ended and of which state it is a page; revision -1: of whatever state there is (after a 410). */
interface Continue {
  readonly rv: number;
  readonly start: string;
}

const encodeToken = (c: Continue): string =>
  btoa(JSON.stringify({ v: 'meta.k8s.io/v1', ...c }))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '');

function decodeToken(text: string): Continue {
  try {
    const token = JSON.parse(atob(text.replace(/-/g, '+').replace(/_/g, '/'))) as Partial<Continue> & { v?: string };
    if (token.v === 'meta.k8s.io/v1' && typeof token.rv === 'number' && typeof token.start === 'string') {
      return { rv: token.rv, start: token.start };
    }
  } catch {
    // Not one of ours.
  }
  throw badRequest('continue key is not valid: it was not given by this server');
}

interface Page {
  readonly items: readonly Cached[];
  readonly revision: number;
  /** undefined: the list ends here. */
  readonly next?: string;
  readonly remaining: number;
}

const goneMessage =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
  'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
  'deleted between the time the first chunk was returned and now may show up in the list.';

export async function list(ctx: Context, call: Call): Promise<ApiResponse> {
  const selects = selection(call);
  const asked = askedRevision(call);
  const match = call.request.query.get('resourceVersionMatch') ?? '';
  const token = call.request.query.get('continue') ?? '';
  const limit = count(call, 'limit') ?? 0;
  checkMatch(match, asked, token);
  const now = ctx.cache.revision();
  if (asked !== undefined && asked > now) throw futureRevision(String(asked), now);

  const from = token === '' ? undefined : decodeToken(token);
  const exact = from ? from.rv : match === 'Exact' ? asked : undefined;
  const page =
    exact === undefined || exact < 0 || ctx.cache.resource(call.row).changedAt() <= exact
      ? cachePage(ctx, call, selects, limit, from, exact)
      : await storePage(ctx, call, selects, limit, from, exact);
  const metadata: ListMeta = { resourceVersion: String(page.revision) };
  if (page.next !== undefined) {
    metadata.continue = encodeToken({ rv: page.revision, start: page.next });
    // With a selector nobody knows how many of the rest it selects.
    if (!selects) metadata.remainingItemCount = page.remaining;
  }
  return listAnswer(ctx, call, page.items, metadata);
}

function checkMatch(match: string, asked: number | undefined, token: string): void {
  if (match === '') return;
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    throw badRequest(
      `resourceVersionMatch: Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan"`,
    );
  }
  if (token !== '') {
    throw badRequest('resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided');
  }
  if (asked === undefined) {
    throw badRequest(
      'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  }
  if (match === 'Exact' && asked === 0) {
    throw badRequest(
      'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    );
  }
}

function cachePage(
  ctx: Context,
  call: Call,
  selects: Selects,
  limit: number,
  from: Continue | undefined,
  exact: number | undefined,
): Page {
  // Equal to the state now, or no state was named: then it is the state now.
  const revision = exact !== undefined && exact > 0 ? exact : ctx.cache.revision();
  const all = ctx.cache.resource(call.row).list(call.namespace);
  const start = from ? firstWhere(all, (c) => c.key > from.start) : 0;
  if (limit <= 0) return { items: selected(all.slice(start), selects), revision, remaining: 0 };
  const items: Cached[] = [];
  let i = start;
  for (; i < all.length && items.length < limit; i += 1) {
    const item = all[i] as Cached;
    if (!selects || selects(item.object)) items.push(item);
  }
  const more = i < all.length;
  return { items, revision, remaining: all.length - i, ...(more ? { next: (all[i - 1] as Cached).key } : {}) };
}

const selected = (items: readonly Cached[], selects: Selects): readonly Cached[] =>
  selects ? items.filter((i) => selects(i.object)) : items;

async function storePage(
  ctx: Context,
  call: Call,
  selects: Selects,
  limit: number,
  from: Continue | undefined,
  revision: number,
): Promise<Page> {
  const prefix = keyPrefix(call.row, call.namespace);
  const items: Cached[] = [];
  let after = from?.start;
  for (;;) {
    const want = limit > 0 ? limit - items.length : undefined;
    const found = await rangeAt(ctx, prefix, { after, limit: want, revision });
    const objects = found.entries.map((e) => cached(e.key, e.value, e.revision));
    items.push(...selected(objects, selects));
    after = objects.at(-1)?.key ?? after;
    const full = limit > 0 && items.length >= limit;
    if (found.remaining === 0) return { items, revision, remaining: 0 };
    if (full) return { items, revision, remaining: found.remaining, next: after ?? prefix };
  }
}

type RangeAt = { after: string | undefined; limit: number | undefined; revision: number };

async function rangeAt(ctx: Context, prefix: string, o: RangeAt): ReturnType<Context['store']['range']> {
  try {
    return await ctx.store.range(prefix, o);
  } catch (e) {
    if (!isCompacted(e)) throw e;
    const error = expired(
      o.after === undefined ? `The resourceVersion for the provided list is too old.` : goneMessage,
    );
    if (o.after !== undefined) error.status.metadata = { continue: encodeToken({ rv: -1, start: o.after }) };
    throw error;
  }
}

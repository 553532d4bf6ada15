// The store's database, in the worker's thread. SQLite in WAL mode with synchronous=FULL: a commit is on disk when it
// returns. Many writes share one commit.
//
//   log      revision -> key, value (null: deleted)      every version that is not compacted away
//   current  key -> revision                             of keys that exist
//   facts    'compacted', 'format'
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { StoreReply, WriteRequest } from './messages.ts';
import {
  compactedError,
  type Entry,
  FIRST_REVISION,
  futureError,
  prefixEnd,
  type RangeOptions,
  type RangeResult,
  StoreError,
  type StoreEvent,
  type WriteResult,
} from './types.ts';

const format = 1;
const pageBytes = 4096;
/** Rows that one step of a compaction removes, so that writes wait for a step and not for all of it. */
const compactStep = 1000;

// Primary result codes of SQLite.
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

const schema = `
  CREATE TABLE IF NOT EXISTS log (revision INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT) STRICT;
  CREATE INDEX IF NOT EXISTS log_by_key ON log (key, revision);
  CREATE TABLE IF NOT EXISTS current (key TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
`;

/** SQLite's error as one of the store's; the path tells whose disk it is. */
export function storeError(e: unknown, path: string): StoreError {
  if (e instanceof StoreError) return e;
  const { errcode, errstr, message } = e as { errcode?: number; errstr?: string; message?: string };
  const primary = (errcode ?? 0) & 0xff;
  if (primary === SQLITE_FULL) {
    return new StoreError('Full', `no space left for the store ${path}: nothing was written`);
  }
  if (primary === SQLITE_BUSY) return new StoreError('Locked', `the store ${path} is open in another process`);
  return new StoreError('Failed', `the store ${path} failed: ${message ?? errstr ?? String(e)}`);
}

export interface Engine {
  readonly revision: number;
  readonly compacted: number;
  /** All in one commit: each has its own result, or all fail together and nothing is written. */
  write(requests: readonly WriteRequest[]): StoreReply[];
  get(key: string): Entry | undefined;
  range(prefix: string, options: RangeOptions): RangeResult;
  log(prefix: string, after: number): StoreEvent[];
  compact(revision: number): void;
  /** Removes some of what is compacted; true: there may be more. */
  sweep(): boolean;
  close(): void;
}

export function openEngine(path: string, maxBytes?: number): Engine {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(path);
    // One writer for as long as it is open; a second server on the same files is refused at once.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    if (maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.floor(maxBytes / pageBytes)}`);
    db.exec(`BEGIN EXCLUSIVE; ${schema} COMMIT`);
    return new SqliteEngine(db, path);
  } catch (e) {
    throw storeError(e, path);
  }
}

class SqliteEngine implements Engine {
  revision: number;
  compacted: number;
  private sweptTo: number;
  private readonly db: DatabaseSync;
  private readonly path: string;
  private readonly statements: Record<'insert' | 'set' | 'unset' | 'get', StatementSync>;

  constructor(db: DatabaseSync, path: string) {
    this.db = db;
    this.path = path;
    const fact = (name: string, otherwise: number): number =>
      (db.prepare('SELECT value FROM facts WHERE name = ?').get(name) as { value: number } | undefined)?.value ??
      otherwise;
    const found = fact('format', format);
    if (found !== format) {
      throw new StoreError('Failed', `the store ${path} has format ${found}, this program knows ${format}`);
    }
    this.setFact('format', format);
    this.compacted = fact('compacted', FIRST_REVISION);
    this.sweptTo = 0;
    const newest = db.prepare('SELECT max(revision) AS n FROM log').get() as { n: number | null };
    this.revision = Math.max(FIRST_REVISION, this.compacted, newest.n ?? 0);
    this.statements = {
      insert: db.prepare('INSERT INTO log (revision, key, value) VALUES (?, ?, ?)'),
      set: db.prepare('INSERT OR REPLACE INTO current (key, revision) VALUES (?, ?)'),
      unset: db.prepare('DELETE FROM current WHERE key = ?'),
      get: db.prepare(
        'SELECT l.key, l.value, l.revision FROM current c JOIN log l ON l.revision = c.revision WHERE c.key = ?',
      ),
    };
  }

  private setFact(name: string, value: number): void {
    this.db.prepare('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)').run(name, value);
  }

  get(key: string): Entry | undefined {
    const row = this.statements.get.get(key) as Entry | undefined;
    return row && { ...row };
  }

  write(requests: readonly WriteRequest[]): StoreReply[] {
    const before = this.revision;
    try {
      this.db.exec('BEGIN IMMEDIATE');
      const replies = requests.map((r) => ({ id: r.id, result: this.one(r) }));
      this.db.exec('COMMIT');
      return replies;
    } catch (e) {
      this.revision = before;
      // SQLite has rolled back by itself after some errors: then there is nothing left to roll back.
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      const { code, message } = storeError(e, this.path);
      return requests.map((r) => ({ id: r.id, error: { code, message } }));
    }
  }

  private one({ key, value, expect }: WriteRequest): WriteResult {
    const found = this.get(key);
    const mismatch = expect !== undefined && (found?.revision ?? 0) !== expect;
    if (mismatch || (value === undefined && !found)) return { ok: false, current: found };
    this.revision += 1;
    this.statements.insert.run(this.revision, key, value ?? null);
    if (value === undefined) this.statements.unset.run(key);
    else this.statements.set.run(key, this.revision);
    return { ok: true, revision: this.revision };
  }

  range(prefix: string, o: RangeOptions): RangeResult {
    const at = o.revision ?? this.revision;
    if (at > this.revision) throw futureError(at, this.revision);
    if (at < this.compacted) throw compactedError(at, this.compacted);
    const end = prefixEnd(prefix);
    const bounds: (string | number)[] = [prefix, ...(end === undefined ? [] : [end])];
    let where = `key >= ?${end === undefined ? '' : ' AND key < ?'}`;
    if (o.after !== undefined) {
      where += ' AND key > ?';
      bounds.push(o.after);
    }
    // With max() SQLite takes the other columns from the row that has the maximum. A key's newest version up to `at`:
    const newest = `SELECT key, max(revision) AS revision, value FROM log WHERE ${where} AND revision <= ? GROUP BY key`;
    // A column of the same name is in both tables: `key` alone would be ambiguous outside.
    const source =
      at === this.revision
        ? `SELECT c.key AS key, c.revision AS revision, l.value AS value FROM (SELECT * FROM current WHERE ${where}) c JOIN log l ON l.revision = c.revision`
        : `SELECT * FROM (${newest}) WHERE value IS NOT NULL`;
    if (at !== this.revision) bounds.push(at);
    const limit = o.limit === undefined ? '' : ` LIMIT ${Math.max(0, Math.floor(o.limit))}`;
    const rows = this.db.prepare(`SELECT * FROM (${source}) ORDER BY key${limit}`).all(...bounds) as unknown as Entry[];
    const entries = rows.map(({ key, value, revision }) => ({ key, value, revision }));
    let remaining = 0;
    if (o.limit !== undefined && entries.length >= o.limit) {
      const all = this.db.prepare(`SELECT count(*) AS n FROM (${source})`).get(...bounds) as { n: number };
      remaining = all.n - entries.length;
    }
    return { entries, revision: at, remaining };
  }

  log(prefix: string, after: number): StoreEvent[] {
    if (after < this.compacted) throw compactedError(after, this.compacted);
    const rows = this.db
      .prepare('SELECT revision, key, value FROM log WHERE revision > ? ORDER BY revision')
      .all(after) as unknown as { revision: number; key: string; value: string | null }[];
    return rows
      .filter((r) => r.key.startsWith(prefix))
      .map(({ revision, key, value }) => ({ revision, key, value: value ?? undefined }));
  }

  compact(revision: number): void {
    if (revision > this.revision) throw futureError(revision, this.revision);
    if (revision <= this.compacted) return;
    this.setFact('compacted', revision);
    this.compacted = revision;
    this.sweptTo = 0;
  }

  /** A version goes when a newer one of its key is not newer than the compaction, or when it is a deletion itself. */
  sweep(): boolean {
    if (this.sweptTo >= this.compacted) return false;
    const upTo = (
      this.db
        .prepare(
          'SELECT max(revision) AS n FROM (SELECT revision FROM log WHERE revision > ? ORDER BY revision LIMIT ?)',
        )
        .get(this.sweptTo, compactStep) as { n: number | null }
    ).n;
    const last = Math.min(upTo ?? this.compacted, this.compacted);
    this.db
      .prepare(
        `DELETE FROM log WHERE revision > ? AND revision <= ? AND (value IS NULL OR EXISTS
           (SELECT 1 FROM log n WHERE n.key = log.key AND n.revision > log.revision AND n.revision <= ?))`,
      )
      .run(this.sweptTo, last, this.compacted);
    this.sweptTo = last;
    return last < this.compacted;
  }

  close(): void {
    this.db.close();
  }
}

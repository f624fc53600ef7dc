import { createHash } from 'node:crypto';
import { Client } from 'pg';
import { TerminalError } from '#domain/errors';
import { MIGRATIONS } from './migrations/index.js';
import type { Migration } from './migrations/migration.js';
import { VIEW_DDL } from './views/schema.js';

export interface MigrateOptions {
  readonly migrations?: readonly Migration[];
  readonly viewDdl?: string;
}

export interface Migrated {
  readonly applied: readonly string[];
  /** `stale`: this release draws the views differently. They have to be rebuilt before anything is written. */
  readonly views: 'current' | 'created' | 'stale';
}

/**
 * Brings the database up to this release. Safe to run from several processes at once: the lock is held on the
 * connection that migrates, and each step is one transaction.
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<Migrated> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'tiny-forge migrate' });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock(7, 0)');
    await client.query("set lock_timeout = '10s'");
    const applied = await applyMissing(client, options.migrations ?? MIGRATIONS);
    return { applied, views: await ensureViews(client, options.viewDdl ?? VIEW_DDL) };
  } finally {
    await client.end();
  }
}

/** Refuses a database that is not at this release: only all-in-one and admin migrate. */
export async function assertMigrated(databaseUrl: string, options: MigrateOptions = {}): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'tiny-forge migrate' });
  await client.connect();
  try {
    const done = await appliedNames(client);
    const missing = (options.migrations ?? MIGRATIONS).filter(({ name }) => !done.has(name));
    const views = await viewsOf(client, options.viewDdl ?? VIEW_DDL);
    if (missing.length === 0 && views === 'current') return;
    const what =
      missing.length > 0
        ? `it lacks ${missing.map(({ name }) => name).join(', ')}`
        : 'its views are of another release';
    throw new TerminalError(
      'not-migrated',
      `The database is not ready: ${what}. Run \`tiny-forge-admin migrate\` first.`,
      'operator',
    );
  } finally {
    await client.end();
  }
}

/** What the views were drawn from; kept as the schema's comment, so that it moves with a swap. */
export function viewMark(viewDdl: string): string {
  return `sha256:${createHash('sha256').update(viewDdl).digest('hex')}`;
}

async function applyMissing(client: Client, migrations: readonly Migration[]): Promise<string[]> {
  await client.query(`create schema if not exists state;
    create table if not exists state.migration (name text primary key, applied_at timestamptz not null default now())`);
  const done = await appliedNames(client);
  refuseNewer(done, migrations);
  const missing = migrations.filter(({ name }) => !done.has(name));
  for (const migration of missing) await apply(client, migration);
  return missing.map(({ name }) => name);
}

async function apply(client: Client, { name, up }: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(up);
    await client.query('insert into state.migration (name) values ($1)', [name]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

async function appliedNames(client: Client): Promise<Set<string>> {
  const { rows } = await client.query<{ exists: boolean }>(
    "select to_regclass('state.migration') is not null as exists",
  );
  if (!rows[0]?.exists) return new Set();
  const applied = await client.query<{ name: string }>('select name from state.migration');
  return new Set(applied.rows.map(({ name }) => name));
}

function refuseNewer(done: ReadonlySet<string>, migrations: readonly Migration[]): void {
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = [...done].filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new TerminalError(
    'newer-database',
    `A newer release migrated this database (${unknown.join(', ')}). Start that release, or restore the backup made before it.`,
    'operator',
  );
}

async function ensureViews(client: Client, viewDdl: string): Promise<Migrated['views']> {
  const found = await viewsOf(client, viewDdl);
  if (found === 'current') return 'current';
  const { rows } = await client.query<{ any: boolean }>('select exists (select from log.event) as any');
  if (rows[0]?.any) return 'stale';
  const mark = client.escapeLiteral(viewMark(viewDdl));
  await client.query(
    `begin; drop schema if exists view cascade; create schema view;\n${viewDdl};\ncomment on schema view is ${mark}; commit`,
  );
  return 'created';
}

async function viewsOf(client: Client, viewDdl: string): Promise<'current' | 'stale'> {
  const { rows } = await client.query<{ mark: string | null }>(
    "select obj_description(to_regnamespace('view'), 'pg_namespace') as mark",
  );
  return rows[0]?.mark === viewMark(viewDdl) ? 'current' : 'stale';
}

import { Client } from 'pg';
import { DOMAIN_MODEL } from './domain-model.js';
import { drawViews, replay, type Replay } from './replay.js';
import type { RebuildOptions } from './rebuild.js';
import { VIEW_DDL } from './views/schema.js';

/** A row that only one of the two has. */
export interface ViewDifference {
  readonly table: string;
  readonly side: 'live' | 'rebuilt';
  readonly row: Readonly<Record<string, unknown>>;
}

/** Differences reported per table and side. */
const SHOWN = 20;

/** Rebuilds the views aside and compares them with the live ones, row for row. For tests and `doctor`. */
export async function compareViews(options: Omit<RebuildOptions, 'onProgress'>): Promise<ViewDifference[]> {
  const client = new Client({
    connectionString: options.databaseUrl,
    application_name: 'tiny-forge compare',
    pipeline: true,
  });
  await client.connect();
  try {
    const check: Replay = { client, model: options.model ?? DOMAIN_MODEL, schema: 'view_check' };
    await drawViews(check, options.viewDdl ?? VIEW_DDL);
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock(7, 2)');
    await replay(check, { after: '0', upTo: '9223372036854775807' });
    const differences = [];
    for (const table of await tablesOf(client, 'view')) differences.push(...(await compareTable(client, table)));
    await client.query('commit');
    return differences;
  } finally {
    await client.query('rollback; drop schema if exists view_check cascade').catch(() => undefined);
    await client.end();
  }
}

async function tablesOf(client: Client, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'select tablename as name from pg_tables where schemaname = $1 order by tablename',
    [schema],
  );
  return rows.map(({ name }) => name);
}

async function compareTable(client: Client, table: string): Promise<ViewDifference[]> {
  const name = client.escapeIdentifier(table);
  const { rows } = await client.query<{ side: ViewDifference['side']; row: Record<string, unknown> }>(`
    (select 'live' as side, to_jsonb(a) as row from
      (select * from view.${name} except all select * from view_check.${name}) a limit ${SHOWN})
    union all
    (select 'rebuilt', to_jsonb(b) from
      (select * from view_check.${name} except all select * from view.${name}) b limit ${SHOWN})`);
  return rows.map(({ side, row }) => ({ table, side, row }));
}

import type { ClientBase, Pool, PoolClient } from 'pg';
import { TerminalError } from '#domain/errors';

const FORMAT = 'tiny-forge-log/1';
const FETCH = 500;
/** How far the epochs of leases jump: further than the old cluster gets by itself. */
const EPOCHS = 1_000_000;
/** Characters of JSON per INSERT. */
const CHUNK = 4_000_000;
const ROW = /^\{"table":"([a-z_.]+)","row":(\{.*\})\}$/s;

interface Table {
  readonly name: string;
  /** Without generated ones, which the database fills itself. */
  readonly columns: readonly string[];
}

/**
 * The log and the state as NDJSON lines: one consistent snapshot, while everything goes on. Views are left out, they
 * are rebuilt. Secrets stay sealed: the master key is not in it and has to be kept apart.
 */
export async function* exportLog(pool: Pool): AsyncGenerator<string> {
  const client = await pool.connect();
  let isDone = false;
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query('set local idle_in_transaction_session_timeout = 0');
    yield `${JSON.stringify({ format: FORMAT, migrations: await migrationsOf(client) })}\n`;
    for (const table of await tablesOf(client)) yield* exportTable(client, table);
    await client.query('commit');
    isDone = true;
  } finally {
    client.release(!isDone);
  }
}

async function* exportTable(client: PoolClient, { name, columns }: Table): AsyncGenerator<string> {
  await client.query(`declare export_rows no scroll cursor for
    select to_jsonb(r)::text as row from (select ${columns.join(', ')} from ${name} order by ${columns.slice(0, 2).join(', ')}) r`);
  for (;;) {
    const { rows } = await client.query<{ row: string }>(`fetch ${FETCH} from export_rows`);
    for (const { row } of rows) yield `{"table":"${name}","row":${row}}\n`;
    if (rows.length < FETCH) break;
  }
  await client.query('close export_rows');
}

/**
 * Reads the lines of {@link exportLog} into a migrated, empty database: all of them or none. The views are empty
 * afterwards: rebuild them next.
 */
export async function importLog(
  pool: Pool,
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<{ rows: number }> {
  const client = await pool.connect();
  let isDone = false;
  try {
    await client.query('begin');
    await client.query('set local idle_in_transaction_session_timeout = 0; set local statement_timeout = 0');
    const tables = await tablesOf(client);
    await assertEmpty(client, tables);
    const rows = await importRows(client, tables, lines);
    // Whoever still holds a lease of the cluster that was left must never be taken for its holder here.
    await client.query(`update state.lease set epoch = epoch + ${EPOCHS}, until = '-infinity'`);
    await client.query(
      `select setval(pg_get_serial_sequence('log.event', 'id'), coalesce(max(id), 1), max(id) is not null) from log.event`,
    );
    await client.query('commit');
    isDone = true;
    return { rows };
  } finally {
    client.release(!isDone);
  }
}

async function importRows(
  client: ClientBase,
  tables: readonly Table[],
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<number> {
  const byName = new Map(tables.map((table) => [table.name, table]));
  let pending: { table: Table; rows: string[]; size: number } | null = null;
  let isStarted = false;
  let count = 0;
  const flush = async () => {
    if (pending) await insertRows(client, pending.table, pending.rows);
    pending = null;
  };
  for await (const line of lines) {
    if (line.trim() === '') continue;
    if (!isStarted) {
      assertHeader(line, await migrationsOf(client));
      isStarted = true;
      continue;
    }
    const [, name = '', row = ''] = ROW.exec(line.trimEnd()) ?? [];
    const table = byName.get(name);
    if (!table) throw notAnExport(`it names the table ${name || '(none)'}`);
    if (pending && (pending.table !== table || pending.size > CHUNK)) await flush();
    pending ??= { table, rows: [], size: 0 };
    pending.rows.push(row);
    pending.size += row.length;
    count += 1;
  }
  await flush();
  if (!isStarted) throw notAnExport('it is empty');
  return count;
}

async function insertRows(client: ClientBase, { name, columns }: Table, rows: readonly string[]): Promise<void> {
  const list = columns.join(', ');
  await client.query(
    `insert into ${name} (${list}) overriding system value select ${list} from jsonb_populate_recordset(null::${name}, $1::jsonb)`,
    [`[${rows.join(',')}]`],
  );
}

function assertHeader(line: string, migrations: readonly string[]): void {
  let header: { format?: unknown; migrations?: unknown };
  try {
    header = JSON.parse(line) as typeof header;
  } catch {
    throw notAnExport('its first line is not JSON');
  }
  if (header.format !== FORMAT) throw notAnExport(`its format is ${String(header.format)}, not ${FORMAT}`);
  if (String(header.migrations) === String(migrations)) return;
  throw new TerminalError(
    'other-release',
    `The export was made at ${String(header.migrations)}, this database is at ${String(migrations)}. Import it with the release that made it, then update.`,
    'operator',
  );
}

async function assertEmpty(client: ClientBase, tables: readonly Table[]): Promise<void> {
  for (const { name } of tables) {
    const { rows } = await client.query<{ any: boolean }>(`select exists (select from ${name}) as any`);
    if (!rows[0]?.any) continue;
    throw new TerminalError(
      'not-empty',
      `${name} has rows already. Import into a new database: nothing is merged.`,
      'operator',
    );
  }
}

/** `log` and `state`, without the list of migrations: that is the target's own. */
async function tablesOf(client: ClientBase): Promise<Table[]> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(`
    select n.nspname || '.' || c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where n.nspname in ('log', 'state') and c.relkind = 'r' and c.relname <> 'migration'
    group by 1 order by 1`);
  return rows;
}

async function migrationsOf(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>('select name from state.migration order by name');
  return rows.map(({ name }) => name);
}

function notAnExport(why: string): TerminalError {
  return new TerminalError('not-an-export', `This is no export of Tiny Forge: ${why}.`, 'permanent');
}

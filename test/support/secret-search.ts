import { Client } from 'pg';

/** Names of the tables in which a text is stored readable, with what stands around it. */
export async function findInTables(databaseUrl: string, text: string): Promise<readonly string[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
        where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
    );
    const found: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ row: string }>(
        `select t::text as row from ${name} t where position($1 in t::text) > 0 limit 1`,
        [text],
      );
      found.push(...rows.map(({ row }) => `${name}: ${around(row, text)}`));
    }
    return found;
  } finally {
    await client.end();
  }
}

function around(row: string, text: string): string {
  const at = row.indexOf(text);
  return row.slice(Math.max(0, at - 80), at + text.length + 20);
}

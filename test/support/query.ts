import { Client } from 'pg';

/** One query on a connection of its own. */
export async function runQuery<T extends object>(databaseUrl: string, sql: string): Promise<readonly T[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

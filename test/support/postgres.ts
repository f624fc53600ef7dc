import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';

export const TEMPLATE = 'tpl';

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

export interface DatabaseRequest {
  /** False: an empty database. */
  readonly migrated?: boolean;
  /** A cluster's `postgres` database; that of the test run unless told. */
  readonly clusterUrl?: string;
}

/** A database of its own. */
export async function createDatabase({
  migrated = true,
  clusterUrl = inject('postgresUrl'),
}: DatabaseRequest = {}): Promise<TestDatabase> {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await runOn(clusterUrl, `create database ${name} ${migrated ? `template ${TEMPLATE} strategy file_copy` : ''}`);
  const url = new URL(clusterUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => runOn(clusterUrl, `drop database if exists ${name} with (force)`) };
}

export async function runOn(databaseUrl: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

import { Pool } from 'pg';

export interface PoolOptions {
  readonly databaseUrl: string;
  /** Connections; 10 unless told. */
  readonly max?: number;
  readonly applicationName?: string;
}

/**
 * The one pool of a process. Its connections are in pipeline mode: a query is sent without waiting for the answer
 * to the one before it. No statement, lock or idle transaction outlives its timeout.
 */
export function createPool({ databaseUrl, max = 10, applicationName = 'tiny-forge' }: PoolOptions): Pool {
  const pool = new Pool({
    connectionString: databaseUrl,
    application_name: applicationName,
    max,
    pipeline: true,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
    lock_timeout: 10_000,
    idle_in_transaction_session_timeout: 10_000,
  });
  // A connection that breaks rejects its queries; without listeners its 'error' event would end the process as well.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

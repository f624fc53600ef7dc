import type { Writable } from 'node:stream';
import { DatabaseError, type ClientBase, type Pool, type PoolClient, type QueryResult } from 'pg';
import type { Statement } from './statement.js';

export type Result = QueryResult<Record<string, unknown>>;

/** A statement of many rows is too big to keep, and seldom the same twice. */
const NAMED_VALUES = 50;
/** Texts beyond this many are sent unnamed: a text that varies must not fill the server with prepared statements. */
const NAMED_TEXTS = 500;
const names = new Map<string, string>();

/** Every append holds the lock shared; a rebuild takes it alone for its last events and the swap. */
export const BEGIN: Statement = {
  text: 'begin isolation level read committed; select pg_advisory_xact_lock_shared(7, 2)',
  values: [],
};
export const COMMIT: Statement = { text: 'commit', values: [] };

/** Runs the statements as one transaction in one flush. Throws the first refusal; then nothing is stored. */
export function inTransaction(pool: Pool, statements: readonly Statement[]): Promise<Result[]> {
  return withClient(pool, async (client) => (await pipelined(client, [BEGIN, ...statements, COMMIT])).slice(1, -1));
}

/** Sends all statements without waiting in between. Waits for all answers, then throws the first refusal. */
export async function pipelined(client: ClientBase, statements: readonly Statement[]): Promise<Result[]> {
  const answers = await Promise.allSettled(
    inOneWrite(client, () => statements.map((statement) => client.query<Record<string, unknown>>(query(statement)))),
  );
  const refused = answers.find((answer) => answer.status === 'rejected');
  if (refused) throw refused.reason;
  const results = answers.map((answer) => (answer as PromiseFulfilledResult<Result>).value);
  // After a refused statement a COMMIT "succeeds" with the tag ROLLBACK.
  if (statements.at(-1) === COMMIT && results.at(-1)?.command !== 'COMMIT')
    throw new Error('The transaction was rolled back.');
  return results;
}

/** pg writes each query to the socket by itself: a system call each, for us and for the server. */
function inOneWrite<T>(client: ClientBase, send: () => T): T {
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Writable } }).connection;
  stream.cork();
  try {
    return send();
  } finally {
    stream.uncork();
  }
}

/** Lends a connection; one that broke, or may still be inside a transaction, is not given back to the pool. */
export async function withClient<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let reusable = false;
  try {
    const result = await work(client);
    reusable = true;
    return result;
  } catch (error) {
    reusable = !isBroken(error) && client.getTransactionStatus() === 'I';
    throw error;
  } finally {
    client.release(!reusable);
  }
}

/** The server refused a statement, or our own code threw: then the connection still stands. */
function isBroken(error: unknown): boolean {
  return error instanceof DatabaseError
    ? error.severity !== 'ERROR'
    : error instanceof Error && ('errno' in error || /connection|timeout/i.test(error.message));
}

function query({ text, values }: Statement) {
  const isPrepared = values.length > 0 && values.length <= NAMED_VALUES;
  return { name: isPrepared ? nameOf(text) : undefined, text, values: [...values] };
}

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= NAMED_TEXTS) return known;
  const name = `tf${names.size}`;
  names.set(text, name);
  return name;
}

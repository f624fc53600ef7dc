import {
  LATEST_SCHEMA_VERSION,
  PostgresConnection,
  PostgresQueueBackend,
  SchemaMigrationRequiredError,
  type BackendFactory,
  type MinimalJob,
  type PostgresConnectionOptions,
  type QueueBaseOptions,
} from 'bullmq';
import { TerminalError } from '#domain/errors';
import type { OnConnectionError, QueueBackend } from './backend.js';
import { within } from './within.js';

type PgListenClient = Awaited<ReturnType<PostgresConnection['getListenClient']>>;

const SCHEMA = 'bullmq';

/** Seconds a worker may sleep without asking: what a NOTIFY lost on the way costs at most. */
const LONGEST_WAIT_S = 5;

/** Between two tries of a claim that failed: BullMQ tries again at once, whatever the error. */
const CLAIM_RETRY_MS = 500;

export interface PostgresOptions {
  /** A URL, also over a unix socket: `postgres://user:password@/database?host=/run/dir`. */
  readonly databaseUrl: string;
  readonly poolSize: number;
  /** True = bring BullMQ's schema up to date; false = refuse to start on an old one. */
  readonly migrate: boolean;
  readonly onError: OnConnectionError;
}

/** One pool, and one LISTEN connection beside it once there is a worker: `poolSize` + 1 connections in all. */
export async function connectPostgres(options: PostgresOptions): Promise<QueueBackend> {
  const connection = openConnection(options);
  try {
    await connection.waitUntilReady();
    await requireCurrentSchema(connection);
    await warmUp(connection, options.poolSize);
  } catch (error) {
    await connection.close();
    throw error instanceof SchemaMigrationRequiredError ? schemaError('missing') : error;
  }
  return {
    factory: sharing(connection),
    isUp: () => true,
    close: async (graceMs) => void (await within(graceMs, connection.close())),
  };
}

function openConnection({ databaseUrl, poolSize, migrate, onError }: PostgresOptions): PostgresConnection {
  const connection = new SharedConnection({
    connectionString: databaseUrl,
    schema: SCHEMA,
    migrate,
    max: poolSize,
    // A job is a hint: one that a crash of Postgres takes along is put back by the sweep, so no commit waits for disk.
    options: '-c synchronous_commit=off',
    application_name: 'tiny-forge-queue',
    connectionTimeoutMillis: 5_000,
    query_timeout: 15_000,
    idleTimeoutMillis: 0,
    keepAlive: true,
  });
  connection.setMaxListeners(0);
  connection.on('error', onError);
  // A client that breaks while it is checked out would otherwise end the process.
  connection.pool.on('connect', (client) => client.on('error', () => undefined));
  return connection;
}

function sharing(connection: PostgresConnection): BackendFactory<SharedPostgresBackend, unknown> {
  return (name, options) =>
    new SharedPostgresBackend(connection, name, options as QueueBaseOptions<PostgresConnectionOptions>);
}

class SharedConnection extends PostgresConnection {
  #listener: PgListenClient | undefined;

  override async getListenClient(): Promise<PgListenClient> {
    const client = await super.getListenClient();
    if (client !== this.#listener) sendInTurn(client);
    this.#listener = client;
    return client;
  }
}

/** Workers that start together say LISTEN together; pg wants one query at a time. */
function sendInTurn(client: PgListenClient): void {
  const send = client.query.bind(client);
  let last: Promise<unknown> = Promise.resolve();
  client.query = <R>(text: string, params?: readonly unknown[]) => {
    const answer = last.then(() => send<R>(text, params));
    last = answer.catch(() => undefined);
    return answer;
  };
}

/** BullMQ would give every queue and every worker a pool and a LISTEN connection of its own. */
class SharedPostgresBackend extends PostgresQueueBackend {
  override get maximumBlockTimeout(): number {
    return LONGEST_WAIT_S;
  }

  override async moveToActive(token: string, name?: string): ReturnType<PostgresQueueBackend['moveToActive']> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      await new Promise((resolve) => setTimeout(resolve, CLAIM_RETRY_MS));
      throw error;
    }
  }

  /** The connection belongs to all: whoever opened it closes it. */
  override async close(): Promise<void> {}

  override async disconnect(): Promise<void> {}
}

/** BullMQ runs on an older schema of its major version without a word. */
async function requireCurrentSchema(connection: PostgresConnection): Promise<void> {
  const { rows } = await connection.pool.query<{ version: number }>('SELECT max(version) AS version FROM migration');
  if ((rows[0]?.version ?? 0) < LATEST_SCHEMA_VERSION) throw schemaError('old');
}

function schemaError(state: 'missing' | 'old'): TerminalError {
  return new TerminalError(
    `queue-schema-${state}`,
    `The job queue's tables are ${state === 'old' ? 'older than this version of Tiny Forge' : 'missing'}. ` +
      'Start all-in-one or run the admin migration once, then start this process again.',
    'operator',
  );
}

/**
 * Opens the whole pool and runs the functions of a job's life once on each connection: Postgres compiles them per
 * connection, which would cost the first jobs 60 ms and more.
 */
async function warmUp(connection: PostgresConnection, poolSize: number): Promise<void> {
  const name = `warm-up-${crypto.randomUUID()}`;
  const backend = new PostgresQueueBackend(connection, name, { connection: {} }, false);
  const token = crypto.randomUUID();
  const jobs = Array.from({ length: poolSize }, (_, index) => warmUpJob(`warm-up-${index}`));
  await Promise.all(jobs.map((job) => backend.addJob(job, job.id)));
  await Promise.all(jobs.map(() => backend.moveToActive(token)));
  await Promise.all(jobs.map((job) => backend.moveToCompleted(job as unknown as MinimalJob, null, true, token, true)));
  await Promise.all(jobs.map((job) => backend.getState(job.id)));
  await connection.pool.query('DELETE FROM event WHERE queue = $1', [name]);
}

type NewJob = Parameters<PostgresQueueBackend['addJob']>[0];

function warmUpJob(id: string): NewJob & { readonly id: string } {
  const job = { id, name: 'warm-up', data: '{}', opts: { removeOnComplete: true }, timestamp: Date.now() };
  return job as NewJob & { readonly id: string };
}

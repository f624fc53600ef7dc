import { Pool } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createQueues, type Queues } from '#queue/queues';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';
import { queueConformance } from './conformance.js';
import type { BackendUnderTest } from './fixture.js';

queueConformance('Postgres', postgresUnderTest);

describe("the queue's tables and connections in Postgres", () => {
  let database: TestDatabase;
  let pool: Pool;
  let queues: Queues | undefined;

  beforeEach(async () => {
    database = await createDatabase({ migrated: false });
    pool = poolOn(database.url);
  });
  afterEach(async () => {
    await queues?.close();
    await pool.end();
    await database.drop();
  });

  const open = async (migrate: boolean) => {
    queues = await createQueues({
      databaseUrl: database.url,
      redisUrl: null,
      poolSize: 3,
      migrate,
      onError: () => undefined,
    });
    return queues;
  };

  it('are refused when missing, unless the process may create them', async () => {
    await expect(open(false)).rejects.toMatchObject({ code: 'queue-schema-missing', failureClass: 'operator' });
    await (await open(true)).close();
    expect(await (await open(false)).counts('fan-out')).toEqual({ waiting: 0, delayed: 0, active: 0 });
  });

  it('are refused when old', async () => {
    await (await open(true)).close();
    await pool.query('DELETE FROM bullmq.migration WHERE version = (SELECT max(version) FROM bullmq.migration)');
    await expect(open(false)).rejects.toMatchObject({ code: 'queue-schema-old', failureClass: 'operator' });
  });

  it('stay at the pool and one more, whatever the number of queues and workers', async () => {
    const many = await open(true);
    const reactions = Array.from(
      { length: 6 },
      (_, node) => ({ name: 'deploy', subjectId: 's', node: `n${node}` }) as const,
    );
    const done = reactions.map(({ node }) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      many.work({ queue: `deploy-${node}`, concurrency: 4, process: async () => resolve() });
      return promise;
    });
    for (const reaction of reactions) many.add(reaction, 'event-1', 1);
    await Promise.all(done);
    const connections = async () => {
      const { rows } = await pool.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'tiny-forge-queue'`,
      );
      return rows[0]?.count;
    };
    expect(await connections()).toBeLessThanOrEqual(4);
    await expect.poll(connections).toBe(4);
  });

  it('hold nothing of the warm-up', async () => {
    await open(true);
    const { rows } = await pool.query(
      'SELECT id FROM bullmq.job UNION ALL SELECT queue FROM bullmq.event UNION ALL SELECT queue FROM bullmq.meta',
    );
    expect(rows).toEqual([]);
  });
});

async function postgresUnderTest(): Promise<BackendUnderTest> {
  const database = await createDatabase({ migrated: false });
  const name = new URL(database.url.replace('@/', '@host/')).pathname.slice(1);
  // To forbid connections to a database one has to be in another.
  const admin = poolOn(database.url.replace(`/${name}`, '/postgres'));
  const inside = async (sql: string, values: unknown[] = []) => {
    const pool = poolOn(database.url);
    try {
      return await pool.query<{ data: string }>(sql, values);
    } finally {
      await pool.end();
    }
  };
  return {
    databaseUrl: database.url,
    redisUrl: null,
    async takeDown() {
      await admin.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`);
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    },
    async bringUp() {
      await admin.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`);
    },
    async wipe() {
      await inside('DELETE FROM bullmq.job');
    },
    async addDelayed(queue, jobId) {
      await inside(
        `INSERT INTO bullmq.job (queue, id, seq, name, state, added_at_ms, delay_ms, process_at_ms)
         VALUES ($1, $2, 0, 'deploy', 'delayed', $3, 3600000, $3::bigint + 3600000)`,
        [queue, jobId, Date.now()],
      );
    },
    storedData: async (queue, jobId) => {
      const { rows } = await inside('SELECT data::text FROM bullmq.job WHERE queue = $1 AND id = $2', [queue, jobId]);
      return rows[0]?.data ?? '';
    },
    async stop() {
      await admin.end();
      await database.drop();
    },
  };
}

function poolOn(connectionString: string): Pool {
  // An ended pool may still hear that its database is being dropped.
  return new Pool({ connectionString, max: 1 }).on('error', () => undefined);
}

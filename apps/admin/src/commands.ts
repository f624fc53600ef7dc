import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openProcess } from '#process/open-process';
import type { Config } from '#runtime/config';
import { startEmbeddedPostgres } from '#runtime/embedded-postgres';
import { stopCaddy } from '#runtime/caddy-process';
import { stopAll } from '#runtime/start';
import { migrate } from '#store/migrate';
import { createPool } from '#store/pool';
import { rebuildViews } from '#store/rebuild';
import { exportLog, importLog } from '#store/transfer';
import { verifyChain } from '#store/chain';

interface Command {
  readonly name: string;
  readonly what: string;
  /** Returns what to print. */
  run(config: Config, args: readonly string[]): Promise<string>;
}

export const commands: readonly Command[] = [
  {
    name: 'migrate',
    what: 'makes the master key where there is none, and brings the database up to this release',
    run: async () => {
      // Opening as admin prepares all of it: key, log, state, views and the queue's tables.
      const { stoppables, logger } = await openProcess('admin');
      await stopAll(stoppables, { logger, stopMs: 10_000, why: 'done' });
      return 'The database is at this release.';
    },
  },
  {
    name: 'rebuild',
    what: 'draws the views anew from the log, while everything goes on',
    run: (config) =>
      onDatabase(config, async (databaseUrl) => {
        const { events, held } = await rebuildViews({ databaseUrl });
        return `Replayed ${events} events, the last ${held} of them with appends held back.`;
      }),
  },
  {
    name: 'verify',
    what: 'checks the hash chain of the log',
    run: (config) => onPool(config, async (pool) => JSON.stringify(await verifyChain(pool), null, 2)),
  },
  {
    name: 'export',
    what: 'export FILE: the whole log and state as lines of JSON, for another cluster',
    run: (config, [file]) =>
      onPool(config, async (pool) => {
        if (file === undefined) throw new Error('name the file to write');
        await writeFile(file, exportLog(pool), { mode: 0o600, flag: 'wx' });
        return `Wrote ${file}. It holds sealed secrets; the master key is not in it.`;
      }),
  },
  {
    name: 'import',
    what: 'import FILE: what export wrote, into an empty database',
    run: (config, [file]) =>
      onDatabase(config, async (databaseUrl) => {
        if (file === undefined) throw new Error('name the file to read');
        await migrate(databaseUrl);
        const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
        const pool = createPool({ databaseUrl, max: 2 });
        try {
          const { rows } = await importLog(pool, lines);
          await rebuildViews({ databaseUrl });
          return `Read ${rows} rows and rebuilt the views.`;
        } finally {
          await pool.end();
        }
      }),
  },
  {
    name: 'proxy',
    what: 'proxy stop: ends the Caddy that outlives the platform',
    run: async (config, [verb]) => {
      if (verb !== 'stop') throw new Error('the only verb is stop');
      return (await stopCaddy(config.dataDir)) ? 'Caddy has ended.' : 'No Caddy of ours was running.';
    },
  },
  {
    name: 'paths',
    what: 'prints where the data of this instance lies',
    run: async ({ dataDir }) => [dataDir, join(dataDir, 'master.key'), join(dataDir, 'routes')].join('\n'),
  },
];

async function onDatabase(config: Config, run: (databaseUrl: string) => Promise<string>): Promise<string> {
  if (config.databaseUrl !== null) return await run(config.databaseUrl);
  const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir });
  try {
    return await run(postgres.url);
  } finally {
    await postgres.stop();
  }
}

function onPool(config: Config, run: (pool: ReturnType<typeof createPool>) => Promise<string>): Promise<string> {
  return onDatabase(config, async (databaseUrl) => {
    const pool = createPool({ databaseUrl, max: 2 });
    try {
      return await run(pool);
    } finally {
      await pool.end();
    }
  });
}

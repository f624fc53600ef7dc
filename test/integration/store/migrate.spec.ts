import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertMigrated, migrate } from '#store/migrate';
import { MIGRATIONS } from '#store/migrations/index';
import { createDatabase, runOn, type TestDatabase } from '../../support/postgres.js';

const NAMES = MIGRATIONS.map(({ name }) => name);

describe('migrate', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createDatabase({ migrated: false });
  });
  afterEach(() => database.drop());

  it('draws all three schemas, and does nothing the second time', async () => {
    expect(await migrate(database.url)).toEqual({ applied: NAMES, views: 'created' });
    expect(await migrate(database.url)).toEqual({ applied: [], views: 'current' });
    await assertMigrated(database.url);
  });

  it('lets three callers at once apply each step once', async () => {
    const done = await Promise.all([migrate(database.url), migrate(database.url), migrate(database.url)]);
    expect(done.flatMap(({ applied }) => applied)).toEqual(NAMES);
    expect(done.map(({ views }) => views).sort()).toEqual(['created', 'current', 'current']);
  });

  it('leaves nothing of a step that fails, and what was there before it', async () => {
    const broken = { name: '9999-broken', up: 'create table state.half (id int); select 1 / 0' };
    await expect(migrate(database.url, { migrations: [...MIGRATIONS, broken] })).rejects.toThrow('division by zero');
    expect(
      await ask("select to_regclass('state.half') as half, (select count(*)::int from state.migration) as done"),
    ).toEqual({
      half: null,
      done: NAMES.length,
    });
  });

  it('refuses a database that a newer release migrated', async () => {
    await migrate(database.url);
    await runOn(database.url, "insert into state.migration values ('9998-from-the-future')");
    await expect(migrate(database.url)).rejects.toMatchObject({ code: 'newer-database', failureClass: 'operator' });
  });

  it('refuses to start on a database that is not migrated', async () => {
    await expect(assertMigrated(database.url)).rejects.toMatchObject({ code: 'not-migrated' });
  });

  it('draws changed views anew while the log is empty, and says so when it is not', async () => {
    await migrate(database.url);
    expect((await migrate(database.url, { viewDdl: 'create table view.other (id int)' })).views).toBe('created');
    await runOn(
      database.url,
      "insert into log.event (stream, version, type, body, metadata, occurred_at) values ('x-1', 1, 'X', '{}', '{}', now())",
    );
    expect((await migrate(database.url)).views).toBe('stale');
    await expect(assertMigrated(database.url)).rejects.toMatchObject({ code: 'not-migrated' });
  });

  const ask = async (sql: string) => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(sql);
    await client.end();
    return rows[0];
  };
});

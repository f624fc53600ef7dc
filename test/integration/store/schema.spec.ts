import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataSource } from '#store/data-source';
import { createPool } from '#store/pool';
import { dumpSchema } from '#store/schema-dump';
import { ENTITIES } from '#store/views/entities';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ databaseUrl: database.url, max: 2 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

describe('the schema', () => {
  it('is what libs/store/schema.sql says', async () => {
    // `vitest -u` writes it anew.
    await expect(await dumpSchema(pool)).toMatchFileSnapshot('../../../libs/store/schema.sql');
  });
});

describe('the data source', () => {
  it('reads every view, on the connections of the pool, and leaves the pool open', async () => {
    const source = await openDataSource(pool);
    for (const entity of ENTITIES) expect(await source.getRepository(entity).find({ take: 1 })).toEqual([]);
    expect(pool.totalCount).toBeGreaterThan(0);
    expect(pool.totalCount).toBeLessThanOrEqual(2);
    await source.destroy();
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('would change nothing: the entities fit the tables', async () => {
    const source = await openDataSource(pool);
    const { rows } = await pool.query<{ table: string; column: string }>(
      `select table_name as table, column_name as column from information_schema.columns where table_schema = 'view'`,
    );
    const columns = new Set(rows.map(({ table, column }) => `${table}.${column}`));
    const mapped = source.entityMetadatas.flatMap((entity) =>
      entity.columns.map((column) => `${entity.tableName}.${column.databaseName}`),
    );
    expect(mapped.filter((column) => !columns.has(column))).toEqual([]);
    await source.destroy();
  });
});

import { afterEach, beforeEach, expect, it } from 'vitest';
import { installationId } from '#store/installation';
import { createPool } from '#store/pool';
import { exportLog, importLog } from '#store/transfer';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';

let databases: TestDatabase[];
let pools: ReturnType<typeof createPool>[];
beforeEach(async () => {
  databases = [await createDatabase(), await createDatabase()];
  pools = databases.map(({ url }) => createPool({ databaseUrl: url }));
});
afterEach(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await Promise.all(databases.map((database) => database.drop()));
});

it('is one for all processes of an installation, and another one for another', async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, () => installationId(pools[0]!)));
  expect(new Set(ids).size).toBe(1);
  expect(await installationId(pools[1]!)).not.toBe(ids[0]);
});

it('moves with an export', async () => {
  const id = await installationId(pools[0]!);
  const lines: string[] = [];
  for await (const line of exportLog(pools[0]!)) lines.push(line);
  await importLog(pools[1]!, lines);
  expect(await installationId(pools[1]!)).toBe(id);
});

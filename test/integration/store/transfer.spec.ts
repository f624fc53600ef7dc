import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyChain } from '#store/chain';
import { compareViews } from '#store/compare-views';
import { migrate } from '#store/migrate';
import { on, onNew } from '#store/operation';
import { rebuildViews } from '#store/rebuild';
import { sequenceAll } from '#store/sequencer';
import { createStore, type Store } from '#store/store';
import { exportLog, importLog } from '#store/transfer';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';
import { TOY_DDL, cause, counter, openToyStore, toyModel, type ToyStore } from './toy.js';

let from: ToyStore;
let target: TestDatabase;
let to: Store;
beforeEach(async () => {
  from = await openToyStore();
  target = await createDatabase({ migrated: false });
  await migrate(target.url, { viewDdl: TOY_DDL });
  to = createStore({ databaseUrl: target.url, model: toyModel });
  await from.store.commit([onNew(counter, 'a', { type: 'OpenCounter', name: 'with "quotes", \\ and ü\n' })], cause);
  await expect(
    from.store.commit([onNew(counter, 'b', { type: 'OpenCounter', name: 'with "quotes", \\ and ü\n' })], cause),
  ).rejects.toThrow();
  for (let n = 0; n < 3; n++) await from.store.commit([on(counter, 'a', { type: 'AddToCounter', amount: n })], cause);
  await sequenceAll(from.store.pool);
  await from.store.commit([on(counter, 'a', { type: 'AddToCounter', amount: 10 })], cause);
  await from.store.leases.acquire({ subject: 'a', owner: 'w', ttlMs: 60_000 });
  await from.store.pool.query(
    `insert into state.secret values ('00000000-0000-7000-8000-000000000001', 1, 'k', '\\x00ff', '\\x01', '\\x0a0d00', 'f', '2026-01-01T00:00:00.123456Z')`,
  );
});
afterEach(async () => {
  await to.close();
  await target.drop();
  await from.close();
});

const lines = async () => (await collect(exportLog(from.store.pool))).join('').split('\n');
const contents = async (store: Store) => {
  const tables = ['log.event', 'log.unsequenced', 'log.position', 'state.secret'];
  return Promise.all(
    tables.map(
      async (table) => (await store.pool.query(`select to_jsonb(t)::text as row from ${table} t order by 1`)).rows,
    ),
  );
};

describe('an export', () => {
  it('moves log and state into another cluster as they are, and the chain and the views with them', async () => {
    const { rows } = await importLog(to.pool, await lines());
    expect(rows).toBe(5 + 1 + 4 + 1 + 1);
    expect(await contents(to)).toEqual(await contents(from.store));
    // Nobody of the old cluster is the holder of anything here.
    expect(await to.leases.peek('a')).toEqual({ epoch: 1_000_001, owner: 'w', isHeld: false });
    await sequenceAll(to.pool);
    expect(await verifyChain(to.pool)).toMatchObject({ intact: true, head: { position: '5' } });
    await rebuildViews({ databaseUrl: target.url, model: toyModel, viewDdl: TOY_DDL });
    expect((await to.pool.query('select sum, version from view.counter')).rows).toEqual([{ sum: 13, version: 5 }]);
    const { events } = await to.commit([on(counter, 'a', { type: 'AddToCounter', amount: 1 })], cause);
    expect(events).toMatchObject([{ version: 6, id: '6' }]);
    expect(await compareViews({ databaseUrl: target.url, model: toyModel, viewDdl: TOY_DDL })).toEqual([]);
  });

  it('is one snapshot, while writers go on', async () => {
    const reading = exportLog(from.store.pool);
    const first = await reading.next();
    await from.store.commit([on(counter, 'a', { type: 'AddToCounter', amount: 1 })], cause);
    const rest = await collect(reading);
    await importLog(to.pool, [String(first.value), ...rest]);
    expect(await to.readStream('workload-a')).toHaveLength(5);
  });

  it('is refused where there is something already', async () => {
    await to.commit([onNew(counter, 'z', { type: 'OpenCounter', name: 'z' })], cause);
    await expect(importLog(to.pool, await lines())).rejects.toMatchObject({
      code: 'not-empty',
      failureClass: 'operator',
    });
  });

  it.each([
    ['cut in a line', (all: string[]) => [...all.slice(0, 3), String(all[3]).slice(0, -9)], 'not-an-export'],
    [
      'of another release',
      (all: string[]) => [String(all[0]).replace('0001-log', '0001-other'), ...all.slice(1)],
      'other-release',
    ],
    ['of something else', () => ['hello'], 'not-an-export'],
    ['empty', () => [], 'not-an-export'],
    [
      'naming a foreign table',
      (all: string[]) => [String(all[0]), '{"table":"pg_catalog.pg_authid","row":{"rolname":"x"}}'],
      'not-an-export',
    ],
  ])('is refused when it is %s, and nothing of it stays', async (_what, spoil, code) => {
    await expect(importLog(to.pool, spoil(await lines()))).rejects.toMatchObject({ code });
    expect((await to.pool.query('select count(*)::int as n from log.event')).rows).toEqual([{ n: 0 }]);
  });
});

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

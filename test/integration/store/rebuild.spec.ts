import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareViews } from '#store/compare-views';
import { on, onNew } from '#store/operation';
import { rebuildViews } from '#store/rebuild';
import { sequenceAll } from '#store/sequencer';
import { createStore } from '#store/store';
import { TOY_DDL, cause, counter, openToyStore, toyModel, type ToyStore } from './toy.js';

const WRITERS = 32;
const STREAMS = 50;
const SHARED = 5;

let toy: ToyStore;
beforeEach(async () => {
  toy = await openToyStore();
});
afterEach(() => toy.close());

const options = () => ({ databaseUrl: toy.database.url, model: toyModel, viewDdl: TOY_DDL });
const openAll = () =>
  toy.store.commit(
    Array.from({ length: STREAMS }, (_, n) => onNew(counter, `c${n}`, { type: 'OpenCounter', name: `c${n}` })),
    cause,
  );

/** Each writer adds to streams and shared rows as a seeded generator says. Returns how many commits were stored. */
async function race(commitsEach: number, stores = [toy.store]): Promise<number> {
  let stored = 0;
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      const next = seeded(writer + 1);
      for (let n = 0; n < commitsEach; n++) {
        const ids = [...new Set([next(STREAMS), next(STREAMS)])];
        const shared = `s${next(SHARED)}`;
        const operations = ids.map((id) => on(counter, `c${id}`, { type: 'AddToCounter', amount: 1, shared }));
        const store = stores[writer % stores.length] ?? toy.store;
        await store.commit(operations, cause).then(
          () => (stored += 1),
          (error: { code?: string }) => {
            if (error.code !== 'conflict') throw error;
          },
        );
      }
    }),
  );
  return stored;
}

describe('the views', () => {
  it('rebuilt after 32 writers raced on 50 streams equal the live ones, row for row', async () => {
    await openAll();
    const second = createStore({ databaseUrl: toy.database.url, model: toyModel });
    const stored = await race(12, [toy.store, second]);
    await second.close();
    expect(stored).toBeGreaterThan(WRITERS * 6);
    await sequenceAll(toy.store.pool);
    const { rows } = await toy.store.pool.query<{ bad: number; events: number; head: string }>(`select
      (select count(*)::int from (select stream from log.event group by stream having count(*) <> max(version)) s) as bad,
      (select count(*)::int from log.event) as events, (select max(position) from log.position) as head`);
    expect(rows[0]).toEqual({ bad: 0, events: rows[0]?.events, head: String(rows[0]?.events) });
    expect(await compareViews(options())).toEqual([]);
  });

  it('are swapped while writers go on, and lose nothing', async () => {
    await openAll();
    await race(3);
    const racing = race(12);
    const rebuilt = await rebuildViews(options());
    const again = await rebuildViews(options());
    await racing;
    expect(rebuilt.events).toBeGreaterThan(STREAMS);
    expect(again.events).toBeGreaterThanOrEqual(rebuilt.events);
    expect(await compareViews(options())).toEqual([]);
    const { rows } = await toy.store.pool.query("select nspname from pg_namespace where nspname like 'view%'");
    expect(rows).toEqual([{ nspname: 'view' }]);
  });

  it('that somebody changed by hand are found, and mended by a rebuild', async () => {
    await openAll();
    await toy.store.pool.query("update view.counter set sum = 7 where id = 'c3'");
    expect(await compareViews(options())).toEqual([
      { table: 'counter', side: 'live', row: { id: 'c3', sum: 7, version: 1, name: 'c3' } },
      { table: 'counter', side: 'rebuilt', row: { id: 'c3', sum: 0, version: 1, name: 'c3' } },
    ]);
    expect(await rebuildViews(options())).toEqual({ events: STREAMS, held: 0 });
    expect(await compareViews(options())).toEqual([]);
  });

  it('take the shape of a new release', async () => {
    await openAll();
    const viewDdl = `${TOY_DDL} alter table view.counter add column note text default 'new';`;
    await rebuildViews({ ...options(), viewDdl });
    expect((await toy.store.pool.query("select note from view.counter where id = 'c0'")).rows).toEqual([
      { note: 'new' },
    ]);
    await toy.store.commit([on(counter, 'c0', { type: 'AddToCounter', amount: 1 })], cause);
    expect(await compareViews({ ...options(), viewDdl })).toEqual([]);
  });

  it('stay as they are when the log holds what this release cannot read', async () => {
    await openAll();
    const model = { ...toyModel, eventTypes: new Map<string, number>() };
    await expect(rebuildViews({ ...options(), model })).rejects.toMatchObject({ code: 'newer-version' });
    expect((await toy.store.pool.query('select count(*)::int as n from view.counter')).rows).toEqual([{ n: STREAMS }]);
  });

  it('are rebuilt by one process at a time', async () => {
    const client = await toy.store.pool.connect();
    await client.query('select pg_advisory_lock(7, 3)');
    await expect(rebuildViews(options())).rejects.toMatchObject({ code: 'rebuild-running' });
    client.release(true);
  });
});

/** Mulberry32. */
function seeded(seed: number): (below: number) => number {
  let state = seed * 0x9e3779b9;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

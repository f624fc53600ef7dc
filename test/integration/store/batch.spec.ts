import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BatchItem } from '#store/batch';
import { onNew } from '#store/operation';
import { cause, counter, openToyStore, type ToyStore } from './toy.js';

const TRIGGER = '00000000-0000-7000-8000-000000000001';

let toy: ToyStore;
beforeEach(async () => {
  toy = await openToyStore();
});
afterEach(() => toy.close());

/** As the ingress makes them: a delivery is known by its key. */
const item = (key: string | string[], name = String(key)): BatchItem => {
  const id = randomUUID();
  const keys = [key].flat().map((each) => ({ triggerId: TRIGGER, key: each, deliveryId: id, keepSeconds: 3600 }));
  return { ...toy.store.propose([onNew(counter, id, { type: 'OpenCounter', name })], cause), keys };
};
const words = (outcome: unknown) =>
  outcome instanceof Error ? 'error' : typeof outcome === 'string' ? outcome : 'stored';
const keysHeld = async () =>
  (await toy.store.pool.query<{ key: string }>('select key from state.delivery_key order by key')).rows.map(
    ({ key }) => key,
  );
const stored = async () =>
  (
    await toy.store.pool
      .query(`select (select count(*)::int from log.event) as events, (select count(*)::int from view.counter) as rows,
      (select count(*)::int from state.delivery_key) as keys, (select count(*)::int from log.unsequenced) as queued`)
  ).rows[0] as Record<string, number>;

describe('a batch', () => {
  it('stores independent commits in one transaction and gives each its events', async () => {
    const items = Array.from({ length: 64 }, (_, n) => item(`k${n}`));
    const heard: number[] = [];
    toy.store.onCommitted((events) => heard.push(events.length));
    const outcomes = await toy.store.appendBatch(items);
    outcomes.forEach((outcome, n) =>
      expect(outcome).toMatchObject([{ stream: items[n]?.events[0]?.stream, version: 1 }]),
    );
    expect(
      new Set(outcomes.flatMap((outcome) => (Array.isArray(outcome) ? outcome.map(({ id }) => id) : []))).size,
    ).toBe(64);
    expect(heard).toEqual([64]);
    const { rows } = await toy.store.pool.query(
      'select count(distinct xmin::text)::int as transactions from log.event',
    );
    expect(rows).toEqual([{ transactions: 1 }]);
    expect(await stored()).toEqual({ events: 64, rows: 64, keys: 64, queued: 64 });
  });

  it('reports duplicates, of the same batch and of earlier ones, and stores nothing of them', async () => {
    await toy.store.appendBatch([item('a')]);
    const outcomes = await toy.store.appendBatch([item('b', 'b1'), item('a', 'a2'), item('b', 'b2'), item('c')]);
    expect(outcomes.map(words)).toEqual(['stored', 'duplicate', 'duplicate', 'stored']);
    const { rows } = await toy.store.pool.query('select name from view.counter order by name');
    expect(rows.map(({ name }) => name as string)).toEqual(['a', 'b1', 'c']);
    expect(await stored()).toEqual({ events: 3, rows: 3, keys: 3, queued: 3 });
  });

  it('is all duplicates without harm, and empty', async () => {
    await toy.store.appendBatch([item('a')]);
    expect(await toy.store.appendBatch([item('a', 'again')])).toEqual(['duplicate']);
    expect(await toy.store.appendBatch([])).toEqual([]);
  });

  it('never lets one bad row fail its neighbours', async () => {
    const items = Array.from({ length: 33 }, (_, n) => item(`k${n}`));
    items[7] = item('bad text', 'nul\0');
    items[20] = item('taken', 'k19');
    const outcomes = await toy.store.appendBatch(items);
    expect(outcomes.map(words)).toEqual(items.map((_, n) => (n === 7 || n === 20 ? 'error' : 'stored')));
    expect(outcomes[7]).toMatchObject({ code: 'unstorable-text' });
    expect(outcomes[20]).toMatchObject({ code: 'name-taken' });
    expect(await stored()).toEqual({ events: 31, rows: 31, keys: 31, queued: 31 });
  });

  it('stores each key once when many batches carry the same ones in any order', async () => {
    const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
    const batches = Array.from({ length: 10 }, (_, n) =>
      [...keys.slice(n * 2), ...keys.slice(0, n * 2)].map((key) => item(key, `${key}-${n}`)),
    );
    const outcomes = (await Promise.all(batches.map((items) => toy.store.appendBatch(items)))).flat().map(words);
    expect(outcomes.filter((word) => word === 'stored')).toHaveLength(20);
    expect(outcomes.filter((word) => word === 'duplicate')).toHaveLength(180);
    expect(await stored()).toEqual({ events: 20, rows: 20, keys: 20, queued: 20 });
  });

  it('takes all keys of an item or none', async () => {
    await toy.store.appendBatch([item('k1')]);
    expect((await toy.store.appendBatch([item(['k0', 'k1', 'k2']), item('k3')])).map(words)).toEqual([
      'duplicate',
      'stored',
    ]);
    expect(await keysHeld()).toEqual(['k1', 'k3']);
    expect((await toy.store.appendBatch([item(['k0', 'k2'])])).map(words)).toEqual(['stored']);
  });

  it('stores what gave way to an item of the same batch that then was a duplicate', async () => {
    await toy.store.appendBatch([item('k1')]);
    const outcomes = await toy.store.appendBatch([
      item(['k0', 'k1'], 'first'),
      item('k0', 'second'),
      item('k0', 'third'),
    ]);
    expect(outcomes.map(words)).toEqual(['duplicate', 'stored', 'duplicate']);
    expect(await keysHeld()).toEqual(['k0', 'k1']);
  });

  it('waits for a writer of the same key, and goes by how that ended', async () => {
    for (const [end, expected, name] of [
      ['rollback', 'stored', 'a'],
      ['commit', 'duplicate', 'b'],
    ] as const) {
      const other = await toy.store.pool.connect();
      await other.query('begin');
      await other.query("insert into state.delivery_key values ($1, $2, $3, now() + interval '1 day')", [
        TRIGGER,
        `k-${name}`,
        randomUUID(),
      ]);
      const appending = toy.store.appendBatch([item(`k-${name}`), item(`other-${name}`)]);
      while ((await toy.store.pool.query('select 1 from pg_locks where not granted')).rowCount === 0);
      await other.query(end);
      other.release();
      expect((await appending).map(words)).toEqual([expected, 'stored']);
    }
  });

  it('takes a key over once it has expired', async () => {
    const [first, second] = [item('k', 'first'), item('k', 'second')];
    await toy.store.appendBatch([{ ...first, keys: first.keys?.map((key) => ({ ...key, keepSeconds: -1 })) }]);
    expect((await toy.store.appendBatch([second])).map(words)).toEqual(['stored']);
    expect((await toy.store.appendBatch([item('k', 'third')])).map(words)).toEqual(['duplicate']);
  });

  it('fails as a whole when the database is gone', async () => {
    const items = [item('a'), item('b')];
    await toy.database.drop();
    const outcomes = await toy.store.appendBatch(items);
    expect(outcomes).toMatchObject([{ name: 'RetryableError' }, { name: 'RetryableError' }]);
  });
});

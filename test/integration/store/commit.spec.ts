import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecordedEvent } from '#domain/event';
import { createStore } from '#store/store';
import { on, onNew, type Operation } from '#store/operation';
import { cause, counter, openToyStore, toyModel, type ToyStore } from './toy.js';

let toy: ToyStore;
beforeEach(async () => {
  toy = await openToyStore();
});
afterEach(() => toy.close());

const open = (id: string, name = id): Operation => onNew(counter, id, { type: 'OpenCounter', name });
const add = (id: string, amount = 1): Operation => on(counter, id, { type: 'AddToCounter', amount });
const commit = (...operations: Operation[]) => toy.store.commit(operations, cause);
const rows = async <T>(sql: string) => (await toy.store.pool.query(sql)).rows as T[];
const counts = async () =>
  (
    await rows<{ events: number; queued: number; counters: number }>(
      `select (select count(*)::int from log.event) as events, (select count(*)::int from log.unsequenced) as queued,
       (select count(*)::int from view.counter) as counters`,
    )
  )[0];

describe('commit', () => {
  it('writes views and events of several streams together, and says what was recorded', async () => {
    const heard: RecordedEvent[] = [];
    toy.store.onCommitted((events) => heard.push(...events));
    const { events, folds } = await toy.store.commit([open('b'), open('a'), add('b', 5)], {
      ...cause,
      causationId: 'e-0',
    });
    expect(events.map(({ stream, version, type }) => `${stream}@${version} ${type}`)).toEqual([
      'workload-b@1 CounterOpened',
      'workload-a@1 CounterOpened',
      'workload-b@2 CounterAdded',
    ]);
    expect(events[0]?.metadata).toEqual({
      actor: 'test',
      causationId: 'e-0',
      correlationId: 'c-1',
      workloadIds: ['b'],
      epoch: null,
    });
    expect(folds.get('workload-b')).toEqual({ state: { isOpen: true, sum: 5 }, version: 2 });
    expect(heard).toEqual(events);
    expect(await toy.store.readStream('workload-b')).toEqual([events[0], events[2]]);
    expect(await rows('select id, sum, version from view.counter order by id')).toEqual([
      { id: 'a', sum: 0, version: 1 },
      { id: 'b', sum: 5, version: 2 },
    ]);
  });

  it('writes nothing for "already so"', async () => {
    await commit(open('a'));
    expect((await commit(open('a'))).events).toHaveLength(0);
    expect(await counts()).toEqual({ events: 1, queued: 1, counters: 1 });
  });

  it('passes a Rejection on and writes nothing', async () => {
    await expect(commit(open('a'), add('nowhere'))).rejects.toMatchObject({ name: 'Rejection', code: 'not-open' });
    expect(await counts()).toEqual({ events: 0, queued: 0, counters: 0 });
  });

  it('turns a named constraint into its Rejection at once', async () => {
    await commit(open('a', 'shop'));
    await expect(commit(open('b', 'shop'))).rejects.toMatchObject({ name: 'Rejection', code: 'name-taken' });
    expect(await counts()).toEqual({ events: 1, queued: 1, counters: 1 });
  });

  it('reports failure and stores nothing when any statement is refused, and the connection serves on', async () => {
    const store = createStore({ databaseUrl: toy.database.url, model: toyModel, maxConnections: 1 });
    const extra = [
      { text: 'insert into state.due (subject, retry_at) values ($1, $2)', values: ['a', 'not an instant'] },
    ];
    await expect(store.commit([open('a')], { ...cause, extra })).rejects.toMatchObject({ code: '22007' });
    expect(await counts()).toEqual({ events: 0, queued: 0, counters: 0 });
    const [before] = (await store.pool.query('select pg_backend_pid() as pid')).rows as { pid: number }[];
    await store.commit([open('a')], cause);
    expect((await store.pool.query('select pg_backend_pid() as pid')).rows[0]).toEqual(before);
    await store.close();
  });

  it('writes rows of the state schema with it, or none of them', async () => {
    const due = { text: 'insert into state.due (subject, retry_at) values ($1, now())', values: ['a'] };
    await toy.store.commit([open('a', 'shop')], { ...cause, extra: (events) => events.map(() => due) });
    await expect(
      toy.store.commit([open('b', 'shop')], { ...cause, extra: [{ ...due, values: ['b'] }] }),
    ).rejects.toThrow();
    expect(await rows('select subject from state.due')).toEqual([{ subject: 'a' }]);
  });

  it('numbers the versions 1..n when eight write to one stream at once', async () => {
    await commit(open('a'));
    const done = await Promise.allSettled(Array.from({ length: 8 }, () => retried(() => commit(add('a')))));
    expect(done.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect((await toy.store.readStream('workload-a')).map(({ version }) => version)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    expect((await toy.store.load(counter, 'a')).state.sum).toBe(8);
  });

  it('decides again when it lost a race for a stream that looked new', async () => {
    await commit(open('a'));
    const result = await toy.store.commit([open('a', 'other'), add('a', 3)], cause);
    expect(result.events.map(({ version, type }) => `${version} ${type}`)).toEqual(['2 CounterAdded']);
  });

  it('gives up with the current version after five tries', async () => {
    await commit(open('a'));
    let tries = 0;
    const interfering = {
      ...toyModel,
      project(event: Parameters<typeof toyModel.project>[0]) {
        if (event.stream === 'workload-a') tries += 1;
        return toyModel.project(event);
      },
    };
    const store = createStore({ databaseUrl: toy.database.url, model: interfering });
    await toy.store.pool.query(`create function view.always_first() returns trigger language plpgsql as $$ begin
      raise unique_violation using constraint = 'event_stream_version'; end $$;
      create trigger always_first before insert on log.event for each statement execute function view.always_first()`);
    await expect(store.commit([add('a')], cause)).rejects.toMatchObject({
      name: 'Conflict',
      code: 'conflict',
      currentVersion: 1,
    });
    expect(tries).toBe(5);
    await store.close();
  });

  it('holds the caller to the version it saw', async () => {
    await commit(open('a'), add('a'));
    await expect(commit({ ...add('a'), expectedVersion: 1 })).rejects.toMatchObject({
      name: 'PreconditionFailed',
      currentVersion: 2,
    });
    expect((await commit({ ...add('a'), expectedVersion: 2 })).events).toHaveLength(1);
  });

  it('takes what the holder knows for the stream, and loads it when that was wrong', async () => {
    const { folds } = await commit(open('a'));
    const known = folds.get('workload-a');
    expect((await commit({ ...add('a', 2), known })).folds.get('workload-a')).toEqual({
      state: { isOpen: true, sum: 2 },
      version: 2,
    });
    expect((await commit({ ...add('a', 2), known })).folds.get('workload-a')).toEqual({
      state: { isOpen: true, sum: 4 },
      version: 3,
    });
  });

  it('refuses text that cannot be stored', async () => {
    for (const name of ['nul\0', 'half \ud800 pair']) {
      await expect(commit(open('a', name))).rejects.toMatchObject({ name: 'Rejection', code: 'unstorable-text' });
    }
    expect(await counts()).toEqual({ events: 0, queued: 0, counters: 0 });
  });

  it('says so when the database is gone', async () => {
    const store = createStore({
      databaseUrl: 'postgresql://postgres@localhost/x?host=/tmp/no-such-folder',
      model: toyModel,
    });
    await expect(store.commit([open('a')], cause)).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'database-unreachable',
    });
    await store.close();
  });
});

describe('reads', () => {
  const limit = { limit: { table: 'view.counter', id: 'limit' } as const };

  it('come into the decision', async () => {
    await commit(open('a'), open('limit'), add('limit', 10));
    await expect(toy.store.commit([add('a', 11)], { ...cause, reads: limit })).rejects.toMatchObject({
      code: 'over-limit',
    });
    expect((await toy.store.commit([add('a', 10)], { ...cause, reads: limit })).events).toHaveLength(1);
  });

  it('that moved before the write make it decide again', async () => {
    await commit(open('a'), open('limit'), add('limit', 10));
    // Holds the row so that the write waits for it, and lowers the limit meanwhile.
    const client = await toy.store.pool.connect();
    await client.query("begin; update view.counter set sum = 3, version = version + 1 where id = 'limit'");
    const outcome = toy.store.commit([add('a', 10)], { ...cause, reads: limit });
    await waitFor(async () => (await rows('select 1 from pg_locks where not granted')).length > 0);
    await client.query('commit');
    client.release();
    await expect(outcome).rejects.toMatchObject({ code: 'over-limit' });
    expect((await toy.store.load(counter, 'a')).state.sum).toBe(0);
  });

  it('that are absent are null', async () => {
    await commit(open('a'));
    expect((await toy.store.commit([add('a', 99)], { ...cause, reads: limit })).events).toHaveLength(1);
  });
});

describe('a lease', () => {
  const owner = 'worker-1';
  const lease = async (ttlMs = 60_000) => ({
    subject: 'a',
    epoch: (await toy.store.leases.acquire({ subject: 'a', owner, ttlMs })) ?? 0,
  });

  it('lets its holder write, with its epoch in the events', async () => {
    const held = await lease();
    const { events } = await toy.store.commit([open('a')], { ...cause, lease: held });
    expect(events[0]?.metadata.epoch).toBe(1);
  });

  it('that another took over fences its old holder', async () => {
    const stale = await lease(0);
    const next = await lease();
    expect(next.epoch).toBe(2);
    await expect(toy.store.commit([open('a')], { ...cause, lease: stale })).rejects.toMatchObject({
      name: 'LeaseLost',
      code: 'lease-lost',
    });
    expect(await counts()).toEqual({ events: 0, queued: 0, counters: 0 });
  });

  it('that ran out fences its holder, though nobody took it', async () => {
    await expect(toy.store.commit([open('a')], { ...cause, lease: await lease(0) })).rejects.toMatchObject({
      name: 'LeaseLost',
    });
  });

  it('is held by one, renewed and released by that one only', async () => {
    const { acquire, renew, release, peek } = toy.store.leases;
    const all = await Promise.all(Array.from({ length: 8 }, () => acquire({ subject: 'a', owner, ttlMs: 60_000 })));
    expect(all.filter((epoch) => epoch !== null)).toEqual([1]);
    expect(await renew({ subject: 'a', epoch: 2, ttlMs: 1 })).toBe(false);
    expect(await renew({ subject: 'a', epoch: 1, ttlMs: 60_000 })).toBe(true);
    expect(await release({ subject: 'a', epoch: 2 })).toBe(false);
    expect(await peek('a')).toEqual({ epoch: 1, owner, isHeld: true });
    expect(await release({ subject: 'a', epoch: 1 })).toBe(true);
    expect(await renew({ subject: 'a', epoch: 1, ttlMs: 60_000 })).toBe(false);
    expect(await acquire({ subject: 'a', owner: 'worker-2', ttlMs: 60_000 })).toBe(2);
  });

  it('counts who began with what is at hand and never let go', async () => {
    const { acquire, release, turnTo, giveBack } = toy.store.leases;
    const take = async (atHand?: string, ttlMs = 0) => (await acquire({ subject: 'a', owner, ttlMs, atHand }))!;
    const counted = async () => (await rows('select at_hand as at, holders from state.lease'))[0];
    await take('d-1');
    expect(await counted()).toEqual({ at: 'd-1', holders: 1 });
    // Somebody who does something else in between is no holder of it.
    await release({ subject: 'a', epoch: await take(undefined, 60_000) });
    const epoch = await take('d-1', 60_000);
    expect(await counted()).toEqual({ at: 'd-1', holders: 2 });
    expect(await release({ subject: 'a', epoch, atHand: 'd-1' })).toBe(true);
    expect(await counted()).toEqual({ at: 'd-1', holders: 1 });
    await take('d-1');
    await giveBack({ subject: 'a', atHand: 'd-1' });
    await giveBack({ subject: 'a', atHand: 'd-9' });
    expect(await counted()).toEqual({ at: 'd-1', holders: 1 });
    const next = await take('d-2', 60_000);
    expect(await counted()).toEqual({ at: 'd-2', holders: 1 });
    expect(await turnTo({ subject: 'a', epoch: next, atHand: 'd-3' })).toBe(true);
    expect(await counted()).toEqual({ at: 'd-3', holders: 1 });
    expect(await turnTo({ subject: 'a', epoch: next - 1, atHand: 'd-4' })).toBe(false);
    expect(await counted()).toEqual({ at: 'd-3', holders: 1 });
  });

  it('is claimed in the commit itself by one of those who try', async () => {
    await commit(open('a'));
    const { epoch } = await toy.store.leases.peek('a');
    const claims = [1, 2, 3, 4].map((n) => ({ subject: 'a', owner: `worker-${n}`, epoch: epoch + 1, ttlMs: 60_000 }));
    const done = await Promise.allSettled(claims.map((claim) => toy.store.commit([add('a')], { ...cause, claim })));
    const won = done.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const lost of done) if (lost.status === 'rejected') expect(lost.reason).toMatchObject({ name: 'LeaseLost' });
    expect((await toy.store.readStream('workload-a')).map(({ metadata }) => metadata.epoch)).toEqual([null, 1]);
  });

  it('cannot be taken while its holder is writing', async () => {
    const held = await lease(200);
    const client = await toy.store.pool.connect();
    await client.query('begin');
    await client.query('select log.assert_lease($1, $2)', ['a', held.epoch]);
    await waitFor(async () => !(await toy.store.leases.peek('a')).isHeld);
    const taking = toy.store.leases.acquire({ subject: 'a', owner: 'worker-2', ttlMs: 1000 });
    await waitFor(async () => (await rows('select 1 from pg_locks where not granted')).length > 0);
    await client.query('commit');
    client.release();
    expect(await taking).toBe(2);
  });
});

describe('load', () => {
  it('folds a stream up to a version or an instant', async () => {
    await toy.store.commit([open('a')], { ...cause, occurredAt: '2026-01-01T00:00:00.000Z' });
    await toy.store.commit([add('a', 2)], { ...cause, occurredAt: '2026-01-02T00:00:00.000Z' });
    await toy.store.commit([add('a', 3)], { ...cause, occurredAt: '2026-01-03T00:00:00.000Z' });
    expect((await toy.store.load(counter, 'a', { toVersion: 2 })).state.sum).toBe(2);
    expect((await toy.store.load(counter, 'a', { at: '2026-01-02T12:00:00.000Z' })).state.sum).toBe(2);
    expect((await toy.store.readStream('workload-a', { fromVersion: 3 })).map(({ version }) => version)).toEqual([3]);
    expect(await toy.store.load(counter, 'b')).toEqual({ state: counter.initial, version: 0 });
  });

  it('refuses a stream with an event of a later release, which readers pass on', async () => {
    await commit(open('a'), add('a'));
    const older = createStore({
      databaseUrl: toy.database.url,
      model: { ...toyModel, eventTypes: new Map([['CounterOpened', 1]]) },
    });
    await expect(older.load(counter, 'a')).rejects.toMatchObject({
      name: 'NewerVersion',
      code: 'newer-version',
      eventType: 'CounterAdded',
    });
    await expect(older.commit([add('a')], cause)).rejects.toMatchObject({ code: 'newer-version' });
    expect((await older.readStream('workload-a')).map(({ type }) => type)).toEqual(['CounterOpened', 'CounterAdded']);
    await older.close();
  });

  it('reads an event of an earlier release as this one means it', async () => {
    await commit(open('a'), add('a', 2));
    const upcast = (event: RecordedEvent) =>
      event.type === 'CounterAdded' ? { ...event, data: { ...event.data, amount: 20 } } : event;
    const newer = createStore({ databaseUrl: toy.database.url, model: { ...toyModel, upcast } });
    expect((await newer.load(counter, 'a')).state.sum).toBe(20);
    await newer.close();
  });
});

describe('the log', () => {
  it('refuses UPDATE, DELETE and TRUNCATE', async () => {
    await commit(open('a'));
    await toy.store.pool.query('select log.sequence(10)');
    for (const table of ['log.event', 'log.position', 'log.pruned']) {
      const column = table === 'log.event' ? 'type = type' : 'event_id = event_id';
      for (const sql of [`update ${table} set ${column}`, `delete from ${table}`, `truncate ${table}`]) {
        await expect(toy.store.pool.query(sql), sql).rejects.toMatchObject({ code: 'TF003' });
      }
    }
    expect((await counts())?.events).toBe(1);
  });
});

/** Racing writers may need more than the five tries of one commit. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if ((error as { code?: string }).code !== 'conflict') throw error;
    }
  }
}

async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

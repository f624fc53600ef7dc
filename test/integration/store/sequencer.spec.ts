import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyChain } from '#store/chain';
import { onNew } from '#store/operation';
import { sequenceAll, startSequencer, type Sequencer } from '#store/sequencer';
import { cause, counter, openToyStore, type ToyStore } from './toy.js';

let toy: ToyStore;
let made = 0;
const running: Sequencer[] = [];
const children: ChildProcess[] = [];
beforeEach(async () => {
  toy = await openToyStore();
  made = 0;
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((sequencer) => sequencer.stop()));
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await toy.close();
});

const append = async (count = 1) => {
  for (let n = 0; n < count; n++)
    await toy.store.commit([onNew(counter, `c${(made += 1)}`, { type: 'OpenCounter', name: `c${made}` })], cause);
};
const start = (options: { pollMs?: number } = {}) => {
  const sequencer = startSequencer({ databaseUrl: toy.database.url, ...options });
  running.push(sequencer);
  return sequencer;
};
const unsequenced = async () =>
  (await toy.store.pool.query('select count(*)::int as n from log.unsequenced')).rows[0].n as number;
const positions = async () =>
  (await toy.store.pool.query('select position, event_id from log.position order by position')).rows as {
    position: string;
    event_id: string;
  }[];

describe('the sequencer', () => {
  it('numbers each event once when poked, before the next poll', async () => {
    const sequencer = start({ pollMs: 3_600_000 });
    await advanced(sequencer, () => false); // its first look
    toy.store.onCommitted(() => sequencer.poke());
    const seen = advanced(sequencer, async () => (await positions()).length === 3);
    await append(3);
    await seen;
    expect((await positions()).map(({ position }) => position)).toEqual(['1', '2', '3']);
    expect(await unsequenced()).toBe(0);
  });

  it('finds without a poke what another process committed', async () => {
    start();
    await append(5);
    await quiet();
    expect((await toy.store.readLog('0', 10)).map(({ position, stream }) => `${position} ${stream}`)).toHaveLength(5);
    expect(await toy.store.headPosition()).toBe('5');
  });

  it('tells readers in other processes', async () => {
    const reader = start({ pollMs: 3_600_000 });
    const writer = start({ pollMs: 3_600_000 });
    toy.store.onCommitted(() => writer.poke());
    const told = advanced(reader, async () => (await toy.store.headPosition()) === '1');
    await append();
    await told;
    expect(await toy.store.headPosition()).toBe('1');
  });

  it('loses no event whose transaction was held open while later ones were numbered', async () => {
    const late = new Client({ connectionString: toy.database.url });
    await late.connect();
    await late.query('begin');
    await late.query(`with e as (insert into log.event (stream, version, type, body, metadata, occurred_at)
      values ('workload-late', 1, 'CounterOpened', '{}', '{}', now()) returning id) insert into log.unsequenced select id from e`);
    await append(2);
    await sequenceAll(toy.store.pool);
    const before = await toy.store.readLog('0', 10);
    expect(before.map(({ position, id }) => `${position}:${id}`)).toEqual(['1:2', '2:3']);
    await late.query('commit');
    await late.end();
    await sequenceAll(toy.store.pool);
    const after = await toy.store.readLog('2', 10);
    expect(after.map(({ position, id, stream }) => `${position}:${id} ${stream}`)).toEqual(['3:1 workload-late']);
    expect(await verifyChain(toy.store.pool)).toMatchObject({ intact: true });
  });

  it('numbers 1..n without a gap after appends that were rolled back', async () => {
    await append();
    await expect(toy.store.commit([onNew(counter, 'x', { type: 'OpenCounter', name: 'c1' })], cause)).rejects.toThrow();
    await append(2);
    await sequenceAll(toy.store.pool);
    expect((await positions()).map(({ position }) => position)).toEqual(['1', '2', '3']);
  });

  it('keeps each stream in order while eight write and three sequence', async () => {
    const sequencers = [start({ pollMs: 20 }), start({ pollMs: 20 }), start({ pollMs: 20 })];
    toy.store.onCommitted(() => sequencers[0]?.poke());
    await Promise.all(Array.from({ length: 8 }, () => append(40)));
    await quiet();
    const numbered = await positions();
    expect(numbered.map(({ position }) => Number(position))).toEqual(
      Array.from({ length: 320 }, (_, index) => index + 1),
    );
    expect(new Set(numbered.map(({ event_id }) => event_id)).size).toBe(320);
    expect(await verifyChain(toy.store.pool)).toMatchObject({ intact: true, head: { position: '320' } });
  });

  it('goes on after its connection was cut', async () => {
    const sequencer = start({ pollMs: 20 });
    await advanced(sequencer, () => false);
    await toy.store.pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'tiny-forge sequencer'`);
    await append();
    await quiet();
    expect(await toy.store.headPosition()).toBe('1');
  });

  it('takes over from a holder of the lock that was stopped in the middle of a transaction', async () => {
    const holder = child(`
      const client = new pg.Client({ connectionString: url, idle_in_transaction_session_timeout: 2000 });
      client.on('error', () => {});
      await client.connect();
      await client.query('begin');
      await client.query('select pg_advisory_xact_lock(7, 1)');
      console.log('held');`);
    await said(holder, 'held');
    holder.kill('SIGSTOP');
    await append(3);
    const since = performance.now();
    start();
    await quiet();
    expect(performance.now() - since).toBeLessThan(5000);
    expect((await positions()).map(({ position }) => position)).toEqual(['1', '2', '3']);
  });

  it('leaves nothing behind when its process is stopped under load', async () => {
    const other = child(`
      const { startSequencer } = await import(${JSON.stringify(new URL('../../../libs/store/src/sequencer.ts', import.meta.url).href)});
      const sequencer = startSequencer({ databaseUrl: url, pollMs: 1 });
      sequencer.onAdvance(() => console.log('numbered'));`);
    let isStopped = false;
    const writing = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!isStopped) await append();
      }),
    );
    await said(other, 'numbered\nnumbered\nnumbered\n');
    other.kill('SIGSTOP');
    isStopped = true;
    await writing;
    start();
    await quiet();
    expect(await positions()).toHaveLength(made);
    expect(await verifyChain(toy.store.pool)).toMatchObject({ intact: true, head: { position: String(made) } });
  });
});

describe('the hash chain', () => {
  beforeEach(async () => {
    await append(5);
    await sequenceAll(toy.store.pool);
  });

  /** As somebody who owns the database may: past the triggers. */
  const tamper = (sql: string) =>
    toy.store.pool.query(`set session_replication_role = replica; ${sql}; set session_replication_role = origin`);
  const verify = () => verifyChain(toy.store.pool);

  it('verifies', async () => {
    expect(await verify()).toMatchObject({
      intact: true,
      head: { position: '5', hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
      pruned: 0,
    });
  });

  it.each([
    [
      'a changed byte',
      `update log.event set body = replace(body, 'name', 'nome') where id = 3`,
      { fault: 'payload-changed', eventId: '3' },
    ],
    [
      'changed metadata',
      `update log.event set metadata = jsonb_set(metadata, '{actor}', '"me"') where id = 2`,
      { fault: 'payload-changed', eventId: '2' },
    ],
    [
      'a changed instant',
      `update log.event set occurred_at = occurred_at + interval '1 microsecond' where id = 2`,
      { fault: 'payload-changed', eventId: '2' },
    ],
    ['a deleted event', 'delete from log.event where id = 4', { fault: 'event-missing', eventId: '4' }],
    ['a deleted position', 'delete from log.position where position = 2', { fault: 'position-missing', position: '3' }],
    [
      'a deleted last position',
      'delete from log.position where position = 5',
      { fault: 'event-unnumbered', eventId: '5' },
    ],
    [
      'a changed byte with its payload hash put right',
      `update log.event set body = '{"name":"x"}' where id = 3; update log.position set payload_hash = log.payload_hash(e) from log.event e where e.id = 3 and event_id = 3`,
      { fault: 'hash-changed', eventId: '3' },
    ],
    [
      'two events that changed places',
      'update log.position set event_id = 9 where event_id = 2; update log.position set event_id = 2 where event_id = 3; update log.position set event_id = 3 where event_id = 9',
      { fault: 'payload-changed', position: '2' },
    ],
  ])('finds %s', async (_what, sql, found) => {
    await tamper(sql);
    expect(await verify()).toMatchObject({ intact: false, ...found });
  });

  it('finds an end that was cut off, by a head noted before', async () => {
    const report = await verify();
    if (!report.intact) throw new Error('not intact before');
    await tamper('delete from log.event where id = 5; delete from log.position where position = 5');
    expect(await verify()).toMatchObject({ intact: true });
    expect(await verifyChain(toy.store.pool, report.head)).toMatchObject({
      intact: false,
      fault: 'tail-missing',
      position: '4',
    });
  });

  it('reports pruned events as pruned, and lets none but deliveries and deployments be pruned', async () => {
    await expect(toy.store.pool.query("select log.prune(array['workload-c1'])")).rejects.toMatchObject({
      code: 'TF003',
    });
    await toy.store.pool.query(`with e as (insert into log.event (stream, version, type, body, metadata, occurred_at)
      values ('delivery-1', 1, 'X', '{}', '{}', now()) returning id) insert into log.unsequenced select id from e`);
    await expect(toy.store.pool.query("select log.prune(array['delivery-1'])")).rejects.toMatchObject({
      code: 'TF002',
    });
    await sequenceAll(toy.store.pool);
    expect((await toy.store.pool.query("select log.prune(array['delivery-1']) as gone")).rows[0]).toEqual({ gone: 1 });
    expect(await verify()).toMatchObject({ intact: true, pruned: 1, head: { position: '6' } });
    await expect(toy.store.pool.query('delete from log.event')).rejects.toMatchObject({ code: 'TF003' });
  });
});

/** Resolves at the first advance after which it holds; a predicate that never holds means "at any advance". */
function advanced(sequencer: Sequencer, holds: () => boolean | Promise<boolean>): Promise<void> {
  const isAny = holds.toString() === '() => false';
  return new Promise((resolve, reject) => {
    const stop = sequencer.onAdvance(() => {
      Promise.resolve(isAny || holds()).then((yes) => {
        if (!yes) return;
        stop();
        resolve();
      }, reject);
    });
  });
}

async function quiet(): Promise<void> {
  while ((await unsequenced()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

function child(script: string): ChildProcess {
  const process_ = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--input-type=module',
      '-e',
      `import pg from 'pg'; const url = process.argv[1]; ${script}`,
      toy.database.url,
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  children.push(process_);
  return process_;
}

async function said(process_: ChildProcess, words: string): Promise<void> {
  let heard = '';
  while (!heard.includes(words))
    heard += String((await once(process_.stdout as NonNullable<ChildProcess['stdout']>, 'data'))[0]);
}

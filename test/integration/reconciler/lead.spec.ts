import type { Pool } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leaseTimes } from '#runtime/config';
import { createLogger } from '#runtime/logging';
import type { HeldLease } from '#store/held-lease';
import { createLeases, type Leases } from '#store/lease';
import { createPool } from '#store/pool';
import { lead, type Leader } from '../../../apps/reconciler/src/lead.js';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';
import { until } from '../../support/until.js';

const SUBJECT = 'node-default';
const logger = createLogger({ app: 'test', level: 'silent' });

let database: TestDatabase;
let pool: Pool;
let leases: Leases;
let leaders: Leader[];
/** What each one did, in the order it happened. */
let journal: string[];

beforeEach(async () => {
  database = await createDatabase();
  pool = createPool({ databaseUrl: database.url });
  leases = createLeases(pool);
  leaders = [];
  journal = [];
});
afterEach(async () => {
  await Promise.all(leaders.map((leader) => leader.stop()));
  await pool.end();
  await database.drop();
});

function begin(owner: string, more: { leases?: Leases; leaseMs?: number; start?: (held: HeldLease) => void } = {}) {
  const { leaseMs = 2_000, start = () => undefined } = more;
  const leader = lead({
    leases: more.leases ?? leases,
    subject: SUBJECT,
    owner,
    times: leaseTimes(leaseMs),
    logger,
    start: (held) => {
      journal.push(`${owner} starts`);
      start(held);
      return { stop: async () => void journal.push(`${owner} stops`) };
    },
  });
  leaders.push(leader);
  return leader;
}

describe('leading', () => {
  it('is one process’s at a time; the other one settles as a follower', async () => {
    const first = begin('a');
    await first.settled;
    const second = begin('b');
    await second.settled;
    expect([first.isLeading, second.isLeading]).toEqual([true, false]);
    expect(journal).toEqual(['a starts']);
  });

  it('goes to the next one as soon as the leader lets go', async () => {
    // A lease so long that waiting for its end would be noticed.
    const first = begin('a', { leaseMs: 600_000 });
    await first.settled;
    const second = begin('b', { leaseMs: 5_000 });
    await second.settled;
    await first.stop();
    await until(async () => second.isLeading, 'the second to lead', 10_000);
    expect(journal).toEqual(['a starts', 'a stops', 'b starts']);
  });

  it('ends in whoever cannot renew before it begins in another', async () => {
    let line: 'up' | 'down' = 'up';
    const cut = () => Promise.reject(new Error('Connection terminated'));
    const renew: Leases['renew'] = (request) => (line === 'up' ? leases.renew(request) : cut());
    const acquire: Leases['acquire'] = (request) => (line === 'up' ? leases.acquire(request) : cut());
    const first = begin('a', { leases: { ...leases, renew, acquire, release: async () => false } });
    await first.settled;
    const second = begin('b');
    line = 'down';
    await until(async () => second.isLeading, 'the second to lead', 10_000);
    expect(journal).toEqual(['a starts', 'a stops', 'b starts']);
    expect(first.isLeading).toBe(false);
  });

  it('is tried again when its work could not start, and lets go meanwhile', async () => {
    let tries = 0;
    const leader = begin('a', {
      start: () => {
        tries += 1;
        if (tries === 1) throw new Error('not yet');
      },
    });
    await leader.settled;
    expect(await leases.peek(SUBJECT)).toMatchObject({ isHeld: false });
    await until(async () => leader.isLeading, 'it to lead', 10_000);
    expect(journal).toEqual(['a starts', 'a starts']);
  });

  it('waits for a database that is away', async () => {
    let isAway = true;
    const peek: Leases['peek'] = (subject) => (isAway ? Promise.reject(new Error('away')) : leases.peek(subject));
    const leader = begin('a', { leases: { ...leases, peek } });
    await leader.settled;
    expect(leader.isLeading).toBe(false);
    isAway = false;
    await until(async () => leader.isLeading, 'it to lead', 10_000);
  });
});

import type { Pool } from 'pg';
import type { Statement } from './statement.js';

/** A lease to take inside a commit, with the epoch that follows the one {@link Leases.peek} read. */
export interface LeaseClaim {
  readonly subject: string;
  readonly owner: string;
  readonly epoch: number;
  readonly ttlMs: number;
}

export interface LeaseRow {
  readonly epoch: number;
  readonly owner: string | null;
  /** By the database's clock, when it was asked. */
  readonly isHeld: boolean;
}

/** At most one holder per subject; only the database's clock counts. Each new holder has an epoch of its own. */
export interface Leases {
  /** The new epoch, or null while somebody (the same owner too) holds it. */
  acquire(request: { subject: string; owner: string; ttlMs: number }): Promise<number | null>;
  /** False: it ended or has another holder. A lease that ended is never revived. */
  renew(request: { subject: string; epoch: number; ttlMs: number }): Promise<boolean>;
  /** Lets go at once. False: it was not held with this epoch any more. */
  release(request: { subject: string; epoch: number }): Promise<boolean>;
  peek(subject: string): Promise<LeaseRow>;
}

export function createLeases(pool: Pool): Leases {
  const ask = async ({ text, values }: Statement) =>
    (await pool.query<{ epoch: string }>(text, [...values])).rows[0] ?? null;
  return {
    acquire: async (request) => {
      const row = await ask(acquireStatement(request));
      return row && Number(row.epoch);
    },
    renew: async (request) => (await ask(renewStatement(request))) !== null,
    release: async (request) => (await ask(releaseStatement(request))) !== null,
    peek: (subject) => peek(pool, subject),
  };
}

/** Also for a commit's `extra`: the lease goes with the last event. The row stays, the epoch only grows. */
export function releaseStatement({ subject, epoch }: { subject: string; epoch: number }): Statement {
  return {
    text: `update state.lease set until = '-infinity' where subject = $1 and epoch = $2 and until > clock_timestamp() returning epoch`,
    values: [subject, epoch],
  };
}

function acquireStatement({ subject, owner, ttlMs }: { subject: string; owner: string; ttlMs: number }): Statement {
  return {
    text: `insert into state.lease as held (subject, owner, epoch, until)
      values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
      on conflict (subject) do update set owner = excluded.owner, epoch = held.epoch + 1, until = excluded.until
        where held.until <= clock_timestamp()
      returning epoch`,
    values: [subject, owner, ttlMs],
  };
}

function renewStatement({ subject, epoch, ttlMs }: { subject: string; epoch: number; ttlMs: number }): Statement {
  return {
    text: `update state.lease set until = clock_timestamp() + $3 * interval '1 millisecond'
      where subject = $1 and epoch = $2 and until > clock_timestamp() returning epoch`,
    values: [subject, epoch, ttlMs],
  };
}

async function peek(pool: Pool, subject: string): Promise<LeaseRow> {
  const { rows } = await pool.query<{ epoch: string; owner: string; held: boolean }>(
    'select epoch, owner, until > clock_timestamp() as held from state.lease where subject = $1',
    [subject],
  );
  const row = rows[0];
  return row
    ? { epoch: Number(row.epoch), owner: row.owner, isHeld: row.held }
    : { epoch: 0, owner: null, isHeld: false };
}

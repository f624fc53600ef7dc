import type { Pool } from 'pg';
import type { Statement } from './statement.js';

/** A lease to take inside a commit, with the epoch that follows the one {@link Leases.peek} read. */
export interface LeaseClaim {
  readonly subject: string;
  readonly owner: string;
  readonly epoch: number;
  readonly ttlMs: number;
}

export interface LeaseRequest {
  readonly subject: string;
  readonly owner: string;
  readonly ttlMs: number;
  /** Id of what is worked at under it; left out: nothing is counted. */
  readonly atHand?: string | null;
}

export interface LeaseRow {
  readonly epoch: number;
  readonly owner: string | null;
  /** By the database's clock, when it was asked. */
  readonly isHeld: boolean;
}

/**
 * At most one holder per subject; only the database's clock counts. Each new holder has an epoch of its own. What a
 * holder has at hand is counted in `state.lease.holders`: whoever lets go takes itself off, whoever dies does not.
 */
export interface Leases {
  /** The new epoch, or null while somebody (the same owner too) holds it. */
  acquire(request: LeaseRequest): Promise<number | null>;
  /** The holder goes on with something else, or says for the first time what it does. False: it holds no longer. */
  turnTo(request: { subject: string; epoch: number; atHand: string }): Promise<boolean>;
  /** A holder that lost its lease is alive all the same: it is not among those that died at it. */
  giveBack(request: { subject: string; atHand: string }): Promise<void>;
  /** False: it ended or has another holder. A lease that ended is never revived. */
  renew(request: { subject: string; epoch: number; ttlMs: number }): Promise<boolean>;
  /** Lets go at once. False: it was not held with this epoch any more. */
  release(request: { subject: string; epoch: number; atHand?: string | null }): Promise<boolean>;
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
    turnTo: async (request) => (await ask(turnStatement(request))) !== null,
    giveBack: async ({ subject, atHand }) => {
      await ask({
        text: 'update state.lease set holders = greatest(holders - 1, 0) where subject = $1 and at_hand = $2',
        values: [subject, atHand],
      });
    },
    release: async (request) => (await ask(releaseStatement(request))) !== null,
    peek: (subject) => peek(pool, subject),
  };
}

/** Also for a commit's `extra`: the lease goes with the last event. The row stays, the epoch only grows. */
export function releaseStatement({
  subject,
  epoch,
  atHand = null,
}: {
  subject: string;
  epoch: number;
  atHand?: string | null;
}): Statement {
  return {
    text: `update state.lease set until = '-infinity',
        holders = case when at_hand = $3 then greatest(holders - 1, 0) else holders end
      where subject = $1 and epoch = $2 and until > clock_timestamp() returning epoch`,
    values: [subject, epoch, atHand],
  };
}

function acquireStatement({ subject, owner, ttlMs, atHand = null }: LeaseRequest): Statement {
  return {
    text: `insert into state.lease as held (subject, owner, epoch, until, at_hand, holders)
      values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond', $4::text, ($4::text is not null)::int)
      on conflict (subject) do update set owner = excluded.owner, epoch = held.epoch + 1, until = excluded.until,
          at_hand = coalesce(excluded.at_hand, held.at_hand),
          holders = case when excluded.at_hand is null or excluded.at_hand = held.at_hand
            then held.holders + excluded.holders else 1 end
        where held.until <= clock_timestamp()
      returning epoch`,
    values: [subject, owner, ttlMs, atHand],
  };
}

function turnStatement({ subject, epoch, atHand }: { subject: string; epoch: number; atHand: string }): Statement {
  return {
    text: `update state.lease set at_hand = $3, holders = case when at_hand = $3 then holders else 1 end
      where subject = $1 and epoch = $2 and until > clock_timestamp() returning epoch`,
    values: [subject, epoch, atHand],
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

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LeaseLost } from '#store/errors';
import type { LeaseRequest, Leases } from '#store/lease';
import { holdLease } from '#store/held-lease';

const TIMES = { leaseMs: 10_000, renewMs: 3_000, trustMs: 7_000 };
const SUBJECT = 'workload-1';

/** The rules of the table, with the tests' clock for the database's, and a line that can be cut or slow. */
class TableInMemory implements Leases {
  readonly rows = new Map<string, { owner: string; epoch: number; until: number }>();
  /** What is at hand → holders that began with it and did not let go. */
  readonly holders = new Map<string, number>();
  line: 'up' | 'down' = 'up';
  latencyMs = 0;
  calls = 0;

  acquire = ({ subject, owner, ttlMs, atHand }: LeaseRequest) =>
    this.#ask(() => {
      const held = this.rows.get(subject);
      if (held !== undefined && held.until > Date.now()) return null;
      const epoch = (held?.epoch ?? 0) + 1;
      this.rows.set(subject, { owner, epoch, until: Date.now() + ttlMs });
      this.#count(atHand, 1);
      return epoch;
    });

  turnTo = ({ subject, epoch, atHand }: { subject: string; epoch: number; atHand: string }) =>
    this.#ask(() => {
      const isHeld = this.#change(subject, epoch, this.rows.get(subject)?.until ?? 0);
      if (isHeld) this.#count(atHand, 1);
      return isHeld;
    });

  giveBack = ({ atHand }: { atHand: string }) => this.#ask(() => this.#count(atHand, -1));

  renew = ({ subject, epoch, ttlMs }: { subject: string; epoch: number; ttlMs: number }) =>
    this.#ask(() => this.#change(subject, epoch, Date.now() + ttlMs));

  release = ({ subject, epoch, atHand }: { subject: string; epoch: number; atHand?: string | null }) =>
    this.#ask(() => {
      const isOurs = this.#change(subject, epoch, 0);
      if (isOurs) this.#count(atHand, -1);
      return isOurs;
    });

  peek = async (subject: string) => {
    const { owner = null, epoch = 0, until = 0 } = this.rows.get(subject) ?? {};
    return { owner, epoch, isHeld: until > Date.now() };
  };

  #count(atHand: string | null | undefined, more: 1 | -1): void {
    if (atHand) this.holders.set(atHand, (this.holders.get(atHand) ?? 0) + more);
  }

  #change(subject: string, epoch: number, until: number): boolean {
    const held = this.rows.get(subject);
    if (held === undefined || held.epoch !== epoch || held.until <= Date.now()) return false;
    held.until = until;
    return true;
  }

  async #ask<T>(answer: () => T): Promise<T> {
    this.calls += 1;
    if (this.line === 'down') throw new Error('Connection terminated');
    const answered = answer();
    if (this.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.latencyMs));
    return answered;
  }
}

let table: TableInMemory;
const hold = (owner: string) => holdLease(table, { subject: SUBJECT, owner }, TIMES);

beforeEach(() => {
  vi.useFakeTimers();
  table = new TableInMemory();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a held lease', () => {
  it('is one holder’s at a time', async () => {
    const first = (await hold('a'))!;
    expect(await hold('b')).toBeNull();
    await first.release();
    expect(await hold('b')).toMatchObject({ subject: SUBJECT, epoch: first.epoch + 1 });
  });

  it('renews itself for as long as it is held', async () => {
    const lease = (await hold('a'))!;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lease.signal.aborted).toBe(false);
    expect(await table.peek(SUBJECT)).toEqual({ owner: 'a', epoch: 1, isHeld: true });
  });

  it('leaves no timer behind once it is released', async () => {
    const lease = (await hold('a'))!;
    await lease.release();
    expect(vi.getTimerCount()).toBe(0);
    const { calls } = table;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(table.calls).toBe(calls);
    expect(lease.signal.aborted).toBe(false);
  });

  it('leaves no timer behind when it was not got', async () => {
    const lease = (await hold('a'))!;
    const timers = vi.getTimerCount();
    await hold('b');
    expect(vi.getTimerCount()).toBe(timers);
    await lease.release();
  });
});

describe('a lease that can no longer be trusted', () => {
  it('fires its signal before anybody else may start, when the database is cut off', async () => {
    const lease = (await hold('a'))!;
    table.line = 'down';
    await vi.advanceTimersByTimeAsync(TIMES.trustMs);
    expect(lease.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(TIMES.leaseMs / 20);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLost);
    expect((await table.peek(SUBJECT)).isHeld).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts its trust from before the renewal was sent', async () => {
    const lease = (await hold('a'))!;
    table.latencyMs = 2_000;
    // Sent at 3 s, answered at 5 s; from then on nothing gets through.
    await vi.advanceTimersByTimeAsync(5_000);
    table.line = 'down';
    await vi.advanceTimersByTimeAsync(4_900);
    expect(lease.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(lease.signal.aborted).toBe(true);
    // 10.9 s: renewed at 3 s, the database would have waited until 13 s.
    expect((await table.peek(SUBJECT)).isHeld).toBe(true);
  });

  it('outlives a renewal or two that get lost', async () => {
    const lease = (await hold('a'))!;
    table.line = 'down';
    await vi.advanceTimersByTimeAsync(5_000);
    table.line = 'up';
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lease.signal.aborted).toBe(false);
    await lease.release();
  });

  it('fires at once when the database says that somebody else has it', async () => {
    const lease = (await hold('a'))!;
    table.rows.set(SUBJECT, { owner: 'b', epoch: 2, until: Date.now() + 60_000 });
    await vi.advanceTimersByTimeAsync(TIMES.renewMs);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLost);
    await lease.release();
    expect(await table.peek(SUBJECT)).toEqual({ owner: 'b', epoch: 2, isHeld: true });
  });

  it('fires when the process was paused longer than the trust', async () => {
    const lease = (await hold('a'))!;
    table.line = 'down';
    vi.setSystemTime(Date.now() + 20_000);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(lease.signal.aborted).toBe(true);
  });
});

describe('asking a lease before an act', () => {
  it('throws when it is too late, although no timer has run since', async () => {
    const lease = (await hold('a'))!;
    expect(() => lease.assert()).not.toThrow();
    const now = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + TIMES.trustMs + 1);
    expect(() => lease.assert()).toThrow(LeaseLost);
    expect(lease.signal.aborted).toBe(true);
    now.mockRestore();
  });
});

describe('a release', () => {
  it('never throws: what cannot be released runs out', async () => {
    const lease = (await hold('a'))!;
    table.line = 'down';
    await expect(lease.release()).resolves.toBeUndefined();
    table.line = 'up';
    expect(await hold('b')).toBeNull();
    await vi.advanceTimersByTimeAsync(TIMES.leaseMs);
    expect(await hold('b')).not.toBeNull();
  });

  it('is not taken for a loss by the renewal that was under way', async () => {
    const lease = (await hold('a'))!;
    table.latencyMs = 500;
    const inTurn = table.renew;
    // The renewal is sent first and answered after the release.
    table.renew = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      return inTurn(request);
    };
    await vi.advanceTimersByTimeAsync(TIMES.renewMs);
    const released = lease.release();
    await vi.advanceTimersByTimeAsync(5_000);
    await released;
    expect(lease.signal.aborted).toBe(false);
  });
});

describe('what a holder has at hand', () => {
  const holdFor = (owner: string, atHand: string) => holdLease(table, { subject: SUBJECT, owner, atHand }, TIMES);

  it('is counted until it lets go, whatever becomes of its lease', async () => {
    const lease = (await holdFor('a', 'd-1'))!;
    expect(table.holders.get('d-1')).toBe(1);
    await lease.release();
    expect(table.holders.get('d-1')).toBe(0);
    const cutOff = (await holdFor('a', 'd-1'))!;
    table.line = 'down';
    await vi.advanceTimersByTimeAsync(TIMES.leaseMs);
    table.line = 'up';
    expect(cutOff.signal.aborted).toBe(true);
    expect(table.holders.get('d-1')).toBe(1);
    await cutOff.release();
    expect(table.holders.get('d-1')).toBe(0);
  });

  it('may change while it is held, and not after', async () => {
    const lease = (await holdFor('a', 'd-1'))!;
    const { calls } = table;
    await lease.turnTo('d-1');
    expect(table.calls).toBe(calls);
    await lease.turnTo('d-2');
    await lease.release();
    expect(table.holders.get('d-2')).toBe(0);
    const stale = (await holdFor('a', 'd-3'))!;
    table.rows.set(SUBJECT, { owner: 'b', epoch: 9, until: Date.now() + 60_000 });
    await expect(stale.turnTo('d-4')).rejects.toThrow(LeaseLost);
    expect(stale.signal.aborted).toBe(true);
  });
});

import { LeaseLost } from './errors.js';
import type { Leases } from './lease.js';

/** A lease that renews itself. `signal` fires when it can no longer be trusted: whatever acts for it must stop. */
export interface HeldLease {
  readonly subject: string;
  readonly epoch: number;
  readonly signal: AbortSignal;
  /** Right before something that nothing else fences: throws `LeaseLost` also when no timer has run since a pause. */
  assert(): void;
  /** What is worked at from now on: see {@link Leases.turnTo}. Throws `LeaseLost`. */
  turnTo(atHand: string): Promise<void>;
  release(): Promise<void>;
}

/** Milliseconds; `trustMs` counts from before the last good renewal was sent. */
export interface LeaseTimes {
  readonly leaseMs: number;
  readonly renewMs: number;
  readonly trustMs: number;
}

/**
 * Takes the lease, or answers null while it is held. It renews itself and trusts itself for less long than the
 * database does: a paused or cut-off holder stops before anybody else may start.
 */
export async function holdLease(
  leases: Leases,
  request: { readonly subject: string; readonly owner: string; readonly atHand?: string },
  { leaseMs, renewMs, trustMs }: LeaseTimes,
): Promise<HeldLease | null> {
  const { subject } = request;
  let atHand = request.atHand ?? null;
  let sentAt = performance.now();
  const epoch = await leases.acquire({ ...request, ttlMs: leaseMs });
  if (epoch === null) return null;
  const lapse = new AbortController();
  let isReleased = false;
  const check = () => {
    if (performance.now() - sentAt > trustMs) lapse.abort(new LeaseLost(subject));
  };
  const watch = setInterval(check, leaseMs / 20);
  const renew = async () => {
    const sending = performance.now();
    // One that does not reach the database is the same as none: trust lapses by itself.
    const isOurs = await leases.renew({ subject, epoch, ttlMs: leaseMs }).catch(() => null);
    if (isOurs === true) sentAt = sending;
    // The answer to one that was under way when we let go is no loss.
    if (isOurs === false && !isReleased) lapse.abort(new LeaseLost(subject));
  };
  const renewal = setInterval(() => void renew(), renewMs);
  const stop = () => [watch, renewal].forEach(clearInterval);
  lapse.signal.addEventListener('abort', stop, { once: true });
  return {
    subject,
    epoch,
    signal: lapse.signal,
    assert: () => {
      check();
      lapse.signal.throwIfAborted();
    },
    turnTo: async (next) => {
      if (next === atHand) return;
      if (!(await leases.turnTo({ subject, epoch, atHand: next }))) lapse.abort(new LeaseLost(subject));
      lapse.signal.throwIfAborted();
      atHand = next;
    },
    release: async () => {
      isReleased = true;
      stop();
      // What cannot be released runs out.
      const isOver = lapse.signal.aborted || !(await leases.release({ subject, epoch, atHand }).catch(() => true));
      if (isOver && atHand !== null) await leases.giveBack({ subject, atHand }).catch(() => undefined);
    },
  };
}

/** Leases by database time; the holder trusts its own clock only between renewals. */
export interface Leases {
  /** The new epoch, or null while somebody else holds it. */
  acquire(subject: string, owner: string, milliseconds: number): Promise<number | null>;
  /** False when it is not ours any more. */
  renew(lease: { subject: string; owner: string; epoch: number }, milliseconds: number): Promise<boolean>;
  release(lease: { subject: string; owner: string; epoch: number }): Promise<void>;
}

/** A lease that renews itself. `signal` fires when it can no longer be trusted: whatever acts for it must stop. */
export interface HeldLease {
  readonly subject: string;
  readonly epoch: number;
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

/**
 * Takes the lease, or answers null while it is held. Of L ms it renews every 0.3 L and trusts itself for 0.7 L from
 * *before* the last good renewal was sent: a paused or cut-off holder stops before anybody else may start.
 */
export async function holdLease(leases: Leases, subject: string, options: { owner: string; leaseMs: number }): Promise<HeldLease | null> {
  const { owner, leaseMs } = options;
  let sentAt = performance.now();
  const epoch = await leases.acquire(subject, owner, leaseMs);
  if (epoch === null) return null;
  const lease = { subject, owner, epoch };
  const lapse = new AbortController();
  const lose = (why: string) => lapse.abort(new LeaseLost(`${subject}: ${why}`));

  const watch = setInterval(() => {
    if (performance.now() - sentAt > 0.7 * leaseMs) lose('not renewed in time');
  }, 0.05 * leaseMs);
  const renewal = setInterval(() => void renew(), 0.3 * leaseMs);
  const renew = async () => {
    const sending = performance.now();
    // A renewal that fails to reach the database is the same as none: trust lapses by itself.
    const isOurs = await leases.renew(lease, leaseMs).catch(() => null);
    if (isOurs === true) sentAt = sending;
    if (isOurs === false) lose('taken over');
  };
  const stop = () => {
    clearInterval(watch);
    clearInterval(renewal);
  };
  lapse.signal.addEventListener('abort', stop, { once: true });
  return {
    subject,
    epoch,
    signal: lapse.signal,
    release: async () => {
      stop();
      if (!lapse.signal.aborted) await leases.release(lease);
    },
  };
}

/** The holder may not act any more; the next one resumes. Nothing is recorded. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

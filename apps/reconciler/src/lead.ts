import type { Leases } from '#store/lease';

export interface Leading {
  readonly leases: Leases;
  readonly subject: string;
  readonly owner: string;
  readonly leaseMs: number;
  /** What only one process does at a time. */
  readonly start: () => { stop(): Promise<void> };
}

/**
 * Does it while this process holds the lease, and tries to get it while another one does. A leader that cannot renew
 * stops before anybody else may start. Returns how to stop for good.
 */
export function lead({ leases, subject, owner, leaseMs, start }: Leading): () => Promise<void> {
  const everyMs = leaseMs * 0.3;
  let held: { epoch: number; work: { stop(): Promise<void> }; trustedUntil: number } | null = null;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const step = async (): Promise<void> => {
    const sentAt = performance.now();
    const trustedUntil = sentAt + leaseMs * 0.7;
    if (held === null) {
      const epoch = await leases.acquire({ subject, owner, ttlMs: leaseMs });
      if (epoch !== null) held = { epoch, work: start(), trustedUntil };
      return;
    }
    // What does not reach the database is the same as a lease that is lost, only later.
    const isOurs = await leases.renew({ subject, epoch: held.epoch, ttlMs: leaseMs }).catch(() => null);
    if (isOurs === true) held.trustedUntil = trustedUntil;
    else if (isOurs === false || performance.now() > held.trustedUntil) await letGo();
  };
  const letGo = async (): Promise<void> => {
    const last = held;
    held = null;
    await last?.work.stop();
  };
  const loop = (): void => {
    running = step()
      .catch(() => undefined)
      .finally(() => {
        if (!isStopped) timer = setTimeout(loop, everyMs);
      });
  };
  let running: Promise<void> = Promise.resolve();
  loop();
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    await running;
    const epoch = held?.epoch;
    await letGo();
    if (epoch !== undefined) await leases.release({ subject, epoch }).catch(() => false);
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '#runtime/logging';
import { holdLease, type HeldLease, type LeaseTimes } from '#store/held-lease';
import type { Leases } from '#store/lease';

/** What a leader does until it is told to stop. */
export interface Work {
  stop(): Promise<void>;
}

export interface Leading {
  readonly leases: Leases;
  /** `node-<name>`, or `platform` for what is done once for all nodes. */
  readonly subject: string;
  readonly owner: string;
  readonly times: LeaseTimes;
  readonly logger: Logger;
  /** Stopped when the lease is lost; what cannot wait for that asks the lease itself. */
  readonly start: (held: HeldLease) => Work | Promise<Work>;
}

export interface Leader {
  readonly isLeading: boolean;
  /** Resolves once it leads, or knows that another one does. */
  readonly settled: Promise<void>;
  /** Lets go, so that the next one takes over at once. */
  stop(): Promise<void>;
}

/** Share of the lease after which a follower looks again. */
const LOOK = 0.1;

/**
 * Does it while this process holds the lease, and waits for its turn while another one does: after a crash that is the
 * rest of the lease and one look. A leader that was cut off or paused stops before anybody else may start.
 */
export function lead(leading: Leading): Leader {
  const { leases, subject, owner, times, logger, start } = leading;
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();
  let isLeading = false;
  const term = async (): Promise<void> => {
    const held = (await leases.peek(subject)).isHeld ? null : await holdLease(leases, { subject, owner }, times);
    if (held === null) return;
    try {
      const work = await start(held);
      isLeading = true;
      logger.info({ subject, epoch: held.epoch }, 'Leads');
      first.resolve();
      await aborted(AbortSignal.any([held.signal, stopping.signal]));
      isLeading = false;
      if (held.signal.aborted) logger.warn({ subject, epoch: held.epoch }, 'Leads no more: its lease was lost');
      await work.stop();
    } finally {
      isLeading = false;
      await held.release();
    }
  };
  const run = async (): Promise<void> => {
    let told = '';
    while (!stopping.signal.aborted) {
      try {
        await term();
        told = '';
      } catch (error) {
        if (String(error) !== told) logger.warn({ err: error, subject }, 'Cannot lead; it is tried again');
        told = String(error);
      }
      first.resolve();
      await sleep(times.leaseMs * LOOK, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    get isLeading() {
      return isLeading;
    },
    settled: first.promise,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

import { setTimeout as sleep } from 'node:timers/promises';

/** What a call under a deadline is given: the signal its request must carry, and a way to say "still moving". */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Starts the time anew. */
  extend(): void;
}

export interface Limits {
  readonly milliseconds: number;
  /** The caller's: its reason is what the call then rejects with. */
  readonly signal?: AbortSignal | undefined;
  readonly expired: () => Error;
}

/**
 * Settles at the deadline whatever `run` does: an HTTP client whose reply was cut off never settles by itself. The
 * signal ends the request, the race ends the wait.
 */
export async function withDeadline<T>(limits: Limits, run: (deadline: Deadline) => Promise<T>): Promise<T> {
  limits.signal?.throwIfAborted();
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(limits.expired()), limits.milliseconds);
  const follow = () => controller.abort(limits.signal?.reason);
  limits.signal?.addEventListener('abort', follow, { once: true });
  const ended = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Error), { once: true });
  });
  try {
    const deadline = { signal: controller.signal, extend: () => void timer.refresh() };
    return await Promise.race([run(deadline), ended]);
  } finally {
    clearTimeout(timer);
    limits.signal?.removeEventListener('abort', follow);
  }
}

/** For what the engine holds but does not show yet: 25, 50, 100 … 500 ms. */
export async function backOff(tries: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.min(25 * 2 ** (tries - 1), 500), undefined, { signal });
}

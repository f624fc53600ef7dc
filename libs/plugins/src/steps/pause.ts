import type { StepIo } from '../source.js';

/** Sleeps, but not past the end of the lease or a cancel: throws the signal's reason then. */
export async function pause(clock: StepIo['clock'], ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    void clock
      .sleep(ms)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}

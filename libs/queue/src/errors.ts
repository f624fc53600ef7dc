/** An error that nobody waits for. `queue` and `jobId` are null where they are not known. */
export interface QueueFailure {
  readonly operation: 'add' | 'read' | 'process' | 'worker' | 'connection';
  readonly queue: string | null;
  readonly jobId: string | null;
  readonly error: Error;
}

/** Counts and logs. Must not throw. */
export type OnQueueError = (failure: QueueFailure) => void;

/** The same message again within this time is one outage, told by many connections. */
const QUIET_MS = 5_000;

/** Passes a message on once, then stays silent about it for a while. */
export function onceInAWhile(report: (error: Error) => void): (error: Error) => void {
  let last = { message: '', at: -Infinity };
  return (error) => {
    const now = performance.now();
    if (error.message === last.message && now - last.at < QUIET_MS) return;
    last = { message: error.message, at: now };
    report(error);
  };
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

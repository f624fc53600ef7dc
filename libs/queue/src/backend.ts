import type { BackendFactory, IQueueBackend } from 'bullmq';

/** Where the jobs live: Postgres (nothing to install) or Redis. Both pass test/integration/queue/conformance.ts. */
export interface QueueBackend {
  /** Builds the storage side of one BullMQ queue or worker over connections that all of them share. */
  readonly factory: BackendFactory<IQueueBackend, unknown>;
  /** False = known to be unreachable just now: a producer gives up at once. */
  isUp(): boolean;
  /** Ends the shared connections. Never waits longer than `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** Told of every error that has nowhere to be thrown. Must not throw. */
export type OnConnectionError = (error: Error) => void;

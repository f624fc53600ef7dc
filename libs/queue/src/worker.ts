import { Worker, WaitingError, type IQueueBackend, type Job, type JobProgress } from 'bullmq';
import type { QueueBackend } from './backend.js';
import { asError, onceInAWhile, type OnQueueError } from './errors.js';
import type { JobData } from './names.js';
import { TIMED_OUT, within } from './within.js';

/** A hint to look at one subject. */
export interface WorkItem {
  /** The reaction. */
  readonly name: string;
  /** The subject. */
  readonly id: string;
  readonly jobId: string;
}

export interface WorkOptions {
  readonly queue: string;
  readonly concurrency: number;
  /**
   * The job is gone when this settles, either way; an error is reported and not retried. The signal fires when
   * `close` gives up. It does not fire when BullMQ's lock is lost: who may act is decided by the lease, not here.
   */
  process(this: void, item: WorkItem, signal: AbortSignal): Promise<void>;
}

export interface WorkerHandle {
  /** Takes no more jobs. Those at work go on. There is no way back. */
  pause(): void;
  /**
   * Takes no more jobs and waits for those at work, at most `graceMs`. False = time was up: their signals have
   * fired, and the jobs come back, to this or another worker, through the sweep.
   */
  close(graceMs: number): Promise<boolean>;
}

type JobWorker = Worker<JobData, void, string, IQueueBackend, JobProgress, unknown>;

/** For a worker that gave up to let go of its connection. */
const LET_GO_MS = 500;

const TUNING = {
  lockDuration: 30_000,
  stalledInterval: 5_000,
  // Whether a subject is given up is counted in the log, never here.
  maxStalledCount: 1_000,
  drainDelay: 5,
  runRetryDelay: 1_000,
} as const;

export function startWorker(backend: QueueBackend, options: WorkOptions, onError: OnQueueError): WorkerHandle {
  const { queue, concurrency } = options;
  let isStopped = false;
  // BullMQ hands over a signal only where the function has three parameters.
  const process = async (job: Job<JobData, void>, token: string | undefined, signal: AbortSignal | undefined) => {
    if (isStopped) return putBack(job, token);
    const item = { name: job.name, id: job.data.id, jobId: job.id ?? '' };
    try {
      await options.process(item, signal ?? new AbortController().signal);
    } catch (thrown) {
      onError({ operation: 'process', queue, jobId: item.jobId, error: asError(thrown) });
    }
  };
  const worker: JobWorker = new Worker<JobData, void, string, IQueueBackend, JobProgress, unknown>(
    queue,
    process,
    { ...TUNING, concurrency, connection: {} },
    backend.factory,
  );
  worker.on(
    'error',
    onceInAWhile((error) => onError({ operation: 'worker', queue, jobId: null, error })),
  );
  const pause = () => {
    if (!isStopped) worker.pause(true).catch(() => undefined);
    isStopped = true;
  };
  return {
    pause,
    close: (graceMs) => {
      pause();
      return closeWithin(worker, graceMs);
    },
  };
}

/** BullMQ may claim one job more after it was told to stop. */
async function putBack(job: Job<JobData, void>, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

/** `Worker.close` waits for its jobs and for its backend, for ever if need be. */
async function closeWithin(worker: JobWorker, graceMs: number): Promise<boolean> {
  if ((await within(graceMs, worker.close())) !== TIMED_OUT) return true;
  worker.cancelAllJobs('The worker is shutting down.');
  await within(LET_GO_MS, worker.getBackend().close(true));
  return false;
}

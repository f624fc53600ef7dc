import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Reaction } from '#domain/reactions';
import type { QueueFailure } from '#queue/errors';
import { queueName } from '#queue/names';
import { createQueues, type Queues } from '#queue/queues';
import type { WorkItem, WorkOptions } from '#queue/worker';

/** A backend and what a test may do to it behind the library's back. */
export interface BackendUnderTest {
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  /** Makes it unreachable, cutting what connections there are. */
  takeDown(): Promise<void>;
  bringUp(): Promise<void>;
  /** Loses every job. */
  wipe(): Promise<void>;
  /** Adds a job that is due in an hour. */
  addDelayed(queue: string, jobId: string): Promise<void>;
  /** What the backend keeps as the job's data, as JSON. */
  storedData(queue: string, jobId: string): Promise<string>;
  stop(): Promise<void>;
}

/** One backend for a suite; what a test opened on it is closed after the test. */
export interface QueueFixture {
  readonly backend: BackendUnderTest;
  /** What was reported in this test, by all that it opened. */
  readonly failures: readonly QueueFailure[];
  /** As another process would. */
  open(): Promise<Queues>;
}

export function queueFixture(start: () => Promise<BackendUnderTest>): QueueFixture {
  let backend: BackendUnderTest;
  let opened: Queues[] = [];
  let failures: QueueFailure[] = [];
  beforeAll(async () => {
    backend = await start();
  });
  afterEach(async () => {
    await Promise.all(opened.map((queues) => queues.close()));
    opened = [];
    failures = [];
  });
  afterAll(() => backend.stop());
  return {
    get backend() {
      return backend;
    },
    get failures() {
      return failures;
    },
    async open() {
      const onError = (failure: QueueFailure) => failures.push(failure);
      const queues = await createQueues({ ...backend, poolSize: 4, onError });
      opened.push(queues);
      return queues;
    },
  };
}

/** A deploy on a node of its own, hence with a queue of its own. */
export function someDeploy(): Reaction {
  return { name: 'deploy', subjectId: randomUUID(), node: randomUUID() };
}

/** A worker that keeps a list of what it was handed. */
export function recorder(queues: Queues, reaction: Reaction) {
  const items: WorkItem[] = [];
  let waiters: { count: number; resolve(items: WorkItem[]): void }[] = [];
  const reach = (count: number) =>
    new Promise<WorkItem[]>((resolve) => {
      if (items.length >= count) resolve([...items]);
      else waiters.push({ count, resolve });
    });
  const record = (item: WorkItem) => {
    items.push(item);
    for (const { resolve } of waiters.filter(({ count }) => count <= items.length)) resolve([...items]);
    waiters = waiters.filter(({ count }) => count > items.length);
  };
  const work = ({ process, concurrency = 4 }: Partial<WorkOptions> = {}) =>
    queues.work({
      queue: queueName(reaction),
      concurrency,
      process: async (item, signal) => {
        record(item);
        await process?.(item, signal);
      },
    });
  const first = reach(1).then(([item]) => item as WorkItem);
  return { work, taken: { first, reach, all: () => items } };
}

export async function becomes(queues: Queues, reaction: Reaction, state: string, attempt = 1): Promise<void> {
  await expect.poll(() => queues.state(reaction, 'event-1', attempt), { timeout: 5_000, interval: 5 }).toBe(state);
}

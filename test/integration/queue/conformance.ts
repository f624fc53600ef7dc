import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Reaction } from '#domain/reactions';
import type { QueueFailure } from '#queue/errors';
import { jobId, queueName } from '#queue/names';
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

/** What every backend of the queue has to do. */
export function queueConformance(name: string, start: () => Promise<BackendUnderTest>): void {
  describe(`the queue on ${name}`, () => {
    let backend: BackendUnderTest;
    let opened: Queues[] = [];
    let failures: QueueFailure[] = [];

    const open = async (): Promise<Queues> => {
      const onError = (failure: QueueFailure) => failures.push(failure);
      const queues = await createQueues({ ...backend, poolSize: 4, onError });
      opened.push(queues);
      return queues;
    };

    beforeAll(async () => {
      backend = await start();
    });
    afterEach(async () => {
      await Promise.all(opened.map((queues) => queues.close()));
      opened = [];
      failures = [];
    });
    afterAll(() => backend.stop());

    it('hands the reaction and the subject to a worker, then forgets the job', async () => {
      const queues = await open();
      const deploy = someDeploy();
      const { work, taken } = recorder(queues, deploy);
      work();
      queues.add(deploy, 'event-1', 1);
      expect(await taken.first).toEqual({ name: 'deploy', id: deploy.subjectId, jobId: 'deploy-event-1-1' });
      await becomes(queues, deploy, 'missing');
      expect(await queues.counts(queueName(deploy))).toEqual({ waiting: 0, delayed: 0, active: 0 });
      expect(failures).toEqual([]);
    });

    it('gives teardowns of a node to the workers of its deploys, by name', async () => {
      const queues = await open();
      const deploy = someDeploy();
      const { work, taken } = recorder(queues, deploy);
      work();
      queues.add({ ...deploy, name: 'teardown' }, 'event-1', 1);
      expect((await taken.first).name).toBe('teardown');
    });

    it('keeps nothing in a job but the id of the subject', async () => {
      const queues = await open();
      const deploy = someDeploy();
      queues.add(deploy, 'event-1', 1);
      await becomes(queues, deploy, 'waiting');
      const stored = await backend.storedData(queueName(deploy), jobId('deploy', 'event-1', 1));
      expect(JSON.parse(stored)).toEqual({ id: deploy.subjectId });
    });

    it('holds a job once, however often it is added while it waits', async () => {
      const producer = await open();
      const deploy = someDeploy();
      producer.add(deploy, 'event-1', 1);
      producer.add(deploy, 'event-1', 1);
      producer.add(deploy, 'event-1', 2);
      await producer.close();
      const queues = await open();
      expect(await queues.counts(queueName(deploy))).toMatchObject({ waiting: 2 });
    });

    it('runs a job again when it is added again after it was done', async () => {
      const queues = await open();
      const deploy = someDeploy();
      const { work, taken } = recorder(queues, deploy);
      work();
      queues.add(deploy, 'event-1', 1);
      await taken.first;
      await becomes(queues, deploy, 'missing');
      queues.add(deploy, 'event-1', 1);
      expect((await taken.reach(2)).map((item) => item.jobId)).toEqual(['deploy-event-1-1', 'deploy-event-1-1']);
    });

    it('takes the longest waiting job first', async () => {
      const queues = await open();
      const deploy = someDeploy();
      for (const attempt of [1, 2, 3]) {
        queues.add(deploy, 'event-1', attempt);
        await becomes(queues, deploy, 'waiting', attempt);
      }
      const { work, taken } = recorder(queues, deploy);
      work();
      const order = (await taken.reach(3)).map((item) => item.jobId);
      expect(order).toEqual([1, 2, 3].map((attempt) => jobId('deploy', 'event-1', attempt)));
    });

    it('reports an error of the processor, forgets the job and goes on', async () => {
      const queues = await open();
      const deploy = someDeploy();
      const { work, taken } = recorder(queues, deploy);
      const boom = new Error('boom');
      work({ concurrency: 1, process: (item) => (item.jobId.endsWith('-1') ? Promise.reject(boom) : Promise.resolve()) });
      queues.add(deploy, 'event-1', 1);
      queues.add(deploy, 'event-1', 2);
      await taken.reach(2);
      await becomes(queues, deploy, 'missing');
      expect(failures).toEqual([
        { operation: 'process', queue: queueName(deploy), jobId: 'deploy-event-1-1', error: boom },
      ]);
    });

    it('tells where a job is', async () => {
      const queues = await open();
      const deploy = someDeploy();
      expect(await queues.state(deploy, 'event-1', 1)).toBe('missing');
      queues.add(deploy, 'event-1', 1);
      await becomes(queues, deploy, 'waiting');
      await backend.addDelayed(queueName(deploy), jobId('deploy', 'event-2', 1));
      expect(await queues.state(deploy, 'event-2', 1)).toBe('delayed');
      const release = Promise.withResolvers<void>();
      const { work, taken } = recorder(queues, deploy);
      work({ process: () => release.promise });
      await taken.first;
      expect(await queues.state(deploy, 'event-1', 1)).toBe('active');
      expect(await queues.counts(queueName(deploy))).toEqual({ waiting: 0, delayed: 1, active: 1 });
      release.resolve();
      await becomes(queues, deploy, 'missing');
    });

    it('tells the age of the longest waiting job', async () => {
      const queues = await open();
      const deploy = someDeploy();
      expect(await queues.age(queueName(deploy))).toBe(0);
      const before = Date.now();
      queues.add(deploy, 'event-1', 1);
      await becomes(queues, deploy, 'waiting');
      const added = Date.now();
      await expect.poll(() => queues.age(queueName(deploy)), { interval: 10 }).toBeGreaterThan(0.05);
      queues.add(deploy, 'event-1', 2);
      await becomes(queues, deploy, 'waiting', 2);
      expect(await queues.age(queueName(deploy))).toBeGreaterThanOrEqual((Date.now() - added - 10) / 1_000);
      expect(await queues.age(queueName(deploy))).toBeLessThanOrEqual((Date.now() - before) / 1_000);
    });

    it('shares a queue among workers of two processes', async () => {
      const [one, two] = [await open(), await open()];
      const deploy = someDeploy();
      const both = Promise.withResolvers<void>();
      const recorders = [recorder(one, deploy), recorder(two, deploy)];
      // One at a time each, and neither goes on before both have one.
      for (const { work } of recorders) work({ concurrency: 1, process: () => both.promise });
      one.add(deploy, 'event-1', 1);
      one.add(deploy, 'event-1', 2);
      const items = await Promise.all(recorders.map(({ taken }) => taken.first));
      both.resolve();
      expect(new Set(items.map((item) => item.jobId)).size).toBe(2);
    });

    it('runs as many jobs at a time as asked for, not more', async () => {
      const queues = await open();
      const deploy = someDeploy();
      const release = Promise.withResolvers<void>();
      const { work, taken } = recorder(queues, deploy);
      work({ concurrency: 2, process: () => release.promise });
      for (const attempt of [1, 2, 3]) queues.add(deploy, 'event-1', attempt);
      await taken.reach(2);
      await expect.poll(() => queues.counts(queueName(deploy))).toEqual({ waiting: 1, delayed: 0, active: 2 });
      release.resolve();
      await taken.reach(3);
    });

    it('leaves jobs alone once paused, also the one it was about to take', async () => {
      const queues = await open();
      const deploy = someDeploy();
      const paused = recorder(queues, deploy);
      const handle = paused.work();
      queues.add(deploy, 'event-1', 1);
      await paused.taken.first;
      handle.pause();
      queues.add(deploy, 'event-1', 2);
      await becomes(queues, deploy, 'waiting', 2);
      const other = recorder(await open(), deploy);
      other.work();
      expect((await other.taken.first).jobId).toBe('deploy-event-1-2');
      expect(paused.taken.all()).toHaveLength(1);
    });

    it('closes when the jobs at work are done', async () => {
      const queues = await open();
      const deploy = someDeploy();
      const release = Promise.withResolvers<void>();
      const { work, taken } = recorder(queues, deploy);
      let isAborted = true;
      const handle = work({
        process: async (_item, signal) => {
          await release.promise;
          isAborted = signal.aborted;
        },
      });
      queues.add(deploy, 'event-1', 1);
      await taken.first;
      const closing = handle.close(10_000);
      release.resolve();
      expect(await closing).toBe(true);
      expect(isAborted).toBe(false);
      expect(await queues.state(deploy, 'event-1', 1)).toBe('missing');
    });

    it('gives up closing when the grace is over, and tells the job', async () => {
      const queues = await open();
      const deploy = someDeploy();
      const aborted = Promise.withResolvers<void>();
      const { work, taken } = recorder(queues, deploy);
      const handle = work({
        process: (_item, signal) => {
          signal.addEventListener('abort', () => aborted.resolve());
          return new Promise(() => undefined);
        },
      });
      queues.add(deploy, 'event-1', 1);
      await taken.first;
      const started = performance.now();
      expect(await handle.close(100)).toBe(false);
      expect(performance.now() - started).toBeLessThan(2_000);
      await aborted.promise;
      // The sweep finds it held by nobody and adds the next attempt.
      const next = recorder(await open(), deploy);
      next.work();
      queues.add(deploy, 'event-1', 2);
      expect((await next.taken.first).jobId).toBe('deploy-event-1-2');
    });

    it('takes a job anew after the backend lost it', async () => {
      const queues = await open();
      const deploy = someDeploy();
      queues.add(deploy, 'event-1', 1);
      await becomes(queues, deploy, 'waiting');
      await backend.wipe();
      expect(await queues.state(deploy, 'event-1', 1)).toBe('missing');
      const { work, taken } = recorder(queues, deploy);
      work();
      queues.add(deploy, 'event-1', 1);
      expect((await taken.first).jobId).toBe('deploy-event-1-1');
    });

    it('lets a job finish though the backend lost it meanwhile', async () => {
      const queues = await open();
      const deploy = someDeploy();
      const release = Promise.withResolvers<void>();
      const { work, taken } = recorder(queues, deploy);
      work({ concurrency: 1, process: () => release.promise });
      queues.add(deploy, 'event-1', 1);
      await taken.first;
      await backend.wipe();
      release.resolve();
      queues.add(deploy, 'event-1', 2);
      expect((await taken.reach(2))[1]?.jobId).toBe('deploy-event-1-2');
    });

    describe('while the backend is down', () => {
      afterEach(() => backend.bringUp());

      it('returns from add at once and reports what was not added', async () => {
        const queues = await open();
        const [known, fresh] = [someDeploy(), someDeploy()];
        queues.add(known, 'event-1', 1);
        await becomes(queues, known, 'waiting');
        await backend.takeDown();
        const started = performance.now();
        for (const deploy of [known, fresh]) queues.add(deploy, 'event-1', 2);
        expect(performance.now() - started).toBeLessThan(50);
        const notAdded = () => failures.filter(({ operation }) => operation === 'add').map(({ queue }) => queue);
        const both = [queueName(known), queueName(fresh)];
        await expect.poll(() => notAdded().sort(), { timeout: 10_000 }).toEqual(both.sort());
        expect(await queues.state(known, 'event-1', 1)).toBe('unknown');
        expect(await queues.counts(queueName(known))).toBeNull();
      });

      it('closes all the same', async () => {
        const queues = await open();
        const deploy = someDeploy();
        const { work, taken } = recorder(queues, deploy);
        const handle = work();
        queues.add(deploy, 'event-1', 1);
        await taken.first;
        await backend.takeDown();
        const started = performance.now();
        await handle.close(500);
        await queues.close();
        expect(performance.now() - started).toBeLessThan(8_000);
      });

      it('goes on when it is back: jobs at work, queues known and new', async () => {
        const queues = await open();
        const [known, fresh] = [someDeploy(), someDeploy()];
        const release = Promise.withResolvers<void>();
        const { work, taken } = recorder(queues, known);
        let isAborted = true;
        work({
          concurrency: 1,
          process: async (_item, signal) => {
            await release.promise;
            isAborted = signal.aborted;
          },
        });
        const idle = recorder(queues, fresh);
        idle.work();
        queues.add(known, 'event-1', 1);
        await taken.first;
        await backend.takeDown();
        await expect.poll(() => queues.counts(queueName(known)), { timeout: 10_000 }).toBeNull();
        await backend.bringUp();
        await expect.poll(() => queues.counts(queueName(fresh)), { timeout: 10_000 }).not.toBeNull();
        release.resolve();
        queues.add(fresh, 'event-2', 1);
        queues.add(known, 'event-3', 1);
        expect((await idle.taken.first).jobId).toBe('deploy-event-2-1');
        await expect.poll(() => taken.all().map((item) => item.jobId), { timeout: 15_000 }).toContain('deploy-event-3-1');
        expect(isAborted).toBe(false);
      });
    });
  });
}

/** A deploy on a node of its own, hence with a queue of its own. */
function someDeploy(): Reaction {
  return { name: 'deploy', subjectId: randomUUID(), node: randomUUID() };
}

/** A worker that keeps a list of what it was handed. */
function recorder(queues: Queues, reaction: Reaction) {
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

async function becomes(queues: Queues, reaction: Reaction, state: string, attempt = 1): Promise<void> {
  await expect.poll(() => queues.state(reaction, 'event-1', attempt), { timeout: 5_000, interval: 5 }).toBe(state);
}

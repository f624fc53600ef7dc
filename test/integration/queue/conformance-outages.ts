import { afterEach, describe, expect, it } from 'vitest';
import { queueName } from '#queue/names';
import { becomes, recorder, someDeploy, type QueueFixture } from './fixture.js';

/** What a backend that forgets or goes away may and may not cause. */
export function outageConformance(fixture: QueueFixture): void {
  it('takes a job anew after the backend lost it', async () => {
    const queues = await fixture.open();
    const deploy = someDeploy();
    queues.add(deploy, 'event-1', 1);
    await becomes(queues, deploy, 'waiting');
    await fixture.backend.wipe();
    expect(await queues.state(deploy, 'event-1', 1)).toBe('missing');
    const { work, taken } = recorder(queues, deploy);
    work();
    queues.add(deploy, 'event-1', 1);
    expect((await taken.first).jobId).toBe('deploy-event-1-1');
  });

  it('lets a job finish though the backend lost it meanwhile', async () => {
    const queues = await fixture.open();
    const deploy = someDeploy();
    const release = Promise.withResolvers<void>();
    const { work, taken } = recorder(queues, deploy);
    work({ concurrency: 1, process: () => release.promise });
    queues.add(deploy, 'event-1', 1);
    await taken.first;
    await fixture.backend.wipe();
    release.resolve();
    queues.add(deploy, 'event-1', 2);
    expect((await taken.reach(2))[1]?.jobId).toBe('deploy-event-1-2');
  });

  describe('while the backend is down', () => {
    afterEach(() => fixture.backend.bringUp());

    it('returns from add at once and reports what was not added', async () => {
      const queues = await fixture.open();
      const [known, fresh] = [someDeploy(), someDeploy()];
      queues.add(known, 'event-1', 1);
      await becomes(queues, known, 'waiting');
      await fixture.backend.takeDown();
      const started = performance.now();
      for (const deploy of [known, fresh]) queues.add(deploy, 'event-1', 2);
      expect(performance.now() - started).toBeLessThan(50);
      const notAdded = () => fixture.failures.filter(({ operation }) => operation === 'add').map(({ queue }) => queue);
      const both = [queueName(known), queueName(fresh)];
      await expect.poll(() => notAdded().sort(), { timeout: 10_000 }).toEqual(both.sort());
      expect(await queues.state(known, 'event-1', 1)).toBe('unknown');
      expect(await queues.counts(queueName(known))).toBeNull();
    });

    it('closes all the same', async () => {
      const queues = await fixture.open();
      const deploy = someDeploy();
      const { work, taken } = recorder(queues, deploy);
      const handle = work();
      queues.add(deploy, 'event-1', 1);
      await taken.first;
      await fixture.backend.takeDown();
      const started = performance.now();
      await handle.close(500);
      await queues.close();
      expect(performance.now() - started).toBeLessThan(8_000);
    });

    it('goes on when it is back: jobs at work, queues known and new', async () => {
      const queues = await fixture.open();
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
      await fixture.backend.takeDown();
      await expect.poll(() => queues.counts(queueName(known)), { timeout: 10_000 }).toBeNull();
      await fixture.backend.bringUp();
      await expect.poll(() => queues.counts(queueName(fresh)), { timeout: 10_000 }).not.toBeNull();
      release.resolve();
      queues.add(fresh, 'event-2', 1);
      queues.add(known, 'event-3', 1);
      expect((await idle.taken.first).jobId).toBe('deploy-event-2-1');
      await expect.poll(() => taken.all().map((item) => item.jobId), { timeout: 15_000 }).toContain('deploy-event-3-1');
      expect(isAborted).toBe(false);
    });
  });
}

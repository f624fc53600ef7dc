import { expect, it } from 'vitest';
import { becomes, recorder, someDeploy, type QueueFixture } from './fixture.js';

/** How a worker stops. */
export function closingConformance(fixture: QueueFixture): void {
  it('leaves jobs alone once paused, also the one it was about to take', async () => {
    const queues = await fixture.open();
    const deploy = someDeploy();
    const paused = recorder(queues, deploy);
    const handle = paused.work();
    queues.add(deploy, 'event-1', 1);
    await paused.taken.first;
    handle.pause();
    queues.add(deploy, 'event-1', 2);
    await becomes(queues, deploy, 'waiting', 2);
    const other = recorder(await fixture.open(), deploy);
    other.work();
    expect((await other.taken.first).jobId).toBe('deploy-event-1-2');
    expect(paused.taken.all()).toHaveLength(1);
  });

  it('closes when the jobs at work are done', async () => {
    const queues = await fixture.open();
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
    const queues = await fixture.open();
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
    const next = recorder(await fixture.open(), deploy);
    next.work();
    queues.add(deploy, 'event-1', 2);
    expect((await next.taken.first).jobId).toBe('deploy-event-1-2');
  });
}

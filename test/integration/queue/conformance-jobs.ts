import { expect, it } from 'vitest';
import { jobId, queueName } from '#queue/names';
import { becomes, recorder, someDeploy, type QueueFixture } from './fixture.js';

/** What becomes of a job. */
export function jobConformance(fixture: QueueFixture): void {
  it('hands the reaction and the subject to a worker, then forgets the job', async () => {
    const queues = await fixture.open();
    const deploy = someDeploy();
    const { work, taken } = recorder(queues, deploy);
    work();
    queues.add(deploy, 'event-1', 1);
    expect(await taken.first).toEqual({ name: 'deploy', id: deploy.subjectId, jobId: 'deploy-event-1-1' });
    await becomes(queues, deploy, 'missing');
    expect(await queues.counts(queueName(deploy))).toEqual({ waiting: 0, delayed: 0, active: 0 });
    expect(fixture.failures).toEqual([]);
  });

  it('gives teardowns of a node to the workers of its deploys, by name', async () => {
    const queues = await fixture.open();
    const deploy = someDeploy();
    const { work, taken } = recorder(queues, deploy);
    work();
    queues.add({ ...deploy, name: 'teardown' }, 'event-1', 1);
    expect((await taken.first).name).toBe('teardown');
  });

  it('reports a deploy that names no node, and throws nothing', async () => {
    const queues = await fixture.open();
    queues.add({ ...someDeploy(), node: null }, 'event-1', 1);
    await expect.poll(() => fixture.failures).toMatchObject([{ operation: 'add', jobId: 'deploy-event-1-1' }]);
  });

  it('keeps nothing in a job but the id of the subject', async () => {
    const queues = await fixture.open();
    const deploy = someDeploy();
    queues.add(deploy, 'event-1', 1);
    await becomes(queues, deploy, 'waiting');
    const stored = await fixture.backend.storedData(queueName(deploy), jobId('deploy', 'event-1', 1));
    expect(JSON.parse(stored)).toEqual({ id: deploy.subjectId });
  });

  it('holds a job once, however often it is added while it waits', async () => {
    const producer = await fixture.open();
    const deploy = someDeploy();
    producer.add(deploy, 'event-1', 1);
    producer.add(deploy, 'event-1', 1);
    producer.add(deploy, 'event-1', 2);
    await producer.close();
    const queues = await fixture.open();
    expect(await queues.counts(queueName(deploy))).toMatchObject({ waiting: 2 });
  });

  it('runs a job again when it is added again after it was done', async () => {
    const queues = await fixture.open();
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
    const queues = await fixture.open();
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
    const queues = await fixture.open();
    const deploy = someDeploy();
    const { work, taken } = recorder(queues, deploy);
    const boom = new Error('boom');
    work({
      concurrency: 1,
      process: (item) => (item.jobId.endsWith('-1') ? Promise.reject(boom) : Promise.resolve()),
    });
    queues.add(deploy, 'event-1', 1);
    queues.add(deploy, 'event-1', 2);
    await taken.reach(2);
    await becomes(queues, deploy, 'missing');
    expect(fixture.failures).toEqual([
      { operation: 'process', queue: queueName(deploy), jobId: 'deploy-event-1-1', error: boom },
    ]);
  });

  it('tells where a job is', async () => {
    const queues = await fixture.open();
    const deploy = someDeploy();
    expect(await queues.state(deploy, 'event-1', 1)).toBe('missing');
    queues.add(deploy, 'event-1', 1);
    await becomes(queues, deploy, 'waiting');
    await fixture.backend.addDelayed(queueName(deploy), jobId('deploy', 'event-2', 1));
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
    const queues = await fixture.open();
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
    const [one, two] = [await fixture.open(), await fixture.open()];
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
    const queues = await fixture.open();
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
}

import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { deployment } from '#domain/deployment';
import { onNew } from '#store/operation';
import { createDeployWorker, type DeployWorker } from '../../../apps/deploy-worker/src/create-worker.js';
import { sweepOnce } from '../../../apps/deploy-worker/src/sweep.js';
import { crateSource, type CrateSource } from '../../support/crate.js';
import { startRedis, type RunningRedis } from '../../support/redis.js';
import { until } from '../../support/until.js';
import { startFanOut, type Bound, type FanOut } from '../fan-out/fixture.js';

let redis: RunningRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.url).on('error', () => undefined);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

let source: CrateSource;
let fanOut: FanOut;
let workers: DeployWorker[];
let hold: Promise<void>;
let letGo: () => void;
beforeEach(async () => {
  await client.flushall();
  ({ promise: hold, resolve: letGo } = Promise.withResolvers<void>());
  workers = [];
});
afterEach(async () => {
  letGo();
  await Promise.all(workers.map((worker) => worker.stop()));
  await fanOut.close();
});

async function start(options: { enqueues?: boolean; ship?: () => Promise<void> } = {}) {
  source = crateSource({ ship: options.ship });
  fanOut = await startFanOut({ source, redisUrl: redis.url, leaseMs: 1_000, enqueues: options.enqueues });
}

function work(changes: Partial<FanOut['deps']> = {}): void {
  const worker = createDeployWorker({ ...fanOut.deps, ...changes });
  workers.push(worker);
  worker.start();
}

const settled = (id: string) =>
  until(async () => (await fanOut.delivery(id)).status === 'settled', `delivery ${id} to settle`, 15_000);
const sweep = (attempts = new Map<string, number>()) => sweepOnce(fanOut.deps, attempts);
const keys = async () =>
  (await client.keys('bull:*')).filter((key) => /:(fan-out|deploy|teardown)-\d+-\d+$/.test(key)).sort();
/** Old enough for the sweep. */
const aged = () =>
  until(
    async () =>
      (
        await fanOut.rows(
          `select 1 where (select max(occurred_at) from log.event) < now() - interval '250 milliseconds'`,
        )
      ).length > 0,
    'the events to age',
    5_000,
  );

async function exactlyOnce(bound: readonly Bound[], times = 1): Promise<void> {
  expect([...source.shipped].sort()).toEqual(
    bound.flatMap(({ name }) => Array.from({ length: times }, () => name)).sort(),
  );
  expect(await fanOut.rows('select id from view.deployment where is_unfinished')).toEqual([]);
}

async function request({ workloadId, name }: Bound): Promise<string> {
  const id = uuidv7();
  const release = {
    artifact: { kind: 'crate', repository: 'depot.test/crate', tag: 'main', digest: null },
    config: { image: 'depot.test/crate' },
    faces: [],
    env: {},
  };
  const about = {
    id,
    workloadId,
    workloadName: name,
    sourceKind: 'crate',
    node: 'default',
    reason: 'manual',
    note: null,
    bindingId: null,
    deliveryId: null,
  } as const;
  await fanOut.store.commit([onNew(deployment, id, { type: 'RequestDeployment', request: { ...about, release } })], {
    actor: 'system:test',
    correlationId: id,
  });
  return id;
}

describe('nothing is lost', () => {
  it('by a FLUSHALL while deliveries wait for a worker', async () => {
    await start();
    const triggers = await Promise.all(Array.from({ length: 5 }, () => fanOut.trigger()));
    const bound = (await Promise.all(triggers.map((id) => fanOut.bindAll(id, [{}, {}])))).flat();
    const ids = await Promise.all(triggers.map((id) => fanOut.deliver(id)));
    await until(async () => (await keys()).length === 5, 'the jobs to be in', 5_000);
    await client.flushall();
    expect(await keys()).toEqual([]);
    work();
    await Promise.all(ids.map(settled));
    await exactlyOnce(bound);
  });

  it('by a FLUSHALL while a worker is in the midst of them', async () => {
    let arrived = 0;
    await start({ ship: () => ((arrived += 1), hold) });
    const triggerId = await fanOut.trigger();
    const bound = await fanOut.bindAll(
      triggerId,
      Array.from({ length: 12 }, () => ({})),
    );
    await fanOut.set({ maxTriggerFanOutConcurrency: 100 });
    work({ concurrency: 3 });
    const id = await fanOut.deliver(triggerId);
    await until(async () => arrived === 3, 'three to be at work', 10_000);
    await client.flushall();
    letGo();
    await settled(id);
    await exactlyOnce(bound);
  });

  it('by a crash between commit and enqueue: a job that never was', async () => {
    await start({ enqueues: false });
    const triggerId = await fanOut.trigger();
    const bound = await fanOut.bindAll(triggerId, [{}, {}, {}]);
    const id = await fanOut.deliver(triggerId);
    work();
    await settled(id);
    await exactlyOnce(bound);
  });

  it('by a Redis that is killed and comes back empty', async () => {
    let arrived = 0;
    await start({ ship: () => ((arrived += 1), hold) });
    const triggerId = await fanOut.trigger();
    const bound = await fanOut.bindAll(triggerId, [{}, {}, {}, {}]);
    work({ concurrency: 2 });
    const first = await fanOut.deliver(triggerId);
    await until(async () => arrived === 2, 'two to be at work', 10_000);
    await redis.restart();
    letGo();
    await settled(first);
    await exactlyOnce(bound);
  });

  it('by a worker that took the job and died: nobody waits for the stall check', async () => {
    await start();
    const triggerId = await fanOut.trigger();
    const bound = await fanOut.bindAll(triggerId, [{}]);
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    // Holds the job, as a killed process would, but has no lease.
    const dead = fanOut.deps.queues.work({ queue: 'fan-out', concurrency: 1, process: () => (take(), hold) });
    const id = await fanOut.deliver(triggerId);
    await taken;
    dead.pause();
    const began = performance.now();
    work();
    await settled(id);
    expect(performance.now() - began).toBeLessThan(5_000);
    await exactlyOnce(bound);
    letGo();
    await dead.close(1_000);
  });

  it('of what was deleted: the teardown is done too', async () => {
    await start({ enqueues: false });
    const triggerId = await fanOut.trigger();
    const [bound] = await fanOut.bindAll(triggerId, [{}]);
    await fanOut.change(bound!.workloadId, { type: 'DeleteWorkload', children: [] });
    work();
    await until(async () => source.shipped.includes(`gone ${bound!.name}`), 'the teardown', 10_000);
    await until(
      async () =>
        (await fanOut.rows(`select 1 from view.workload where id = $1 and lifecycle = 'deleting'`, [bound!.workloadId]))
          .length === 0,
      'the workload to be gone',
      5_000,
    );
  });
});

describe('a sweep', () => {
  it('brings a lost job back under the same id, and once', async () => {
    await start();
    const [bound] = await fanOut.bindAll(await fanOut.trigger(), [{}]);
    await request(bound!);
    await until(async () => (await keys()).length === 1, 'the job to be in', 5_000);
    const [lost] = await keys();
    await client.flushall();
    await aged();
    expect(await sweep()).toBe(1);
    await until(async () => (await keys()).length === 1, 'the job to be back', 5_000);
    expect(await keys()).toEqual([lost]);
    expect(await sweep()).toBe(0);
    expect(lost).toMatch(/^bull:deploy-default:deploy-\d+-0$/);
  });

  it('leaves alone what is young, held, not due or over the limit of its delivery', async () => {
    await start({ enqueues: false });
    const triggerId = await fanOut.trigger();
    const [a, b] = await fanOut.bindAll(triggerId, [{}, {}]);
    const young = await request(a!);
    expect(await sweepOnce({ ...fanOut.deps, lease: { ...fanOut.deps.lease, sweepMs: 600_000 } }, new Map())).toBe(0);
    await aged();
    const epoch = (await fanOut.store.leases.acquire({
      subject: `workload-${a!.workloadId}`,
      owner: 'another',
      ttlMs: 60_000,
    }))!;
    expect(await sweep()).toBe(0);
    await fanOut.store.leases.release({ subject: `workload-${a!.workloadId}`, epoch });
    await fanOut.rows(`update view.deployment set retry_at = now() + interval '1 hour' where id = $1`, [young]);
    expect(await sweep()).toBe(0);
    await fanOut.rows('update view.deployment set retry_at = now() where id = $1', [young]);
    const delivery = randomUUID();
    await fanOut.rows('update view.deployment set delivery_id = $2, binding_id = $3 where id = $1', [
      young,
      delivery,
      randomUUID(),
    ]);
    const busy = await request(b!);
    await fanOut.rows(
      `update view.deployment set delivery_id = $2, binding_id = $3, status = 'running', retry_at = now() + interval '1 hour' where id = $1`,
      [busy, delivery, randomUUID()],
    );
    await fanOut.set({ maxTriggerFanOutConcurrency: 1 });
    expect(await sweep()).toBe(0);
    await fanOut.set({ maxTriggerFanOutConcurrency: 2 });
    expect(await sweep()).toBe(1);
  });

  it('serves its own node only', async () => {
    await start({ enqueues: false });
    const [bound] = await fanOut.bindAll(await fanOut.trigger(), [{}]);
    await request(bound!);
    await aged();
    expect(await sweepOnce({ ...fanOut.deps, node: 'elsewhere' }, new Map())).toBe(0);
    expect(await sweep()).toBe(1);
  });

  it('does nothing while Redis cannot be asked, and goes on afterwards', async () => {
    await start({ enqueues: false });
    const [bound] = await fanOut.bindAll(await fanOut.trigger(), [{}]);
    await request(bound!);
    await aged();
    await redis.kill();
    expect(await sweep()).toBe(0);
    await redis.restart();
    await until(async () => (await sweep()) === 1, 'the sweep to go on', 10_000);
  });
});

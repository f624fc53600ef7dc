import { Redis } from 'ioredis';
import type { Fault } from '../fault.js';
import { expectThat } from '../fault.js';
import { busy, nextVersion, pause, succeeds } from '../deploys.js';
import { ROLES, WORKERS } from '../../support/world/processes.js';
import type { World } from '../../support/world/world.js';

async function withRedis<T>({ redis }: World, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redis.url);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

const killed: Fault = {
  name: 'Redis killed, all jobs lost',
  rows: [17, 21],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    await pause(random.between(0, 1_000));
    await world.redis.kill();
    await pause(random.between(0, 2_000));
    await world.redis.restart();
    await seeThrough();
  },
};

const flushed: Fault = {
  name: 'FLUSHALL',
  rows: [18],
  async run(stage) {
    const { world, workload, random } = stage;
    const id = await world.deploy(workload, nextVersion(stage));
    await pause(random.between(0, 600));
    await withRedis(world, (client) => client.flushall());
    await succeeds(world, id);
  },
};

const full: Fault = {
  name: 'Redis out of memory',
  rows: [19],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    await withRedis(world, (client) => client.config('SET', 'maxmemory', '1'));
    const seeThrough = await busy(stage);
    await pause(random.between(500, 2_000));
    await withRedis(world, (client) => client.config('SET', 'maxmemory', '0'));
    await seeThrough();
  },
};

const evicting: Fault = {
  name: 'a Redis that evicts is refused at boot',
  rows: [19],
  isAlone: true,
  async run({ world }) {
    const set = (memory: string, policy: string) =>
      withRedis(world, async (client) => {
        await client.config('SET', 'maxmemory', memory);
        await client.config('SET', 'maxmemory-policy', policy);
      });
    await set('100mb', 'allkeys-lru');
    try {
      const { code, output } = await world.processes.once('worker-1', {});
      expectThat(code !== 0, 'a worker started on it');
      expectThat(output.includes('noeviction'), `it did not say what to do: ${output.slice(-300)}`);
    } finally {
      await set('0', 'noeviction');
    }
  },
};

const partition: Fault = {
  name: 'a worker cut off from Redis',
  rows: [22],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    const link = world.links[random.pick(WORKERS)].redis;
    link.hang();
    await pause(random.between(500, 3_000));
    if (random.next() < 0.5) link.sever();
    link.heal();
    await seeThrough();
  },
};

/** Asking does not wait for the queue, and the sweep finds what it never heard of. */
const awayAtEnqueue: Fault = {
  name: 'Redis away when a deploy is asked for',
  rows: [20],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const how = random.pick(['hang', 'refuse'] as const);
    for (const role of ROLES) world.links[role].redis[how]();
    const asked = busy(stage);
    const inTime = await Promise.race([asked.then(() => true), pause(8_000).then(() => false)]);
    for (const role of ROLES) world.links[role].redis.heal();
    expectThat(inTime, 'asking for a deploy waited for Redis');
    await (
      await asked
    )();
  },
};

const ANCIENT = 2_000;

const backlog: Fault = {
  name: 'a long queue of jobs for nobody',
  rows: [50],
  isAlone: true,
  async run(stage) {
    const { world } = stage;
    const { Queue } = await import('bullmq');
    const queue = new Queue('deploy-default', { connection: { url: world.redis.url } });
    const jobs = Array.from({ length: ANCIENT }, (_, index) => ({
      name: 'deploy',
      data: { id: '00000000-0000-7000-8000-000000000000' },
      opts: { jobId: `deploy-9${index}-0`, removeOnComplete: true, removeOnFail: true },
    }));
    await queue.addBulk(jobs);
    await queue.close();
    const push = await world.deliveries.push('a');
    await world.deliveries.deliver(push);
    await (
      await busy(stage, 2)
    )();
  },
};

export const redis: readonly Fault[] = [killed, flushed, full, evicting, partition, awayAtEnqueue, backlog];

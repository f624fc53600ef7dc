import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { createQueues } from '#queue/queues';
import { startRedis, type RunningRedis } from '../../support/redis.js';
import { queueConformance } from './conformance.js';
import type { BackendUnderTest } from './fixture.js';

queueConformance('Redis', redisUnderTest);

describe('a Redis unfit for the queue', () => {
  let redis: RunningRedis | undefined;
  afterEach(() => redis?.stop());

  const open = (redisUrl: string) => createQueues({ databaseUrl: '', redisUrl, onError: () => undefined });

  it.each([
    [['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'], 'redis-evicts'],
    [['--maxmemory', '64mb', '--maxmemory-policy', 'volatile-ttl'], 'redis-evicts'],
  ])('is refused with %j', async (settings, code) => {
    redis = await startRedis(settings);
    await expect(open(redis.url)).rejects.toMatchObject({ code, failureClass: 'operator' });
  });

  it.each([[['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction']], [['--maxmemory-policy', 'allkeys-lru']]])(
    'is not one with %j',
    async (settings) => {
      redis = await startRedis(settings);
      const queues = await open(redis.url);
      expect(await queues.counts('fan-out')).toEqual({ waiting: 0, delayed: 0, active: 0 });
      await queues.close();
    },
  );

  it('is refused when it is not there, without naming its password', async () => {
    redis = await startRedis();
    await redis.kill();
    const url = redis.url.replace('redis://', 'redis://:hunter2@');
    const refusal: unknown = await open(url).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'redis-unreachable', failureClass: 'operator' });
    expect(String(refusal)).not.toContain('hunter2');
  });
});

async function redisUnderTest(): Promise<BackendUnderTest> {
  const redis = await startRedis();
  const client = new Redis(redis.url).on('error', () => undefined);
  let isUp = true;
  return {
    databaseUrl: '',
    redisUrl: redis.url,
    async takeDown() {
      isUp = false;
      await redis.kill();
    },
    async bringUp() {
      if (!isUp) await redis.restart();
      isUp = true;
    },
    async wipe() {
      await client.flushall();
    },
    async addDelayed(name, jobId) {
      const queue = new Queue(name, { connection: { url: redis.url } });
      await queue.add('deploy', { id: 'later' }, { jobId, delay: 3_600_000 });
      await queue.close();
    },
    storedData: async (name, jobId) => String(await client.hget(`bull:${name}:${jobId}`, 'data')),
    async stop() {
      client.disconnect();
      await redis.stop();
    },
  };
}

import { createRedisBackend } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { TerminalError } from '#domain/errors';
import type { OnConnectionError, QueueBackend } from './backend.js';
import { TIMED_OUT, within } from './within.js';

const CONNECT_MS = 5_000;

const COMMON: RedisOptions = {
  lazyConnect: true,
  connectTimeout: CONNECT_MS,
  keepAlive: 10_000,
  retryStrategy: (times) => Math.min(times * 100, 1_000),
};

/** Fails at once while Redis is away: a producer has nobody who could wait. */
const PRODUCER: RedisOptions = {
  ...COMMON,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  commandTimeout: 2_000,
  maxRetriesPerRequest: 0,
};

/** Waits as long as Redis is away. BullMQ adds a blocking connection per worker, with these same options. */
const WORKER: RedisOptions = { ...COMMON, maxRetriesPerRequest: null };

/** Two shared connections; throws TerminalError when Redis cannot be reached or would evict jobs. */
export async function connectRedis(redisUrl: string, onError: OnConnectionError): Promise<QueueBackend> {
  const producer = open(redisUrl, PRODUCER, onError);
  const worker = open(redisUrl, WORKER, onError);
  const disconnect = () => [producer, worker].forEach((client) => client.disconnect());
  try {
    await connectAll([producer, worker]);
    await requireNoEviction(producer);
  } catch (error) {
    disconnect();
    throw error;
  }
  return {
    factory: (name, options, kind) =>
      createRedisBackend(name, { ...options, connection: kind?.withBlockingConnection ? worker : producer }, kind),
    isUp: () => producer.status === 'ready',
    close: async () => disconnect(),
  };
}

function open(redisUrl: string, options: RedisOptions, onError: OnConnectionError): Redis {
  const client = new Redis(redisUrl, options);
  client.setMaxListeners(0);
  return client.on('error', onError);
}

async function connectAll(clients: readonly Redis[]): Promise<void> {
  const reason = await within(CONNECT_MS, Promise.all(clients.map((client) => client.connect()))).then(
    (result) => (result === TIMED_OUT ? `no answer in ${CONNECT_MS / 1_000} s` : null),
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  if (reason === null) return;
  throw new TerminalError(
    'redis-unreachable',
    `Redis cannot be reached (${reason}). Start it or correct REDIS_URL; without REDIS_URL the queue lives in Postgres.`,
    'operator',
  );
}

/** Redis under memory pressure may drop any key, and with it half a queue, unless told not to. */
async function requireNoEviction(client: Redis): Promise<void> {
  const memory = await client.info('memory');
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(memory)?.[1] ?? '';
  const policy = field('maxmemory_policy');
  if (['', '0'].includes(field('maxmemory')) || policy === 'noeviction') return;
  throw new TerminalError(
    'redis-evicts',
    `Redis has maxmemory set and the policy ${policy}, so it would throw away jobs when memory runs short. ` +
      'Set "maxmemory-policy noeviction" in its configuration and start again.',
    'operator',
  );
}

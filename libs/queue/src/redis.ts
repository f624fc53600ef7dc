import { createRedisBackend } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { TerminalError } from '#domain/errors';
import type { OnConnectionError, QueueBackend } from './backend.js';
import { TIMED_OUT, within } from './within.js';

const CONNECT_MS = 5_000;

/** What BullMQ recommends at least. */
const OLDEST = { major: 6, minor: 2 };

const COMMON: RedisOptions = {
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

/** Two shared connections; throws TerminalError when Redis cannot be reached, is too old or would evict jobs. */
export async function connectRedis(redisUrl: string, onError: OnConnectionError): Promise<QueueBackend> {
  const producer = open(redisUrl, PRODUCER, onError);
  const worker = open(redisUrl, WORKER, onError);
  const disconnect = () => [producer, worker].forEach((client) => client.disconnect());
  try {
    await connectAll([producer, worker]);
    requireFit(await producer.info());
  } catch (error) {
    disconnect();
    throw error;
  }
  return {
    factory: (name, options, kind) => {
      const connection = kind?.withBlockingConnection ? worker : producer;
      // BullMQ's own check asks once when a worker starts; cut off in that moment, the worker never works.
      return createRedisBackend(name, { ...options, connection, skipVersionCheck: true }, kind);
    },
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
  const reason = await within(CONNECT_MS, Promise.all(clients.map(isReady))).then(
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

function isReady(client: Redis): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('ready', resolve);
    client.once('error', reject);
  });
}

function requireFit(info: string): void {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  requireVersion(field('redis_version'));
  if (!['', '0'].includes(field('maxmemory'))) requireNoEviction(field('maxmemory_policy'));
}

function requireVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return;
  throw new TerminalError(
    'redis-too-old',
    `This Redis is version ${version}; the queue needs ${OLDEST.major}.${OLDEST.minor} or newer. ` +
      'Update it, or remove REDIS_URL to keep the queue in Postgres.',
    'operator',
  );
}

/** Redis under memory pressure drops any key, and with it half a queue, unless told not to. */
function requireNoEviction(policy: string): void {
  if (policy === 'noeviction') return;
  throw new TerminalError(
    'redis-evicts',
    `Redis has maxmemory set and the policy ${policy}, so it would throw away jobs when memory runs short. ` +
      'Set "maxmemory-policy noeviction" in its configuration and start again.',
    'operator',
  );
}

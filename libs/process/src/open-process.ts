import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { enqueueReactions } from '#queue/enqueue-reactions';
import { createQueues, type Queues } from '#queue/queues';
import { readConfig, secretValues, type AppName, type Config, type Env } from '#runtime/config';
import { startEmbeddedPostgres } from '#runtime/embedded-postgres';
import { createHealth, type Health } from '#runtime/health';
import { createHttp, type Http } from '#runtime/http';
import { createLogger, type Logger } from '#runtime/logging';
import { createMetrics } from '#runtime/metrics';
import type { Stoppable } from '#runtime/start';
import { openStore, type OpenStore } from '#store/open-store';
import type { Registry as Metrics } from 'prom-client';

/** What every process is made of, made once in it. */
export interface Parts extends Omit<OpenStore, 'stop'> {
  readonly config: Config;
  /** As it is, the embedded one's too. */
  readonly databaseUrl: string;
  readonly logger: Logger;
  readonly queues: Queues;
  readonly http: Http;
  readonly health: Health;
  readonly metrics: Metrics;
  /** Names this process in leases and events. */
  readonly owner: string;
  /** In the order to stop them in, after the app's own. */
  readonly stoppables: readonly Stoppable[];
}

/** Reads the environment and opens store, queues and the way out. Refuses a bad value, key or schema with what to do. */
export async function openProcess(app: AppName, env: Env = process.env): Promise<Parts> {
  const config = readConfig(env, app);
  const logger = createLogger({ app, level: config.logLevel, secrets: secretValues(config) });
  const mayPrepare = app === 'all-in-one' || app === 'admin';
  const postgres = config.databaseUrl === null ? await startEmbeddedPostgres({ dataDir: config.dataDir }) : null;
  const databaseUrl = config.databaseUrl ?? postgres!.url;
  const { dataDir, masterKey } = config;
  const onError = (error: unknown) => logger.warn({ err: error }, 'The sequencer lost its connection and tries again');
  const opened = await openStore({ databaseUrl, dataDir, masterKey, mayPrepare, applicationName: app, onError });
  const queues = await createQueues({
    databaseUrl,
    redisUrl: config.redisUrl,
    migrate: mayPrepare,
    onError: ({ error, ...where }) =>
      logger.warn({ err: error, ...where }, 'A queue call failed; the sweep makes up for it'),
  });
  opened.store.onCommitted((events) => enqueueReactions(queues, events));
  const http = createHttp();
  const health = createHealth();
  health.add('postgres', async () => void (await opened.store.pool.query('select 1')));
  return {
    ...opened,
    config,
    databaseUrl,
    logger,
    queues,
    http,
    health,
    metrics: createMetrics(app),
    // In containers the process id is 1 in each of them, and they may share the host's name.
    owner: `${app}@${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`,
    stoppables: [
      { name: 'queues', stop: () => queues.close() },
      { name: 'store', stop: () => opened.stop() },
      { name: 'http', stop: () => http.stop() },
      ...(postgres === null ? [] : [{ name: 'postgres', stop: () => postgres.stop() }]),
    ],
  };
}

import { publishEndpoints, type Endpoint } from '#runtime/endpoints';
import { startHealthServer } from '#runtime/health-routes';
import { runUntilSignal, type Stoppable } from '#runtime/start';
import type { Parts } from './open-process.js';

/** Runs an app that answers nothing but its health: until a signal, in a process of its own. */
export async function serveAlone(
  parts: Parts,
  stoppables: readonly Stoppable[],
  endpoints: Readonly<Record<string, Endpoint>> = {},
): Promise<void> {
  const { config, health, metrics, logger } = parts;
  const server = await startHealthServer({ health, metrics, port: config.healthPort, bind: config.bind });
  const published = publishEndpoints(config, { health: server, ...endpoints });
  logger.info({ port: server.port }, 'Started');
  runUntilSignal(
    [
      { name: 'readiness', stop: async () => health.drain() },
      ...stoppables,
      { name: 'health server', stop: () => server.stop() },
      { name: 'endpoints', stop: () => published.stop() },
      ...parts.stoppables,
    ],
    logger,
  );
}

import { openProcess } from '#process/open-process';
import { publishEndpoints } from '#runtime/endpoints';
import { runUntilSignal } from '#runtime/start';
import { startApi } from './start-api.js';

const parts = await openProcess('api');
const { endpoint, stoppable } = await startApi(parts);
const published = publishEndpoints(parts.config, { api: endpoint });
parts.logger.info({ port: endpoint.port }, 'Started');
runUntilSignal(
  [
    { name: 'readiness', stop: async () => parts.health.drain() },
    stoppable,
    { name: 'endpoints', stop: () => published.stop() },
    ...parts.stoppables,
  ],
  parts.logger,
);

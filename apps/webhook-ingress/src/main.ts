import { openProcess } from '#process/open-process';
import { publishEndpoints } from '#runtime/endpoints';
import { runUntilSignal } from '#runtime/start';
import { startIngress } from './start-ingress.js';

const parts = await openProcess('webhook-ingress');
const { endpoint, stoppable } = await startIngress(parts);
const published = publishEndpoints(parts.config, { ingress: endpoint });
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

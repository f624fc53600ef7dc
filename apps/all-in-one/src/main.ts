import { createSetupCode } from '../../api/src/access/setup-code.js';
import { startApi } from '../../api/src/start-api.js';
import { startWorker } from '../../deploy-worker/src/start-worker.js';
import { startReconciler } from '../../reconciler/src/start-reconciler.js';
import { startIngress } from '../../webhook-ingress/src/start-ingress.js';
import { openProcess } from '#process/open-process';
import { endpointUrl, publishEndpoints } from '#runtime/endpoints';
import { runUntilSignal } from '#runtime/start';
import { greeting } from './greeting.js';

const parts = await openProcess('all-in-one');
const { config, logger, health } = parts;
const [api, ingress, reconciler] = await Promise.all([startApi(parts), startIngress(parts), startReconciler(parts)]);
const worker = startWorker(parts);
const published = publishEndpoints(config, {
  api: api.endpoint,
  ingress: ingress.endpoint,
  ...(reconciler.proxy ? { proxy: reconciler.proxy } : {}),
});

const apiUrl = config.publicUrl ?? endpointUrl(api.endpoint);
const setupCode = await createSetupCode(parts.store);
const setupLink = setupCode === null ? null : `${apiUrl}/setup#code=${setupCode}`;
const ingressUrl = config.publicIngressUrl ?? endpointUrl(ingress.endpoint);
const missing = (await health.readiness()).checks.filter(({ ok }) => !ok);
process.stdout.write(greeting({ apiUrl, ingressUrl, setupLink, missing }));

runUntilSignal(
  [
    { name: 'readiness', stop: async () => health.drain() },
    ingress.stoppable,
    worker,
    reconciler.stoppable,
    api.stoppable,
    { name: 'endpoints', stop: () => published.stop() },
    ...parts.stoppables,
  ],
  logger,
);

import type { HeldLease } from '#store/held-lease';
import type { ReconcilerDeps } from './create-reconciler.js';
import { startDrift } from './drift/start-drift.js';
import { createEquip } from './equip.js';
import { createKeeper } from './keeper.js';
import type { Work } from './lead.js';
import { startLogs } from './logs/start-logs.js';
import { listRoutes } from './list-routes.js';
import { startStorage } from './storage/start-storage.js';
import { watchCertificates } from './watch-certificates.js';

/** Events after which the routes may be other ones. */
const ROUTE_EVENTS = new Set([
  'DeploymentRequested',
  'DeploymentStarted',
  'DeploymentSucceeded',
  'DeploymentFailed',
  'WorkloadCreated',
  'WorkloadTornDown',
  'SettingsChanged',
]);

/** What one process per node does: keeps its proxy, keeps its workloads as they should be, stores what they say. */
export async function startWorkOfNode(deps: ReconcilerDeps, held: HeldLease): Promise<Work> {
  const { store, secrets, sources, proxy, proxyIo, proxyPorts, node, logger } = deps;
  const keeper = createKeeper({
    listRoutes: () => listRoutes(store.pool, node, sources),
    proxy,
    io: proxyIo,
    equip: createEquip({ store, secrets, logger, node, ports: proxyPorts }),
    assertMine: () => held.assert(),
    onError: onceEach((error) =>
      logger.warn({ err: error }, 'The proxy could not be brought up to date; it is tried again'),
    ),
  });
  const stopListening = store.onCommitted((events) => {
    if (events.some(({ type }) => ROUTE_EVENTS.has(type))) keeper.poke();
  });
  await keeper.start();
  const drift = startDrift({ ...deps, routesDirectory: proxyIo.routesDirectory });
  const logs = startLogs({ ...deps, held });
  const storage = startStorage(deps);
  const certificates = watchCertificates({ store, node, bind: proxyIo.bind, logger });
  return {
    async stop() {
      stopListening();
      await Promise.all([keeper, drift, logs, storage, certificates].map((work) => work.stop()));
    },
  };
}

/** The keeper tries every second: the same trouble is told once. */
function onceEach(report: (error: unknown) => void): (error: unknown) => void {
  let told = '';
  return (error) => {
    const message = String(error);
    if (message !== told) report(error);
    told = message;
  };
}

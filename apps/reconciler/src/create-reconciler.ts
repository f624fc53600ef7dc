import type { Pool } from 'pg';
import type { Docker } from '#docker/docker';
import type { Proxy, ProxyIo, Source } from '#plugins/source';
import type { Logger } from '#runtime/logging';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import { createEquip, type ProxyPorts } from './equip.js';
import { startDrift } from './drift/start-drift.js';
import { createKeeper } from './keeper.js';
import { lead } from './lead.js';
import { listRoutes } from './list-routes.js';
import { createTidy } from './tidy.js';

export interface ReconcilerDeps {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly sources: readonly Source[];
  readonly proxy: Proxy;
  readonly proxyIo: ProxyIo;
  readonly proxyPorts: () => Promise<ProxyPorts>;
  readonly docker: Docker;
  readonly node: string;
  /** Names this process in leases. */
  readonly owner: string;
  readonly installation: string;
  readonly observeMs: number;
  readonly leaseMs: number;
  readonly logger: Logger;
}

export interface Reconciler {
  start(): Promise<void>;
  stop(): Promise<void>;
}

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

/** Keeps the proxy of its node as the views want it, and throws away what has expired. */
export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { store, secrets, sources, proxy, proxyIo, proxyPorts, node, logger } = deps;
  const keeper = createKeeper({
    listRoutes: () => listRoutes(store.pool, node, sources),
    proxy,
    io: proxyIo,
    equip: createEquip({ store, secrets, logger, node, ports: proxyPorts }),
    lock: (run) => whileKeeper(store.pool, node, run),
    onError: onceEach((error) =>
      logger.warn({ err: error }, 'The proxy could not be brought up to date; it is tried again'),
    ),
  });
  const tidy = createTidy(store, logger);
  let stopListening = () => {};
  let stopLeading = async () => {};
  return {
    async start() {
      stopListening = store.onCommitted((events) => {
        if (events.some(({ type }) => ROUTE_EVENTS.has(type))) keeper.poke();
      });
      await keeper.start();
      tidy.start();
      const { routesDirectory } = proxyIo;
      stopLeading = lead({
        leases: store.leases,
        subject: `drift-${node}`,
        owner: deps.owner,
        leaseMs: deps.leaseMs,
        start: () => startDrift({ ...deps, routesDirectory }),
      });
    },
    async stop() {
      stopListening();
      await Promise.all([keeper.stop(), tidy.stop(), stopLeading()]);
    },
  };
}

/** One keeper per node at a time; the lock goes with its connection. */
async function whileKeeper<T>(pool: Pool, node: string, run: () => Promise<T>): Promise<T | null> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ mine: boolean }>(
      'select pg_try_advisory_xact_lock(9, hashtext($1)) as mine',
      [node],
    );
    const result = rows[0]?.mine ? await run() : null;
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
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

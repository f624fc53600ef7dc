import { join } from 'node:path';
import { PROXIES } from '#plugins/proxies/proxies';
import { SOURCES } from '#plugins/sources/sources';
import type { Source } from '#plugins/source';
import type { Parts } from '#process/open-process';
import { openCaddy } from '#runtime/caddy-process';
import type { Stoppable } from '#runtime/start';
import { createReconciler } from './create-reconciler.js';

/** Keeps the proxy of its node. The proxy itself goes on when this stops. */
export async function startReconciler(parts: Parts, sources: readonly Source[] = SOURCES): Promise<Stoppable> {
  const { config, health, logger, store } = parts;
  const proxy = PROXIES.find(({ kind }) => kind === config.proxy.kind);
  if (proxy === undefined) throw new Error(`This release has no proxy ${config.proxy.kind}. Set TINYFORGE_PROXY to caddy or none.`);
  const { bind, httpPort, httpsPort } = config.proxy;
  const caddy = proxy.kind === 'caddy' ? openCaddy({ dataDir: config.dataDir, proxy: config.proxy, logger }) : null;
  if (caddy !== null) health.add('proxy', async () => void (await caddy.admin('GET', '/config/')));
  const admin = caddy === null ? async () => null : caddy.admin;
  const proxyIo = { routesDirectory: join(config.dataDir, 'routes'), bind, httpPort, httpsPort, admin };
  const reconciler = createReconciler({ store, sources, proxy, proxyIo, node: config.node, logger });
  await reconciler.start();
  return { name: 'reconciler', stop: () => reconciler.stop() };
}

import { join } from 'node:path';
import { createDocker } from '#docker/connect';
import { PROXIES } from '#plugins/proxies/proxies';
import type { Proxy, ProxyIo, Source } from '#plugins/source';
import { SOURCES } from '#plugins/sources/sources';
import type { Parts } from '#process/open-process';
import { openCaddy } from '#runtime/caddy-process';
import type { Endpoint } from '#runtime/endpoints';
import type { Stoppable } from '#runtime/start';
import { createReconciler } from './create-reconciler.js';

export interface StartedReconciler {
  readonly stoppable: Stoppable;
  /** Where the faces answer; null without a proxy. */
  readonly proxy: Endpoint | null;
}

/** Keeps the proxy of its node, and its workloads as they should be. The proxy itself goes on when this stops. */
export async function startReconciler(parts: Parts, sources: readonly Source[] = SOURCES): Promise<StartedReconciler> {
  const { config } = parts;
  const proxy = PROXIES.find(({ kind }) => kind === config.proxy.kind);
  if (proxy === undefined) {
    throw new Error(`This release has no proxy ${config.proxy.kind}. Set TINYFORGE_PROXY to caddy or none.`);
  }
  const proxyIo = await openProxy(parts, proxy);
  const reconciler = createReconciler({
    ...parts,
    sources,
    proxy,
    proxyIo,
    docker: createDocker({ host: config.dockerHost }),
    node: config.node,
    observeMs: config.observeMs,
    leaseMs: config.lease.leaseMs,
  });
  await reconciler.start();
  return {
    stoppable: { name: 'reconciler', stop: () => reconciler.stop() },
    proxy: proxy.kind === 'none' ? null : { host: proxyIo.bind, port: proxyIo.httpPort },
  };
}

async function openProxy({ config, health, logger }: Parts, proxy: Proxy): Promise<ProxyIo> {
  const { bind, httpPort, httpsPort } = config.proxy;
  const nothingYet = { issuer: 'internal', reveal: () => null };
  const fixed = { routesDirectory: join(config.dataDir, 'routes'), bind, files: NO_FILES, ...nothingYet };
  if (proxy.kind !== 'caddy') return { ...fixed, httpPort, httpsPort, admin: async () => null };
  const caddy = openCaddy({ dataDir: config.dataDir, proxy: config.proxy, logger });
  health.add('proxy', async () => void (await caddy.admin('GET', '/config/')));
  // A Caddy that cannot be started is told by /readyz; the keeper goes on trying.
  const ports = await caddy.ports().catch(() => ({ httpPort, httpsPort }));
  return { ...fixed, ...ports, admin: (method, path, body) => caddy.admin(method, path, body) };
}

const NO_FILES: ProxyIo['files'] = {
  list: async () => [],
  read: async () => '',
  write: async () => undefined,
  remove: async () => undefined,
};

import { join } from 'node:path';
import type { Proxy, ProxyIo } from '#plugins/source';
import type { Parts } from '#process/open-process';
import { openCaddy } from '#runtime/caddy-process';
import { proxyFiles } from '#runtime/proxy-files';
import type { ProxyPorts } from './equip.js';

export interface OpenedProxy {
  readonly io: ProxyIo;
  /** Throws while the proxy cannot be started. */
  readonly ports: () => Promise<ProxyPorts>;
}

/** Our Caddy is started with the first question for its ports; any other proxy is somebody else's to run. */
export async function openProxy({ config, health, logger }: Parts, proxy: Proxy): Promise<OpenedProxy> {
  const { bind, httpPort, httpsPort, traefikDir } = config.proxy;
  const given: ProxyIo = {
    routesDirectory: join(config.dataDir, 'routes'),
    bind,
    httpPort,
    httpsPort,
    issuer: 'internal',
    admin: async () => null,
    reveal: () => null,
    files: proxyFiles(traefikDir ?? join(config.dataDir, 'proxy')),
  };
  if (proxy.kind !== 'caddy') return { io: given, ports: async () => ({ httpPort, httpsPort }) };
  const caddy = openCaddy({ dataDir: config.dataDir, proxy: config.proxy, logger });
  health.add('proxy', async () => void (await caddy.admin('GET', '/config/')));
  // A Caddy that cannot be started is told by /readyz; the keeper goes on trying.
  const found = await caddy.ports().catch(() => ({ httpPort, httpsPort }));
  const io: ProxyIo = { ...given, ...found, admin: (method, path, body) => caddy.admin(method, path, body) };
  return { io, ports: () => caddy.ports() };
}

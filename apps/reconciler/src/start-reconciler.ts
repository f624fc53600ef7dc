import { createDocker } from '#docker/connect';
import { PROXIES } from '#plugins/proxies/proxies';
import type { Source } from '#plugins/source';
import { SOURCES } from '#plugins/sources/sources';
import { TRIGGERS } from '#plugins/triggers/triggers';
import type { Parts } from '#process/open-process';
import { startHeartbeat } from '#process/start-heartbeat';
import type { Endpoint } from '#runtime/endpoints';
import type { Stoppable } from '#runtime/start';
import { createReconciler } from './create-reconciler.js';
import { openProxy } from './open-proxy.js';

export interface StartedReconciler {
  readonly stoppable: Stoppable;
  /** Where the faces answer; null without a proxy. */
  readonly proxy: Endpoint | null;
}

/** Keeps the proxy of its node, and its workloads as they should be. The proxy itself goes on when this stops. */
export async function startReconciler(parts: Parts, sources: readonly Source[] = SOURCES): Promise<StartedReconciler> {
  const { config, health } = parts;
  const proxy = PROXIES.find(({ kind }) => kind === config.proxy.kind);
  if (proxy === undefined) throw new Error(`This release has no proxy ${config.proxy.kind}.`);
  const docker = createDocker({ host: config.dockerHost });
  const { io: proxyIo, ports: proxyPorts } = await openProxy(parts, proxy);
  const reconciler = createReconciler({
    ...parts,
    sources,
    triggers: TRIGGERS,
    proxy,
    proxyIo,
    proxyPorts,
    docker,
    node: config.node,
    observeMs: config.observeMs,
    lease: config.lease,
  });
  health.add('leader', async () => reconciler.status());
  const heartbeat = startHeartbeat(parts, { role: 'reconciler', ping: (signal) => docker.ping(signal) });
  await reconciler.start();
  const stop = async () => {
    await reconciler.stop();
    await heartbeat.stop();
  };
  return {
    stoppable: { name: 'reconciler', stop },
    proxy: proxy.kind === 'none' ? null : { host: proxyIo.bind, port: proxyIo.httpPort },
  };
}

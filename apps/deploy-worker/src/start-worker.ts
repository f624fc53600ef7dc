import { join } from 'node:path';
import { createDocker } from '#docker/connect';
import { PROXIES } from '#plugins/proxies/proxies';
import { SOURCES } from '#plugins/sources/sources';
import { TRIGGERS } from '#plugins/triggers/triggers';
import type { Source } from '#plugins/source';
import type { Trigger } from '#plugins/trigger';
import type { Parts } from '#process/open-process';
import { startHeartbeat } from '#process/start-heartbeat';
import type { Stoppable } from '#runtime/start';
import { createComposeCli } from './compose-cli.js';
import { createDeployWorker } from './create-worker.js';

/** Deployments that one process runs at a time. */
const CONCURRENCY = 4;

export interface WorkerPlugins {
  readonly sources: readonly Source[];
  readonly triggers: readonly Trigger[];
}

/** Serves the queues of its node. Tests and benches bring plugins of their own. */
export function startWorker(
  parts: Parts,
  plugins: WorkerPlugins = { sources: SOURCES, triggers: TRIGGERS },
): Stoppable {
  const { config, health } = parts;
  const docker = createDocker({ host: config.dockerHost });
  health.add('docker', async (signal) => {
    const { version } = await docker.ping(signal);
    return `engine ${version}`;
  });
  const { node, lease, portRange, subnetPool } = config;
  const routesDirectory = join(config.dataDir, 'routes');
  const worker = createDeployWorker({
    ...parts,
    docker,
    plugins,
    node,
    lease,
    portRange,
    subnetPool,
    routesDirectory,
    workDirectory: join(config.dataDir, 'work'),
    composeCli: createComposeCli(config.dockerHost),
    composeDirectory: join(config.dataDir, 'compose'),
    rendersSwitches: PROXIES.find(({ kind }) => kind === config.proxy.kind)?.followsFiles === false,
    protectedPaths: [config.dataDir, ...enginePaths(config.dockerHost)],
    concurrency: CONCURRENCY,
  });
  worker.start();
  const heartbeat = startHeartbeat(parts, { role: 'deploy-worker', ping: (signal) => docker.ping(signal) });
  return {
    name: 'deploy-worker',
    stop: async () => {
      await worker.stop();
      await heartbeat.stop();
    },
  };
}

/** Whoever may talk to one of these is root on the host. */
function enginePaths(dockerHost: string): readonly string[] {
  const own = dockerHost.startsWith('unix://') ? [dockerHost.slice('unix://'.length)] : [];
  const known = ['/run/docker.sock', '/run/containerd/containerd.sock', '/run/podman/podman.sock'];
  return [...own, ...known, '/var/lib/docker', '/var/lib/containerd'];
}

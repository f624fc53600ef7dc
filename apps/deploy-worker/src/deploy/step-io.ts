import { join } from 'node:path';
import { createResolveIo } from '#process/resolve-io';
import type { StepIo } from '#plugins/source';
import { layoutKey } from '#plugins/routing/port-groups';
import { untilApplied } from '#runtime/applied-routes';
import { currentRoute, formatRoute, routeDirectory, switchRoute, RouteMoved } from '#runtime/route-files';
import { patchMemo, readMemo } from '#store/memo';
import { readSettings } from '#store/settings';
import type { WorkerDeps } from '../deps.js';
import type { HeldLease } from '#store/held-lease';
import { createNetworks } from '../networks.js';
import { createFiles } from '../files.js';
import { createPorts } from '../ports.js';
import { probe } from '../probe.js';
import { createVolumes } from '../volumes/prepare.js';
import type { DeploymentLog } from './deployment-log.js';

export interface StepContext {
  readonly lease: HeldLease;
  readonly workloadId: string;
  /** Left out: that of a teardown. */
  readonly deploymentId?: string;
  readonly step: string;
  readonly log: DeploymentLog;
  /** Ends the step earlier than the lease does. */
  readonly cancel?: AbortSignal;
}

/** What one step may touch. Everything that takes time ends when the lease can no longer be trusted. */
export function stepIo(deps: WorkerDeps, context: StepContext): StepIo {
  const { lease, workloadId, deploymentId = workloadId, step, log, cancel } = context;
  const signal = cancel === undefined ? lease.signal : AbortSignal.any([lease.signal, cancel]);
  const ports = createPorts(deps.store.pool, deps.node, deps.portRange);
  const networks = createNetworks({ ...deps, pool: deps.store.pool });
  return {
    ...createResolveIo(deps, signal),
    docker: deps.docker,
    epoch: lease.epoch,
    installation: deps.installation,
    port: (containerName, containerPort) => ports.take(containerName, containerPort),
    releasePorts: (containerName) => ports.release(containerName),
    refusePorts: (containerName) => ports.refuse(containerName),
    networks: { join: (name) => networks.join(name, lease.signal), tidy: () => networks.tidy(lease.signal) },
    probe,
    route: routeIo(deps, workloadId, lease),
    volumes: createVolumes({
      docker: deps.docker,
      installation: deps.installation,
      signal: lease.signal,
      settings: () => readSettings(deps.store),
      protectedPaths: deps.protectedPaths,
    }),
    compose: deps.composeCli.of(join(deps.composeDirectory, workloadId), signal),
    files: createFiles(join(deps.workDirectory, deploymentId)),
    memo: {
      read: (role) => readMemo(deps.store.pool, workloadId, role),
      patch: (role, changes) => patchMemo(deps.store.pool, { workloadId, role }, changes),
    },
    logged: () => log.count(step),
    log: (line, stream) => log.write(step, line, stream),
    clock: { now: () => Date.now(), sleep: (ms) => sleep(ms, signal) },
  };
}

function routeIo(
  { routesDirectory, rendersSwitches }: WorkerDeps,
  workloadId: string,
  lease: HeldLease,
): StepIo['route'] {
  const directory = routeDirectory(routesDirectory, workloadId);
  return {
    current: async () => {
      const route = await currentRoute(directory);
      return route === null || route.ports.length === 0 ? null : route.ports;
    },
    ready: (faces, total) => {
      const key = layoutKey({ faces: faces.map((face) => ({ ...face, port: face.port ?? 0 })), total });
      return untilApplied({ routesDirectory, workloadId, key, signal: lease.signal });
    },
    switchTo: async (ports) => {
      lease.signal.throwIfAborted();
      const from = await currentRoute(directory);
      if (from === null) {
        if (ports.length === 0) return;
        throw new RouteMoved(
          `workload ${workloadId} has no route directory: the keeper has not made it yet, or it is torn down`,
        );
      }
      await switchRoute({ directory, from, epoch: lease.epoch, ports });
    },
    ...(rendersSwitches && { settled: () => untilRendered(lease, routesDirectory, workloadId) }),
  };
}

/** The name of the file is the keeper's key for what it has rendered. */
async function untilRendered(lease: HeldLease, routesDirectory: string, workloadId: string): Promise<void> {
  const route = await currentRoute(routeDirectory(routesDirectory, workloadId));
  if (route === null || route.ports.length === 0) return;
  await untilApplied({ routesDirectory, workloadId, key: formatRoute(route), signal: lease.signal });
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

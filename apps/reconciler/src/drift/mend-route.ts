import { createEmptyRoute, currentRoute, routeDirectory, switchRoute, type RouteFile } from '#runtime/route-files';
import type { Store } from '#store/store';
import { holdWorkload } from './hold-workload.js';
import type { Seen } from './observe.js';

export interface RouteDeps {
  readonly store: Store;
  readonly routesDirectory: string;
}

/**
 * A workload that runs as it should and whose route says otherwise gets its route back: the folder of routes was lost, or
 * is of another time than the log. True when it was mended.
 */
export async function mendRoute(deps: RouteDeps, seen: Seen): Promise<boolean> {
  const wanted = routedPorts(seen);
  if (wanted === null) return false;
  const directory = routeDirectory(deps.routesDirectory, seen.desired.workloadId);
  const route = await currentRoute(directory);
  if (route !== null) await catchUp(deps.store, seen, route);
  if (route?.ports.join() === wanted.join()) return false;
  const { workloadId, current } = seen.desired;
  return holdWorkload(deps.store, { workloadId, currentDeploymentId: current!.deploymentId }, async ({ epoch }) => {
    // The keeper makes a folder that is missing; one that lost its file looks as if it were there.
    if ((await currentRoute(directory)) === null) await createEmptyRoute(directory);
    const from = await currentRoute(directory);
    if (from !== null) await switchRoute({ directory, from, epoch, ports: wanted });
  });
}

/** Null when nothing is known to serve, or not all of it does. */
function routedPorts({ desired, findings }: Seen): readonly number[] | null {
  const ports = desired.current?.facts['routePorts'] as readonly number[] | undefined;
  const isWell = desired.runState === 'running' && findings.every(({ kind }) => kind === 'extra');
  return isWell && ports !== undefined && ports.length > 0 ? ports : null;
}

/** A route that was switched under a later lease than the log knows of would refuse every switch to come. */
async function catchUp({ pool }: Store, { desired }: Seen, route: RouteFile): Promise<void> {
  if (route.epoch <= desired.epoch) return;
  await pool.query(
    `insert into state.lease as held (subject, owner, epoch, until) values ($1, 'reconciler', $2, '-infinity')
      on conflict (subject) do update set epoch = excluded.epoch
        where held.epoch < excluded.epoch and held.until <= clock_timestamp()`,
    [`workload-${desired.workloadId}`, route.epoch],
  );
}

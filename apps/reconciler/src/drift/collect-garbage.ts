import type { Docker, ContainerSummary } from '#docker/docker';
import { Rejection } from '#domain/errors';
import { portHolderOf } from '#domain/naming';
import type { Leftover } from '#domain/removal';
import { removal } from '#domain/removal';
import { currentRoute, routeDirectory } from '#runtime/route-files';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import type { Desired, KnownDeployment } from './desired.js';
import { expectedContainers, isExpected } from './diff.js';
import { holdWorkload } from './hold-workload.js';
import { deploymentOf, workloadOf } from './own-containers.js';

export interface Search {
  readonly desired: readonly Desired[];
  /** Of this installation. */
  readonly containers: readonly ContainerSummary[];
  readonly known: ReadonlyMap<string, KnownDeployment>;
  readonly now: number;
  /** Milliseconds that a container is left alone after it was made and after its deployment ended. */
  readonly graceMs: number;
}

/** Containers that nothing wants, for longer than the grace. Pure; what the log does not know is never among them. */
export function leftovers({ desired, containers, known, now, graceMs }: Search): readonly ContainerSummary[] {
  const byId = new Map(desired.map((each) => [each.workloadId, each]));
  return containers.filter((container) => {
    const deployment = known.get(deploymentOf(container));
    if (deployment === undefined || deployment.isUnfinished || deployment.endedAt === null) return false;
    const youngest = Math.max(Date.parse(container.createdAt), Date.parse(deployment.endedAt));
    if (now - youngest < graceMs) return false;
    if (deployment.lifecycle === 'gone') return true;
    const workload = byId.get(workloadOf(container));
    if (workload === undefined || workload.isBusy || workload.lifecycle !== 'present') return false;
    if (workload.policy.drift !== 'heal') return false;
    return isLeftOf(workload, container, deployment);
  });
}

function isLeftOf(workload: Desired, container: ContainerSummary, { id, status }: KnownDeployment): boolean {
  const expected = expectedContainers(workload);
  if (expected?.some((each) => isExpected(each, container))) return false;
  if (workload.current?.deploymentId === id) return expected !== null;
  // It succeeded and nothing came after it: a view that says so has lost its memory.
  const hasServed = status === 'succeeded' || status === 'rolled_back';
  return !hasServed || workload.current !== null;
}

/** More than this many at once, or more than half of what is there, may be a log that lost its memory. */
const MOST_AT_ONCE = 5;

export function needsConfirmation(removed: number, total: number): boolean {
  return removed > MOST_AT_ONCE || (removed > 1 && removed > total / 2);
}

export interface GarbageDeps {
  readonly store: Store;
  readonly docker: Docker;
  readonly node: string;
  readonly routesDirectory: string;
}

const CAUSE = { actor: 'system:reconciler', correlationId: 'garbage' };
const STOP_SECONDS = 10;

/** Removes what nothing wants any more; many at once only when a person has confirmed them. Volumes stay, always. */
export async function collectGarbage(
  deps: GarbageDeps,
  found: readonly ContainerSummary[],
  total: number,
): Promise<readonly string[]> {
  const { rows } = await deps.store.pool.query<{ status: string; containers: readonly Leftover[] }>({
    name: 'removal',
    text: 'select status, containers from view.removal where node = $1',
    values: [deps.node],
  });
  const pending = rows[0] ?? null;
  if (found.length === 0) {
    if (pending !== null) await command(deps, { type: 'EndRemoval', node: deps.node });
    return [];
  }
  const confirmed = new Set(pending?.status === 'confirmed' ? pending.containers.map((each) => each.containerId) : []);
  const isFree = !needsConfirmation(found.length, total);
  const removable = isFree ? found : found.filter(({ id }) => confirmed.has(id));
  const removed: string[] = [];
  for (const container of removable) if (await remove(deps, container)) removed.push(container.name);
  const left = found.filter(({ id }) => !removable.some((each) => each.id === id));
  if (left.length > 0)
    await command(deps, { type: 'HoldRemoval', node: deps.node, containers: left.map(asLeftover), total });
  else if (pending !== null) await command(deps, { type: 'EndRemoval', node: deps.node });
  return removed;
}

/** Under the workload's lease, so that no deployment is at it; never what its route points at. */
async function remove(deps: GarbageDeps, container: ContainerSummary): Promise<boolean> {
  const { store, docker, node } = deps;
  const workloadId = workloadOf(container);
  const { rows } = await store.pool.query<{ current: string | null; ports: readonly number[] }>(
    `select (select current_deployment_id from view.workload where id = $1) as current,
      array(select port from state.port where node = $2 and container_name = $3) as ports`,
    [workloadId, node, portHolderOf(container)],
  );
  const { current = null, ports = [] } = rows[0] ?? {};
  let isRemoved = false;
  await holdWorkload(store, { workloadId, currentDeploymentId: current }, async ({ signal }) => {
    const route = await currentRoute(routeDirectory(deps.routesDirectory, workloadId));
    if (route?.ports.some((port) => ports.includes(port))) return;
    await docker.stopContainer(container.id, STOP_SECONDS, signal);
    await docker.removeContainer(container.id, signal);
    await store.pool.query('delete from state.port where node = $1 and container_name = $2', [
      node,
      portHolderOf(container),
    ]);
    isRemoved = true;
  });
  return isRemoved;
}

async function command({ store }: GarbageDeps, given: Parameters<typeof removal.decide>[0]): Promise<void> {
  try {
    await store.commit([on(removal, given.node, given)], CAUSE);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
  }
}

function asLeftover(container: ContainerSummary): Leftover {
  return { containerId: container.id, name: container.name, workloadId: workloadOf(container) };
}

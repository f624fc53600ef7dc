import type { Parts } from '#process/open-process';
import { createDocker } from '#docker/connect';
import { LABELS } from '#domain/naming';
import { brokenLog } from './log-invariants.js';
import { until } from './until.js';

/** What must hold once things are quiet; the answer lists what does not. */
export async function brokenInvariants(
  parts: Pick<Parts, 'store' | 'databaseUrl' | 'config'>,
): Promise<readonly string[]> {
  const { store, databaseUrl } = parts;
  await until(
    async () => (await rows(parts, 'select from log.unsequenced limit 1')).length === 0,
    'I5: everything to be sequenced',
    10_000,
  );
  return [...(await brokenLog(store.pool, databaseUrl)), ...(await strayContainers(parts))];
}

/** I7: our containers are those of the current deployments, no more and no fewer. */
async function strayContainers(parts: Pick<Parts, 'store' | 'config'>): Promise<readonly string[]> {
  const docker = createDocker({ host: parts.config.dockerHost });
  const workloads = await rows(
    parts,
    'select id, current_deployment_id as current, lifecycle, run_state as "runState" from view.workload where is_run_state_reached',
  );
  const broken: string[] = [];
  for (const { id, current, lifecycle, runState } of workloads as unknown as readonly WorkloadRow[]) {
    const containers = await docker.listContainers([`${LABELS.workloadId}=${id}`]);
    const strays = containers.filter(
      ({ labels }) => lifecycle !== 'present' || labels[LABELS.deploymentId] !== current,
    );
    for (const { name, state } of strays) broken.push(`I7 stray container ${name} (${state})`);
    const serving = containers.filter(
      ({ labels, state }) => labels[LABELS.deploymentId] === current && state === 'running',
    );
    const isWanted = lifecycle === 'present' && current !== null && runState === 'running';
    if (isWanted && serving.length === 0) broken.push(`I7 nothing runs for ${id}`);
    if (runState === 'stopped' && serving.length > 0) broken.push(`I7 ${id} is stopped, and runs`);
  }
  return broken;
}

interface WorkloadRow {
  readonly id: string;
  readonly current: string | null;
  readonly lifecycle: string;
  readonly runState: string;
}

async function rows({ store }: Pick<Parts, 'store'>, sql: string): Promise<readonly Record<string, unknown>[]> {
  return (await store.pool.query<Record<string, unknown>>(sql)).rows;
}

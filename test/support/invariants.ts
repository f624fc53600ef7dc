import type { Parts } from '#process/open-process';
import { createDocker } from '#docker/connect';
import { LABELS } from '#domain/naming';
import { compareViews } from '#store/compare-views';
import { verifyChain } from '#store/chain';
import { until } from './until.js';

/** What must hold once things are quiet; the answer lists what does not. */
export async function brokenInvariants(
  parts: Pick<Parts, 'store' | 'databaseUrl' | 'config'>,
): Promise<readonly string[]> {
  const { store, databaseUrl, config } = parts;
  await until(
    async () => (await rows(parts, 'select from log.unsequenced limit 1')).length === 0,
    'I5: everything to be sequenced',
    10_000,
  );
  const broken: string[] = [];
  const none = async (invariant: string, sql: string) => {
    for (const row of await rows(parts, sql)) broken.push(`${invariant}: ${JSON.stringify(row)}`);
  };
  await none('I2 not terminal', `select id, status from view.deployment where is_unfinished`);
  await none('I2 not settled', `select id, status from view.delivery where status in ('accepted', 'dispatching')`);
  await none(
    'I3 versions',
    `select stream from log.event group by stream having min(version) <> 1 or max(version) <> count(*)`,
  );
  await none(
    'I3 positions',
    `select 1 as gap from log.position having min(position) <> 1 or max(position) <> count(*)`,
  );
  for (const difference of await compareViews({ databaseUrl })) broken.push(`I4: ${JSON.stringify(difference)}`);
  await none(
    'I6 epoch went back',
    `select stream, version from (
       select e.stream, e.version, (e.metadata->>'epoch')::bigint as epoch,
         max((e.metadata->>'epoch')::bigint) over (partition by d.workload_id order by e.id) as highest
       from log.event e join view.deployment d on e.stream = 'deployment-' || d.id where e.metadata->>'epoch' is not null) s
     where epoch < highest`,
  );
  broken.push(...(await strayContainers(parts)));
  await none(
    'I10 failure without a reason',
    `select id from view.deployment where status = 'failed' and not (error ?& array['code', 'class', 'step', 'attempt'])`,
  );
  const chain = await verifyChain(store.pool);
  if (!chain.intact) broken.push(`I11: ${JSON.stringify(chain)}`);
  void config;
  return broken;
}

/** I7: our containers are those of the current deployments, no more and no fewer. */
async function strayContainers(parts: Pick<Parts, 'store' | 'config'>): Promise<readonly string[]> {
  const docker = createDocker({ host: parts.config.dockerHost });
  const workloads = await rows(parts, 'select id, current_deployment_id as current, lifecycle from view.workload');
  const broken: string[] = [];
  for (const { id, current, lifecycle } of workloads as { id: string; current: string | null; lifecycle: string }[]) {
    const containers = await docker.listContainers([`${LABELS.workloadId}=${id}`]);
    const strays = containers.filter(
      ({ labels }) => lifecycle !== 'present' || labels[LABELS.deploymentId] !== current,
    );
    for (const { name, state } of strays) broken.push(`I7 stray container ${name} (${state})`);
    const serving = containers.filter(
      ({ labels, state }) => labels[LABELS.deploymentId] === current && state === 'running',
    );
    if (lifecycle === 'present' && current !== null && serving.length === 0) broken.push(`I7 nothing runs for ${id}`);
  }
  return broken;
}

async function rows({ store }: Pick<Parts, 'store'>, sql: string): Promise<readonly Record<string, unknown>[]> {
  return (await store.pool.query<Record<string, unknown>>(sql)).rows;
}

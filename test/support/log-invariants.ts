import type { Pool } from 'pg';
import { compareViews } from '#store/compare-views';
import { verifyChain } from '#store/chain';

/** I2, I3, I4, I6, I10 and I11: what the database alone tells, once things are quiet. What does not hold, in words. */
export async function brokenLog(pool: Pool, databaseUrl: string): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const [invariant, sql] of Object.entries(NONE)) {
    const { rows } = await pool.query<Record<string, unknown>>(sql);
    for (const row of rows) broken.push(`${invariant}: ${JSON.stringify(row)}`);
  }
  for (const difference of await compareViews({ databaseUrl })) broken.push(`I4: ${JSON.stringify(difference)}`);
  const chain = await verifyChain(pool);
  if (!chain.intact) broken.push(`I11: ${JSON.stringify(chain)}`);
  return broken;
}

/** Each of these finds nothing. Epochs count where the workload's lease is what is held: fan-out asks under another. */
const NONE: Readonly<Record<string, string>> = {
  'I2 not terminal': `select id, status from view.deployment where is_unfinished`,
  'I2 run state': `select id, run_state from view.workload where not is_run_state_reached and lifecycle = 'present'`,
  'I2 not settled': `select id, status from view.delivery where status in ('accepted', 'dispatching')`,
  'I3 versions': `select stream from log.event group by stream having min(version) <> 1 or max(version) <> count(*)`,
  'I3 positions': `select 1 as gap from log.position having min(position) <> 1 or max(position) <> count(*)`,
  'I6 epoch went back': `
    select stream, version from (
      select e.stream, e.version, (e.metadata->>'epoch')::bigint as epoch,
        max((e.metadata->>'epoch')::bigint) over (partition by d.workload_id order by e.id) as highest
      from log.event e join view.deployment d on e.stream = 'deployment-' || d.id
      where e.metadata->>'epoch' is not null
        and e.type in ('DeploymentStarted', 'StepStarted', 'StepCompleted', 'StepFailed', 'DeploymentSucceeded', 'DeploymentFailed')) s
    where epoch < highest`,
  'I6 a step was completed twice': `
    select stream, data->>'step' as step from log.event where type = 'StepCompleted' group by 1, 2 having count(*) > 1`,
  'I6 two deployments ran at once': `
    select workload_id from view.deployment where status = 'running' group by workload_id having count(*) > 1`,
  'I10 failure without a reason': `
    select id from view.deployment where status = 'failed' and not (error ?& array['code', 'class', 'step', 'attempt'])`,
};

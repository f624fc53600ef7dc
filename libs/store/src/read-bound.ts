import type { Pool } from 'pg';
import type { BoundWorkload, TriggerRow } from '#domain/bound-workload';

export async function readTrigger(pool: Pool, triggerId: string): Promise<TriggerRow | null> {
  const { rows } = await pool.query<TriggerRow>('select kind, config from view.trigger where id = $1', [triggerId]);
  return rows[0] ?? null;
}

/** Every enabled binding of a trigger with its workload: one query, however many. */
export async function readBound(pool: Pool, triggerId: string): Promise<readonly BoundWorkload[]> {
  const { rows } = await pool.query<BoundWorkload>({
    name: 'bound-workloads',
    text: `select b.id as "bindingId", b.version as "bindingVersion", b.override, b.last,
        w.id as "workloadId", w.version as "workloadVersion", w.name as "workloadName", w.source_kind as "sourceKind", w.source_config as "sourceConfig",
        w.faces, w.env, w.env_version as "envVersion", w.volumes, w.node, w.hold, w.run_state as "runState", w.lifecycle, w.pending_deployment_id as "waitingId",
        w.running_deployment_id as "runningId", w.policy->>'onNewer' as "onNewer"
      from view.binding b join view.workload w on w.id = b.workload_id
      where b.trigger_id = $1 and b.enabled order by b.id`,
    values: [triggerId],
  });
  return rows;
}

import type { Pool } from 'pg';
import type { DeploymentReason, DeploymentStatus } from '#domain/deployment';
import type { Finding, ObservedContainer, ObservedState } from '#domain/observation';
import type { ReleaseRecord } from '#domain/release';
import type { Policy } from '#domain/workload';
import type { RunState } from '#domain/run-state';
import type { Facts } from '#plugins/source';

/** What a workload should be, and what is recorded of how it was seen last. */
export interface Desired {
  readonly workloadId: string;
  readonly name: string;
  readonly sourceKind: string;
  readonly node: string;
  readonly policy: Policy;
  readonly runState: RunState;
  readonly lifecycle: 'present' | 'deleting';
  /** A deployment is not finished, or somebody holds the workload: what is seen now is no drift. */
  readonly isBusy: boolean;
  /** Of its last lease. */
  readonly epoch: number;
  readonly current: CurrentRelease | null;
  readonly recorded: Recorded | null;
}

export interface CurrentRelease {
  readonly deploymentId: string;
  readonly reason: DeploymentReason;
  readonly release: ReleaseRecord;
  /** Equal for deployments that bring up the same. */
  readonly releaseKey: string;
  readonly facts: Facts;
  /** ISO 8601: the switch. */
  readonly since: string;
}

export interface Recorded {
  readonly deploymentId: string | null;
  readonly state: ObservedState | null;
  readonly containers: readonly ObservedContainer[];
  readonly findings: readonly Finding[];
  readonly crashes: readonly CrashRow[];
  readonly watchFailed: string | null;
}

export interface CrashRow {
  readonly at: string;
  readonly deploymentId: string;
  readonly crashes: number;
}

/** Every workload of the node that is not torn down: one query, however many. */
export async function readDesired(pool: Pool, node: string): Promise<readonly Desired[]> {
  const { rows } = await pool.query<Omit<Desired, 'epoch'> & { epoch: string }>({
    name: 'read-desired',
    text: `select w.id as "workloadId", w.name, w.source_kind as "sourceKind", w.node, w.policy,
        -- While it is being started, what is not up yet is no drift.
        case when w.is_run_state_reached then w.run_state else 'stopped' end as "runState", w.lifecycle, coalesce(l.epoch, 0) as epoch,
        coalesce(l.until > clock_timestamp(), false) or exists (
          select from view.deployment u where u.workload_id = w.id and u.is_unfinished) as "isBusy",
        case when d.id is not null then jsonb_build_object('deploymentId', d.id, 'reason', d.reason,
          'release', d.release, 'releaseKey', d.release_key, 'facts', d.facts, 'since', d.ended_at) end as current,
        case when o.workload_id is not null then jsonb_build_object('deploymentId', o.deployment_id, 'state', o.state,
          'containers', o.containers, 'findings', o.findings, 'crashes', o.crashes, 'watchFailed', o.watch_failed)
          end as recorded
      from view.workload w
        left join view.deployment d on d.id = w.current_deployment_id
        left join view.observation o on o.workload_id = w.id
        left join state.lease l on l.subject = 'workload-' || w.id
      where w.node = $1 and w.lifecycle <> 'gone' order by w.id`,
    values: [node],
  });
  return rows.map((row) => ({ ...row, epoch: Number(row.epoch) }));
}

/** What the log knows of a deployment whose id stands on a container. */
export interface KnownDeployment {
  readonly id: string;
  readonly status: DeploymentStatus;
  readonly isUnfinished: boolean;
  /** ISO 8601; null while it goes on. */
  readonly endedAt: string | null;
  /** Null: there is no such workload. */
  readonly lifecycle: 'present' | 'deleting' | 'gone' | null;
  readonly currentDeploymentId: string | null;
}

/** Those of these ids that the log knows. Asked after the containers were listed: a label follows its request. */
export async function readKnown(
  pool: Pool,
  deploymentIds: readonly string[],
): Promise<ReadonlyMap<string, KnownDeployment>> {
  const { rows } = await pool.query<KnownDeployment>({
    name: 'read-known',
    text: `select d.id, d.status, d.is_unfinished as "isUnfinished", to_jsonb(d.ended_at)#>>'{}' as "endedAt",
        w.lifecycle, w.current_deployment_id as "currentDeploymentId"
      from view.deployment d left join view.workload w on w.id = d.workload_id where d.id = any($1::uuid[])`,
    values: [deploymentIds],
  });
  return new Map(rows.map((row) => [row.id, row]));
}

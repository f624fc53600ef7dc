import type { Pool } from 'pg';
import type { DeploymentStatus } from '#domain/deployment';
import { neverSucceeded, releasePruned, type ReleaseRecord } from '#domain/release';
import { Rejection } from '#domain/errors';

/**
 * What was brought up and can be brought back: artifact, config, variables and faces as one, however many deployments
 * brought it up. The newest of those stands for it.
 */
export interface RetainedRelease {
  readonly deploymentId: string;
  /** `rolled_back`: it served, and was rolled away from. */
  readonly status: 'succeeded' | 'rolled_back';
  readonly release: ReleaseRecord;
  readonly isPinned: boolean;
  /** The deployments that hold the pin. */
  readonly pinnedIds: readonly string[];
  readonly isCurrent: boolean;
  readonly succeededAt: Date;
  readonly rolledBackBy: string | null;
}

/** The newest deployment of each release of the workload $1. */
const RETAINED = `select distinct on (d.release_key) d.id, d.status, d.rolled_back_by as "rolledBackBy", d.ended_at as "succeededAt",
    case when d.facts ? 'images' then jsonb_set(d.release, '{artifact,images}', d.facts->'images')
      when d.release->'artifact'->>'digest' is null and d.facts ? 'imageId'
      then jsonb_set(d.release, '{artifact,localId}', coalesce(d.release->'artifact'->'localId', d.facts->'imageId'))
      else d.release end as release,
    bool_or(d.is_pinned) over (partition by d.release_key) as "isPinned",
    coalesce(array_agg(d.id::text) filter (where d.is_pinned) over (partition by d.release_key), '{}') as "pinnedIds",
    d.release_key is not distinct from c.release_key as "isCurrent", d.release_key
  from view.deployment d join view.workload w on w.id = d.workload_id
    left join view.deployment c on c.id = w.current_deployment_id
  where d.workload_id = $1 and d.status in ('succeeded', 'rolled_back') and d.pruned_at is null
  order by d.release_key, d.id desc`;

const COLUMNS =
  'id as "deploymentId", status, release, "isPinned", "pinnedIds", "isCurrent", "succeededAt", "rolledBackBy"';

/** Newest first, those after the deployment `before`. */
export async function listReleases(
  pool: Pool,
  workloadId: string,
  { before, limit }: { readonly before: string | null; readonly limit: number },
): Promise<readonly RetainedRelease[]> {
  const { rows } = await pool.query<RetainedRelease>({
    name: 'list-releases',
    text: `select ${COLUMNS} from (${RETAINED}) r where ($2::uuid is null or id < $2) order by id desc limit $3`,
    values: [workloadId, before, limit],
  });
  return rows;
}

/** The one to go back to: the newest other than what serves that nobody rolled away from. */
export async function lastGoodRelease(pool: Pool, workloadId: string): Promise<RetainedRelease | null> {
  const { rows } = await pool.query<RetainedRelease>({
    name: 'last-good-release',
    text: `select ${COLUMNS} from (${RETAINED}) r where status = 'succeeded' and not "isCurrent" order by id desc limit 1`,
    values: [workloadId],
  });
  return rows[0] ?? null;
}

/** By any of the deployments that brought it up. Throws `no-such-release`, `never-succeeded`, `release-pruned`. */
export async function findRelease(pool: Pool, workloadId: string, deploymentId: string): Promise<RetainedRelease> {
  const { rows } = await pool.query<RetainedRelease & { asked: DeploymentStatus }>({
    name: 'find-release',
    text: `select a.status as asked, r.* from view.deployment a
      left join (select ${COLUMNS}, release_key from (${RETAINED}) r) r on r.release_key = a.release_key
      where a.workload_id = $1 and a.id = $2`,
    values: [workloadId, deploymentId],
  });
  const row = rows[0];
  if (row === undefined) {
    throw new Rejection(
      'no-such-release',
      `This workload has no deployment ${deploymentId}. Choose one of GET releases.`,
    );
  }
  const { asked, ...release } = row;
  if (asked !== 'succeeded' && asked !== 'rolled_back') throw neverSucceeded(deploymentId, asked);
  if (release.deploymentId === null) throw releasePruned(deploymentId);
  return release;
}

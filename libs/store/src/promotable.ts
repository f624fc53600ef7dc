import type { Pool } from 'pg';
import type { ReleaseRecord } from '#domain/release';

/** What another workload may take over from this one. */
export interface Promotable {
  readonly deploymentId: string;
  readonly artifact: ReleaseRecord['artifact'];
  readonly config: ReleaseRecord['config'];
  readonly hasSucceeded: boolean;
}

/**
 * What serves, which is what succeeded last and nobody rolled away from: one that is on its way does not count. With
 * `force`, where nothing ever succeeded, the newest that was asked for.
 */
export async function promotable(pool: Pool, workloadId: string, force: boolean): Promise<Promotable | null> {
  const { rows } = await pool.query<Promotable>({
    name: 'promotable',
    text: `select d.id as "deploymentId", d.status = 'succeeded' as "hasSucceeded", d.release->'config' as config,
        case when d.facts ? 'images' then (d.release->'artifact') || jsonb_build_object('images', d.facts->'images')
          when d.release->'artifact'->>'digest' is null and d.facts ? 'imageId'
          then (d.release->'artifact') || jsonb_build_object('localId', d.facts->'imageId')
          else d.release->'artifact' end as artifact
      from view.workload w join view.deployment d on d.workload_id = w.id
      where w.id = $1 and (d.id = w.current_deployment_id or ($2 and w.current_deployment_id is null))
      order by d.id desc limit 1`,
    values: [workloadId, force],
  });
  const row = rows[0];
  return row === undefined || (!row.hasSucceeded && !force) ? null : row;
}

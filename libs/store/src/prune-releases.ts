import type { Pool } from 'pg';
import { deployment } from '#domain/deployment';
import { on } from './operation.js';
import { readSettings } from './settings.js';
import type { Statement } from './statement.js';
import type { Store } from './store.js';

/** Workloads looked after in one go; the next go takes the others. */
const MOST = 500;

/**
 * Gives up what is beyond `settings.releasesKept`: of one workload, or of all. Never what serves, what is pinned and
 * what is about to be brought back. With a release go the versions of secrets that nothing else uses. Returns how many
 * deployments lost theirs.
 */
export async function pruneReleases(store: Store, actor: string, workloadId: string | null = null): Promise<number> {
  const { releasesKept } = await readSettings(store);
  let pruned = 0;
  for (const doomed of await findDoomed(store.pool, releasesKept, workloadId)) {
    const operations = doomed.deploymentIds.map((id) => on(deployment, id, { type: 'PruneRelease' }));
    const cause = { actor, correlationId: doomed.workloadId, extra: [forgetSecrets(doomed)] };
    pruned += (await store.commit(operations, cause)).events.length;
  }
  return pruned;
}

interface Doomed {
  readonly workloadId: string;
  readonly deploymentIds: readonly string[];
}

/**
 * Good releases are counted from the newest; one that was rolled away from goes with the good ones of its age and takes
 * no good one's place.
 */
async function findDoomed(pool: Pool, kept: number, workloadId: string | null): Promise<readonly Doomed[]> {
  const { rows } = await pool.query<Doomed>({
    name: 'doomed-releases',
    text: `with retained as (
        select workload_id, release_key, id, status, is_pinned from view.deployment
          where status in ('succeeded', 'rolled_back') and pruned_at is null and ($2::uuid is null or workload_id = $2)
      ), newest as (
        select distinct on (workload_id, release_key) workload_id, release_key, id, status = 'succeeded' as is_good,
            bool_or(is_pinned) over (partition by workload_id, release_key) as is_pinned
          from retained order by workload_id, release_key, id desc
      ), placed as (
        select *, count(*) filter (where is_good and not is_pinned) over (partition by workload_id order by id desc) as place
          from newest
      )
      select r.workload_id as "workloadId", array_agg(r.id::text order by r.id) as "deploymentIds"
      from placed p join retained r using (workload_id, release_key)
        join view.workload w on w.id = r.workload_id left join view.deployment c on c.id = w.current_deployment_id
      where not p.is_pinned and (p.place > $1 or (p.place = $1 and not p.is_good))
        and p.release_key is distinct from c.release_key
        and not exists (select from view.deployment o
          where o.workload_id = r.workload_id and o.release_key = r.release_key and o.is_unfinished)
      group by r.workload_id limit ${MOST}`,
    values: [kept, workloadId],
  });
  return rows;
}

/** Versions of secrets that only pruned releases name, in variables, faces or config. It runs after the views are written, behind their locks. */
function forgetSecrets({ workloadId, deploymentIds }: Doomed): Statement {
  return {
    text: `with named as (
        select d.pruned_at is not null as is_gone, ref
          from view.deployment d, jsonb_path_query(d.release, '$.** ? (exists (@.secretId) && exists (@.fingerprint))') ref
          where d.workload_id = $1
            and (d.id = any ($2::uuid[]) or d.pruned_at is null and (d.status in ('succeeded', 'rolled_back') or d.is_unfinished))
        union all
        select false, ref from view.workload w,
            jsonb_path_query(to_jsonb(w), '$.** ? (exists (@.secretId) && exists (@.fingerprint))') ref where w.id = $1
      ), unused as (
        select (ref->>'secretId')::uuid as id, (ref->>'version')::int as version from named group by 1, 2 having bool_and(is_gone)
      )
      delete from state.secret s using unused u where s.id = u.id and s.version = u.version`,
    values: [workloadId, deploymentIds],
  };
}

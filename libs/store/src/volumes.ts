import type { Pool } from 'pg';
import type { VolumeScope } from '#domain/volume';
import type { VolumePlace } from '#domain/volume-removal';

/** A Docker volume that deployments of ours were to use. Whether the node has it is for the node to say. */
export interface KnownVolume extends VolumePlace {
  readonly scope: VolumeScope;
  /** Who named it first. */
  readonly workloadId: string;
  readonly workloadName: string;
  /** Names of present workloads that have it among their volumes, in a kept release or in one under way. */
  readonly usedBy: readonly string[];
  readonly removal: {
    readonly status: 'asked' | 'refused';
    readonly code: string | null;
    readonly message: string | null;
    readonly at: string;
  } | null;
}

export interface VolumeSearch {
  readonly node?: string;
  readonly name?: string;
  /** `[name, node]`: those that come after it. */
  readonly after?: readonly [string, string] | null;
  readonly limit: number;
}

/** By name, then node. */
export async function findVolumes(
  pool: Pool,
  { node, name, after, limit }: VolumeSearch,
): Promise<readonly KnownVolume[]> {
  const { rows } = await pool.query<KnownVolume>({
    name: 'find-volumes',
    text: `with found as materialized (
        select * from view.volume where removed_at is null and ($1::text is null or node = $1)
          and ($2::text is null or name = $2) and ($3::text is null or (name, node) > ($3, $4))
        order by name, node limit $5
      ), named as (${NAMED})
      select f.name, f.node, f.scope, f.workload_id as "workloadId", f.workload_name as "workloadName", f.removal,
        array(select distinct n.workload from named n where n.node = f.node and n.volume = f.name order by 1) as "usedBy"
      from found f order by f.name, f.node`,
    values: [node ?? null, name ?? null, after?.[0] ?? null, after?.[1] ?? null, limit],
  });
  return rows;
}

/** What a present workload could need again; `volume` as {@link dockerVolumeName} has it. */
const NAMED = `select u.node, u.workload, case u.volume->>'scope' when 'named' then u.volume->>'source'
      when 'project_named' then 'tf-' || right(replace(u.id::text, '-', ''), 8) || '-' || (u.volume->>'source') end as volume
    from (
      select w.node, w.name as workload, w.id, v as volume
        from view.workload w, jsonb_array_elements(w.volumes) v where w.lifecycle <> 'gone'
      union all
      select d.node, w.name, w.id, v
        from view.deployment d join view.workload w on w.id = d.workload_id and w.lifecycle <> 'gone',
          jsonb_array_elements(d.release->'volumes') v
        where d.is_unfinished or d.status in ('succeeded', 'rolled_back') and d.pruned_at is null
    ) u`;

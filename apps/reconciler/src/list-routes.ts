import type { Face } from '#domain/face';
import { checkConfig } from '#plugins/config';
import { layoutOf, type RouteLayout, type WantedRoutes } from '#plugins/routing/port-groups';
import type { Source } from '#plugins/source';
import type { Pool } from 'pg';

interface Row {
  readonly workloadId: string;
  readonly sourceKind: string;
  readonly serving: Released | null;
  readonly pending: Released | null;
  readonly isLeaving: boolean;
}
interface Released {
  readonly faces: readonly Face[];
  readonly config: Readonly<Record<string, unknown>>;
}

/** Every workload of the node with the faces that serve and those on their way: one query. */
export async function listRoutes(
  pool: Pool,
  node: string,
  sources: readonly Source[],
): Promise<readonly WantedRoutes[]> {
  const { rows } = await pool.query<Row>({
    name: 'list-routes',
    text: `select w.id as "workloadId", w.source_kind as "sourceKind", w.lifecycle = 'deleting' as "isLeaving",
        jsonb_build_object('faces', c.release->'faces', 'config', c.release->'config') as serving,
        jsonb_build_object('faces', p.release->'faces', 'config', p.release->'config') as pending
      from view.workload w
        left join view.deployment c on c.id = w.current_deployment_id
        left join view.deployment p on p.id = coalesce(w.running_deployment_id, w.pending_deployment_id)
      where w.node = $1 and w.lifecycle <> 'gone' order by w.id`,
    values: [node],
  });
  return rows.map(({ workloadId, sourceKind, serving, pending, isLeaving }) => {
    const source = sources.find((plugin) => plugin.kind === sourceKind);
    return { workloadId, serving: layout(source, serving), pending: layout(source, pending), isLeaving };
  });
}

function layout(source: Source | undefined, released: Released | null): RouteLayout | null {
  if (source?.upstream === undefined || released?.faces == null) return null;
  return layoutOf(released.faces, source.upstream(checkConfig(source.config, released.config).value));
}
